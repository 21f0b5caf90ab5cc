"""The file format of a stored result, written and read: JSON, arrays, and JPEG pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from poise.labels import QUALITY_FLAGS, VALENCES, LabelScheme, display_labels, display_posterior
from poise.storage.table_schema import as_table, frames_schema
from poise.timeline.smoothing import smooth
from poise.timeline.timecodes import timecode
from poise.types import Episode, RecordingAnalysis, RepresentativeFrame, Series, Statistics

if TYPE_CHECKING:
    import pandas as pd

FRAMES_FILE, RESULT_FILE = "frames.npz", "result.json"


def write_result(analysis: RecordingAnalysis, directory: Path) -> None:
    """Write what an analysis found into a directory that exists and is empty.

    Raises:
        OSError: If it cannot be written.
    """
    for name, data in analysis.files.items():
        (directory / name).write_bytes(data)
    np.savez(directory / FRAMES_FILE, **vars(analysis.frames))
    result = {
        "labels": analysis.labels.to_json(),
        "info": asdict(analysis.info),
        "loss": analysis.loss,
        "statistics": asdict(analysis.statistics),
        "frames_shown": len(analysis.frames.shown_frame),
        "episodes": [asdict(episode) for episode in analysis.episodes],
        "pictures": [asdict(picture) for picture in analysis.pictures],
        "stages": {stage: round(seconds, 3) for stage, seconds in analysis.stages.items()},
    }
    text = json.dumps(result, ensure_ascii=False)
    (directory / RESULT_FILE).write_text(text, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """What `write_result` wrote, read back."""

    labels: LabelScheme
    loss: str
    statistics: Statistics
    frames_shown: int
    episodes: list[Episode]
    pictures: list[RepresentativeFrame]
    directory: Path

    @classmethod
    def read(cls, directory: Path) -> StoredResult:
        """Read a result directory, the table of frames apart (`read_frames`)."""
        plain: dict[str, Any] = json.loads((directory / RESULT_FILE).read_text(encoding="utf-8"))
        statistics = plain["statistics"]
        longest = {label: Episode(**e) for label, e in statistics.pop("longest").items()}
        return cls(
            labels=LabelScheme.from_json(plain["labels"]),
            loss=plain["loss"],
            statistics=Statistics(**statistics, longest=longest),
            frames_shown=plain["frames_shown"],
            episodes=[Episode(**e) for e in plain["episodes"]],
            pictures=[RepresentativeFrame(**p) for p in plain["pictures"]],
            directory=directory,
        )

    def read_frames(self) -> pd.DataFrame:
        """The table of frames, without `recording_id`."""
        return _frames_table(self._read_arrays(), self.labels)

    def read_series(self, bandwidth_s: float) -> Series | None:
        """Posteriors at every usable frame; None where there is none.

        Args:
            bandwidth_s: Of the smoothing, see `pipeline.smooth`.
        """
        seen = self._read_arrays()
        if not len(seen["usable_frame"]):
            return None
        pts_s = seen["pts_s"][seen["usable_frame"]]
        emotion = smooth(pts_s, seen["posterior"], bandwidth_s)
        return Series(
            pts_s=pts_s,
            labels=display_labels(self.labels),
            smoothed=display_posterior(self.labels, emotion),
            emotions=self.labels.emotions,
            emotion=emotion,
        )

    def _read_arrays(self) -> dict[str, npt.NDArray[Any]]:
        with np.load(self.directory / FRAMES_FILE, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def _frames_table(seen: Mapping[str, npt.NDArray[Any]], labels: LabelScheme) -> pd.DataFrame:
    """One row per sampled frame, from the arrays that the analysis left."""
    import pandas as pd

    pts_ms = np.round(seen["pts_s"] * 1000).astype(np.int64)
    rows = pd.DataFrame(
        {
            "frame_index": seen["frame_index"],
            "pts_ms": pts_ms,
            "timecode": [timecode(int(ms)) for ms in pts_ms],
            "face_found": False,
            "usable": False,
            "other_faces": seen["other_faces"],
        }
    )
    face = pd.DataFrame(
        {
            "track_id": seen["track_id"],
            "detection_confidence": seen["confidence"],
            **{
                f"box_{corner}_px": seen["boxes"][:, k]
                for k, corner in enumerate(("x1", "y1", "x2", "y2"))
            },
            **{flag: seen["flags"][:, k] for k, flag in enumerate(QUALITY_FLAGS)},
        },
        index=seen["shown_frame"],
    )
    posterior = seen["posterior"]
    valence = labels.valence_posterior(posterior)
    emotions = labels.emotions
    said = pd.DataFrame(
        {
            **{f"p_{name}": posterior[:, k] for k, name in enumerate(emotions)},
            **{f"p_{name}": valence[:, k] for k, name in enumerate(VALENCES)},
            "valence": np.array(VALENCES)[valence.argmax(axis=1)],
            "emotion": np.array(emotions)[posterior.argmax(axis=1)],
        },
        index=seen["usable_frame"],
    )
    rows.loc[seen["shown_frame"], "face_found"] = True
    rows.loc[seen["usable_frame"], "usable"] = True
    return as_table(rows.join(face).join(said), frames_schema(labels)[1:])
