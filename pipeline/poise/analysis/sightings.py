"""Sightings: all faces of a recording, or of a part of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.analysis.views import Look
from poise.faces.appearance import SIGNATURE, SURROUNDINGS, THUMBNAIL
from poise.labels import QUALITY_FLAGS
from poise.media.decoders.protocol import View
from poise.media.decoders.server import SampleEnd
from poise.remarks import ReadingRemark
from poise.types import FloatArray, Image, IntArray, TimeArray, VideoInfo


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """All faces of a recording, or of a part of it, in order of time.

    Args:
        pts_s, frame_index: Of the sampled frames, [F].
        frame: Row among the sampled frames of each face, int64 [M].
        boxes, landmarks, confidence: In full-resolution pixels; float32 [M, 4], [M, 5, 2], [M].
        signature: Coarse copies of the sampled frames (`poise.faces.appearance`), uint8 [F, P].
        thumbnail: Of the aligned crops (`poise.faces.appearance`), uint8 [M, P].
        surroundings: Coarse copies of what is around each face (`poise.faces.appearance`), uint8
            [M, P].
        chip: Row of each face in the file of chips, or -1 where none was kept, int64 [M].
        sharpness, brightness: Of the aligned crops, float32 [M].
        flags: See `poise.faces.quality.quality_flags`, bool [M, Q].
        size_px: Width and height of the upright, full-resolution frame.
        look: How it was looked at.
        loss: What could not be read.
        remarks: What was unusual about how it was read.
        wanted_px: Width and height into which all frames fit without losing detail.
        span_frames: Frames of the recording in the part that was looked at.
        stages: Seconds that each stage took for it, where it is a part.
    """

    pts_s: TimeArray
    frame_index: IntArray
    frame: IntArray
    boxes: FloatArray
    landmarks: FloatArray
    confidence: FloatArray
    signature: Image
    thumbnail: Image
    surroundings: Image
    chip: IntArray
    sharpness: FloatArray
    brightness: FloatArray
    flags: npt.NDArray[np.bool_]
    size_px: tuple[int, int]
    look: Look
    loss: str
    remarks: tuple[ReadingRemark, ...]
    wanted_px: tuple[int, int]
    span_frames: int
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def short_side_px(self) -> int:
        """Of the reduced frames that were looked at."""
        return self.look.short_side_px

    @property
    def chip_count(self) -> int:
        """How many chips were kept."""
        return int(self.chip.max(initial=-1)) + 1

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        told = {name: value for name, value in vars(self).items() if name not in _ARRAYS}
        told |= {"look": asdict(self.look), "remarks": [asdict(r) for r in self.remarks]}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        np.savez(path, told=json.dumps(told), **arrays)

    @classmethod
    def load(cls, path: Path) -> Sightings:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values: dict[str, Any] = {name: file[name] for name in _ARRAYS}
            told = json.loads(str(file["told"]))
        look = told["look"]
        view, canvas_px = look["view"], look["view"]["canvas_px"]
        view["canvas_px"] = canvas_px and tuple(canvas_px)
        return cls(
            **values,
            **{
                **told,
                "look": Look(**{**look, "view": View(**view)}),
                "remarks": tuple(ReadingRemark(**remark) for remark in told["remarks"]),
                "size_px": tuple(told["size_px"]),
                "wanted_px": tuple(told["wanted_px"]),
            },
        )

    @classmethod
    def joined(cls, parts: Sequence[Sightings]) -> Sightings:
        """A recording from its parts, in order."""
        samples = np.cumsum([0, *(len(p.pts_s) for p in parts)])
        frames = np.cumsum([0, *(p.span_frames for p in parts)])
        chips = np.cumsum([0, *(p.chip_count for p in parts)])
        moved = [
            replace(
                part,
                frame=part.frame + samples[k],
                frame_index=part.frame_index + frames[k],
                chip=np.where(part.chip < 0, -1, part.chip + chips[k]),
            )
            for k, part in enumerate(parts)
        ]
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in moved]) for name in _ARRAYS
        }
        stages: Counter[str] = Counter()
        for part in parts:
            stages.update(part.stages)
        told = {remark.text: remark for part in parts for remark in part.remarks}
        return replace(
            parts[0],
            **arrays,
            remarks=tuple(told.values()),
            wanted_px=tuple(np.max([part.wanted_px for part in parts], axis=0).tolist()),
            span_frames=int(frames[-1]),
            stages=dict(stages),
        )


_OF_FACES = ("frame", "boxes", "landmarks", "confidence", "thumbnail", "surroundings", "chip",
             "sharpness", "brightness", "flags")  # fmt: skip
_ARRAYS = ("pts_s", "frame_index", "signature", *_OF_FACES)


def gathered(
    parts: Sequence[dict[str, npt.NDArray[Any]]],
    info: VideoInfo,
    look: Look,
    end: SampleEnd,
    end_s: float,
) -> Sightings:
    """What was seen before a time; a sample beyond it only served to close the last period."""
    if not parts:
        parts = [_NOTHING]
    columns: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    whole = Sightings(
        **columns,
        size_px=(info.width_px, info.height_px),
        look=look,
        loss=end.loss,
        remarks=end.remarks,
        wanted_px=end.wanted_canvas_px or (info.width_px, info.height_px),
        span_frames=end.span_frames,
    )
    return _up_to(whole, end_s)


def _up_to(seen: Sightings, end_s: float) -> Sightings:
    frames = int(np.searchsorted(seen.pts_s, end_s))
    faces = int(np.searchsorted(seen.frame, frames))
    return replace(
        seen,
        pts_s=seen.pts_s[:frames],
        frame_index=seen.frame_index[:frames],
        signature=seen.signature[:frames],
        **{name: getattr(seen, name)[:faces] for name in _OF_FACES},
    )


_NOTHING: dict[str, npt.NDArray[Any]] = {
    "pts_s": np.zeros(0, np.float64),
    "frame_index": np.zeros(0, np.int64),
    "frame": np.zeros(0, np.int64),
    "boxes": np.zeros((0, 4), np.float32),
    "landmarks": np.zeros((0, 5, 2), np.float32),
    "confidence": np.zeros(0, np.float32),
    "signature": np.zeros((0, SIGNATURE), np.uint8),
    "thumbnail": np.zeros((0, THUMBNAIL), np.uint8),
    "surroundings": np.zeros((0, SURROUNDINGS), np.uint8),
    "chip": np.zeros(0, np.int64),
    "sharpness": np.zeros(0, np.float32),
    "brightness": np.zeros(0, np.float32),
    "flags": np.zeros((0, len(QUALITY_FLAGS)), np.bool_),
}
