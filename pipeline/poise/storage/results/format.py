"""The file format of a stored result, written and read: JSON, arrays, and JPEG pictures."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from poise.coach_notes import CoachNote
from poise.errors import DamagedResultError, ModelError
from poise.identity_findings import IdentityFindings
from poise.labels import LabelScheme, display_labels
from poise.remarks import ReadingRemark
from poise.spoken import Segment, Sound
from poise.storage.plain import from_plain
from poise.storage.results.beside import read_notes
from poise.storage.results.frames_table import (
    counted,
    excluded_spans,
    frames_table,
    outside,
    usable_gaps,
    usable_times,
)
from poise.storage.results.owners import Owner, write_owners
from poise.storage.results.segments import read_given, sound_from_json
from poise.timeline.articulation import bandwidths
from poise.timeline.segment_figures import SeenFrames, SegmentFigures, segment_figures
from poise.timeline.segments import in_force
from poise.timeline.smoothing import continuous_runs, shown_for, smooth
from poise.types import (
    Baseline,
    Episode,
    FloatArray,
    Recording,
    RecordingAnalysis,
    RepresentativeFrame,
    SampledFrames,
    Series,
    Statistics,
    TimeArray,
)

if TYPE_CHECKING:
    import pandas as pd

FRAMES_FILE, RESULT_FILE, IDENTITY_FILE = "frames.npz", "result.json", "identity.npz"
_PICTURE_NAME = re.compile(r"[A-Za-z0-9_-]+\.jpg")
_USUAL_SMOOTHING_S, _USUAL_RATE_HZ = 0.4, 5.0  # of results that do not say what theirs are
_MAX_RESULT_BYTES = 256_000_000
_DAMAGED = (OSError, ValueError, ArithmeticError, KeyError, TypeError, AttributeError, IndexError,
            EOFError, MemoryError, RecursionError, NotImplementedError, zipfile.BadZipFile,
            ModelError)  # fmt: skip


def write_result(
    analysis: RecordingAnalysis,
    directory: Path,
    *,
    recording: Recording | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Write what an analysis found into a directory that exists and is empty.

    Args:
        analysis: What was found.
        directory: Where it goes.
        recording: Whose it is, so that the result can be forgotten without the ledger.
        origin: What it was made with: versions, device, precision; name to value.

    Raises:
        OSError: If it cannot be written.
    """
    for name, data in analysis.files.items():
        (directory / name).write_bytes(data)
    arrays = {name: array for name, array in vars(analysis.frames).items() if array is not None}
    np.savez(directory / FRAMES_FILE, **arrays)
    _write_identity(analysis.identity, directory)
    result = {
        "origin": dict(origin or {}),
        "labels": analysis.labels.to_json(),
        "info": asdict(analysis.info),
        "loss": analysis.loss,
        "baseline": asdict(analysis.baseline),
        "sound": asdict(analysis.sound),
        "remarks": [asdict(remark) for remark in analysis.remarks],
        "statistics": asdict(analysis.statistics),
        "frames_shown": len(analysis.frames.shown_frame),
        "episodes": [asdict(episode) for episode in analysis.episodes],
        "pictures": [asdict(picture) for picture in analysis.pictures],
        "stages": {stage: round(seconds, 3) for stage, seconds in analysis.stages.items()},
    }
    text = json.dumps(result, ensure_ascii=False)
    (directory / RESULT_FILE).write_text(text, encoding="utf-8")
    if recording is not None:
        write_owners([Owner(recording=recording)], directory)


def _write_identity(found: IdentityFindings | None, directory: Path) -> None:
    """Embeddings are biometric data: the file is its owner's alone, whatever the settings."""
    if found is None:
        return
    path = directory / IDENTITY_FILE
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("wb") as file:
        np.savez(file, **vars(found))
    for picture in directory.glob("face-*.jpg"):
        picture.chmod(0o600)


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """What `write_result` wrote, read back.

    `info` holds the entries of `VideoInfo` by name, as far as the analysis knew them; `origin`
    what the result was made with.
    """

    labels: LabelScheme
    loss: str
    baseline: Baseline
    statistics: Statistics
    frames_shown: int
    episodes: list[Episode]
    pictures: list[RepresentativeFrame]
    directory: Path
    info: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[ReadingRemark, ...] = ()
    sound: Sound = field(default_factory=Sound)
    given_segments: tuple[Segment, ...] = ()
    notes: tuple[CoachNote, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path, recording_id: str = "") -> StoredResult:
        """Read a result directory, and check all that it holds.

        A result may have been damaged, or made to do harm: what is taken from it is of the type
        and shape that it should be, and its pictures lie in the directory itself.

        Args:
            directory: Of the result.
            recording_id: Whose given segments and notes are meant, where several have the same
                bytes.

        Raises:
            DamagedResultError: If anything is wrong with it.
        """
        try:
            result = cls._read(directory, recording_id)
            _check_arrays(result.read_arrays())
            result.read_identity()
            _ = result._as_analysed
            for picture in result.pictures:
                _check_picture(directory, picture.image_file)
                if picture.overlay_file:  # a picture may have no map
                    _check_picture(directory, picture.overlay_file)
        except _DAMAGED as error:
            raise DamagedResultError(
                f"a stored result is damaged ({type(error).__name__}: {error})",
                remedy="Run poise analyze again: only this recording is analysed again.",
                path=directory,
            ) from error
        return result

    @classmethod
    def _read(cls, directory: Path, recording_id: str) -> StoredResult:
        path = directory / RESULT_FILE
        if path.stat().st_size > _MAX_RESULT_BYTES:
            raise ValueError("is too large")
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            labels=LabelScheme.from_json(plain["labels"]),
            loss=from_plain(str, plain["loss"]),
            baseline=from_plain(Baseline, plain["baseline"]),
            statistics=from_plain(Statistics, plain["statistics"]),
            frames_shown=from_plain(int, plain["frames_shown"]),
            episodes=from_plain(list[Episode], plain["episodes"]),
            pictures=from_plain(list[RepresentativeFrame], plain["pictures"]),
            directory=directory,
            info=dict(plain.get("info", {})),
            remarks=from_plain(tuple[ReadingRemark, ...], plain.get("remarks", [])),
            origin=from_plain(dict[str, str], plain.get("origin", {})),
            sound=sound_from_json(plain.get("sound", {})),
            given_segments=read_given(directory, recording_id),
            notes=read_notes(directory, recording_id),
        )

    def read_frames(
        self, smoothing_s: float | None = None, nominal_s: float | None = None
    ) -> pd.DataFrame:
        """The table of frames, without `recording_id`.

        Args:
            smoothing_s, nominal_s: Bandwidth of the smoothing (columns `smooth_p_*`), and
                sampling interval that was asked for; None: as the analysis had them.
        """
        own_smoothing_s, own_nominal_s = self._as_analysed
        if smoothing_s is None:
            smoothing_s = own_smoothing_s
        if nominal_s is None:
            nominal_s = own_nominal_s
        arrays = self.read_arrays()
        return frames_table(
            arrays, self.labels, smoothing_s, nominal_s, self.segments, self.sound.spoken
        )

    @property
    def _as_analysed(self) -> tuple[float, float]:
        """Bandwidth of the smoothing, and sampling interval that was asked for, in seconds."""
        rate_hz = float(self.origin.get("sample_rate_hz", _USUAL_RATE_HZ))
        return float(self.origin.get("smoothing_s", _USUAL_SMOOTHING_S)), 1 / rate_hz

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Answers and questions, see `poise.timeline.segments.in_force`."""
        return in_force(self.given_segments, self.sound, self.end_s)

    @property
    def end_s(self) -> float:
        """Where a player shows it to end, in seconds; where its pictures do if that is later."""
        of_file = self.info.get("duration_s")
        claimed = float(of_file) if isinstance(of_file, int | float) else 0.0
        return max(self.statistics.end_s, self.statistics.duration_s, claimed)

    @property
    def length_s(self) -> float:
        """How long its pictures last, with what is excluded and with holes, in seconds."""
        return max(self.statistics.duration_s, self.statistics.end_s - self.statistics.start_s)

    @property
    def excluded_s(self) -> tuple[tuple[float, float], ...]:
        """From when to when the recording is left out of every figure, in seconds."""
        return excluded_spans(self.segments)

    def read_segment_figures(self, sample_rate_hz: float) -> list[SegmentFigures]:
        """Figures of the recording, and of each segment by part and state.

        Args:
            sample_rate_hz: Of the analysis.
        """
        seen = self.read_arrays()
        pts_s = seen["pts_s"].astype(np.float64).round(3)
        frames = SeenFrames(
            pts_s=pts_s,
            shown_s=shown_for(pts_s, 1 / sample_rate_hz),
            speaking=seen.get("speaking"),
            usable_frame=seen["usable_frame"],
            reading=seen["reading"],
            labels=display_labels(self.labels),
            episodes=self.episodes,
        )
        return list(segment_figures(frames, self.segments))

    def read_series(self, smoothing_s: float) -> Series | None:
        """Posteriors at every usable frame that counts; None where there is none.

        Args:
            smoothing_s: Bandwidth of the smoothing, see `poise.timeline.smoothing.smooth`.
        """
        seen = counted(self.read_arrays(), self.excluded_s)
        if not len(seen["usable_frame"]):
            return None
        pts_s, gap_s = usable_times(seen), usable_gaps(seen, self.excluded_s)
        posterior = seen["posterior"]
        bandwidth_s = bandwidths(pts_s, self.sound.spoken, smoothing_s)
        return Series(
            pts_s=pts_s,
            labels=display_labels(self.labels),
            smoothed=smooth(pts_s, seen["reading"], bandwidth_s, gap_s),
            label_column=seen["reading"].argmax(axis=1),
            emotions=self.labels.emotions,
            emotion=smooth(pts_s, posterior, bandwidth_s, gap_s),
            breaks=np.array([start for start, _ in continuous_runs(pts_s, gap_s)[1:]], np.int64),
        )

    def read_readings(self) -> tuple[TimeArray, FloatArray]:
        """Times of the usable frames in seconds, float64 [K], and how each is read, as posteriors
        of the valence classes, float32 [K, L]."""
        with np.load(self.directory / FRAMES_FILE, allow_pickle=False) as file:
            seen = {name: file[name] for name in ("pts_s", "usable_frame", "reading")}
        return usable_times(seen), seen["reading"]

    def read_runs(self) -> tuple[TimeArray, list[tuple[int, int]]]:
        """Times of the usable frames that count in seconds, float64 [K], and their runs without a
        gap, as half-open ranges."""
        with np.load(self.directory / FRAMES_FILE, allow_pickle=False) as file:
            seen = {name: file[name] for name in ("pts_s", "usable_frame")}
        seen["usable_frame"] = seen["usable_frame"][outside(usable_times(seen), self.excluded_s)]
        return usable_times(seen), continuous_runs(
            usable_times(seen), usable_gaps(seen, self.excluded_s)
        )

    def read_identity(self) -> IdentityFindings | None:
        """Who was seen; None where that was not kept. It is read once."""
        return self._identity

    @cached_property
    def _identity(self) -> IdentityFindings | None:
        return read_identity(self.directory)

    def read_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of `poise.types.SampledFrames`, by name."""
        # (Given a path, numpy would leave a file that is no archive open.)
        path = self.directory / FRAMES_FILE
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def read_identity(directory: Path) -> IdentityFindings | None:
    """Who was seen, of a result's directory; None where that was not kept."""
    path = directory / IDENTITY_FILE
    if not path.is_file():
        return None
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return IdentityFindings(
            doubt=str(file["doubt"]),
            by_portrait=bool(file["by_portrait"]),
            embedding=file["embedding"],
            others=file["others"],
            uncertain_frames=int(file["uncertain_frames"]),
        )


def _check_arrays(seen: Mapping[str, npt.NDArray[Any]]) -> None:
    """Whether the arrays fit each other.

    Raises:
        ValueError, TypeError: If not.
    """
    frames = SampledFrames(**seen)
    for rows in (frames.shown_frame, frames.usable_frame):
        if rows.dtype.kind != "i" or (
            len(rows) and not 0 <= rows.min() <= rows.max() < len(seen["pts_s"])
        ):
            raise ValueError("rows of frames that do not exist")
    if not np.isfinite(frames.pts_s).all() or (np.diff(frames.pts_s) < 0).any():
        raise ValueError("times that do not ascend")


def _check_picture(directory: Path, name: str) -> None:
    """Whether a picture is a JPEG file of that directory, and no link to another place.

    Raises:
        ValueError, OSError: If not.
    """
    path = directory / name
    if not _PICTURE_NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
        raise ValueError(f"{name[:40]!r} is no picture of it")
    with path.open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            raise ValueError(f"{name!r} is no JPEG")
