"""Sightings: all faces of a recording, or of a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.labels import QUALITY_FLAGS
from poise.media.decoders.server import SampleEnd
from poise.types import FloatArray, IntArray, TimeArray, VideoInfo


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """All faces of a recording, or of a part of it, in order of time.

    Args:
        pts_s, frame_index: Of the sampled frames, [F].
        frame: Row among the sampled frames of each face, int64 [M].
        boxes, landmarks, confidence: In full-resolution pixels; float32 [M, 4], [M, 5, 2], [M].
        appearance: Thumbnails of the aligned crops, float16 [M, P].
        sharpness, brightness: Of the aligned crops, float32 [M].
        flags: bool [M, 5].
        size_px: Width and height of the upright, full-resolution frame.
        short_side_px: Of the reduced frames that were looked at.
        loss: What could not be read.
        span_frames: Frames of the recording in the part that was looked at.
    """

    pts_s: TimeArray
    frame_index: IntArray
    frame: IntArray
    boxes: FloatArray
    landmarks: FloatArray
    confidence: FloatArray
    appearance: npt.NDArray[np.float16]
    sharpness: FloatArray
    brightness: FloatArray
    flags: npt.NDArray[np.bool_]
    size_px: tuple[int, int]
    short_side_px: int
    loss: str
    span_frames: int

    def save(self, path: Path) -> None:
        """Write to an `.npz` file."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Sightings:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values: dict[str, Any] = {entry.name: file[entry.name] for entry in fields(cls)}
        width, height = values["size_px"]
        return cls(
            **{
                **values,
                "size_px": (int(width), int(height)),
                "short_side_px": int(values["short_side_px"]),
                "loss": str(values["loss"]),
                "span_frames": int(values["span_frames"]),
            }
        )

    @classmethod
    def joined(cls, parts: Sequence[Sightings]) -> Sightings:
        """A recording from its parts, in order."""
        samples = np.cumsum([0, *(len(p.pts_s) for p in parts)])
        frames = np.cumsum([0, *(p.span_frames for p in parts)])
        moved = [
            replace(part, frame=part.frame + samples[k], frame_index=part.frame_index + frames[k])
            for k, part in enumerate(parts)
        ]
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in moved])
            for name in ("pts_s", "frame_index", *_OF_FACES)
        }
        return replace(
            parts[0],
            **arrays,
            span_frames=int(frames[-1]),
        )


_OF_FACES = ("frame", "boxes", "landmarks", "confidence", "appearance", "sharpness",
             "brightness", "flags")  # fmt: skip


def gathered(
    parts: Sequence[dict[str, npt.NDArray[Any]]],
    info: VideoInfo,
    short_side_px: int,
    end: SampleEnd,
    end_s: float,
) -> Sightings:
    """What was seen before a time; a sample beyond it only served to close the last period."""
    if not parts:
        parts = [_NOTHING]
    whole = Sightings(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        size_px=(info.width_px, info.height_px),
        short_side_px=short_side_px,
        loss=end.loss,
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
        **{name: getattr(seen, name)[:faces] for name in _OF_FACES},
    )


_NOTHING: dict[str, npt.NDArray[Any]] = {
    "pts_s": np.zeros(0, np.float64),
    "frame_index": np.zeros(0, np.int64),
    "frame": np.zeros(0, np.int64),
    "boxes": np.zeros((0, 4), np.float32),
    "landmarks": np.zeros((0, 5, 2), np.float32),
    "confidence": np.zeros(0, np.float32),
    "appearance": np.zeros((0, 144), np.float16),
    "sharpness": np.zeros(0, np.float32),
    "brightness": np.zeros(0, np.float32),
    "flags": np.zeros((0, len(QUALITY_FLAGS)), np.bool_),
}
