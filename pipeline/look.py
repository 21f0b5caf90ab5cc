"""Looking at a recording: decode, detect, align; all faces of it, or of a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import quality, track
from pipeline.align import align_face
from pipeline.decoders import WHOLE, SampleSpan
from pipeline.decoders.server import SampleEnd
from pipeline.detect import MIN_FACE_PX
from pipeline.engine import Engine
from pipeline.errors import VideoError
from pipeline.follow import PERIOD_S, PERIOD_SAMPLES, follow
from pipeline.network import ModelSpec
from pipeline.spool import CropSpool
from pipeline.types import (
    FaceDetections,
    FloatArray,
    FrameBatch,
    Image,
    IntArray,
    TimeArray,
    VideoInfo,
)

_CLEAR_FACE_PX = 64.0  # a smaller face in the reduced frames is worth a closer look
_MAX_DETECTION_PX = 2160
_GLANCE_SAMPLES = 25  # enough to see how large the candidate's face is


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """All faces of a recording, or of a part of it, in order of time.

    Args:
        pts_s, frame_index: Of the sampled frames, [F].
        frame: Row among the sampled frames of each face, int64 [M].
        boxes, landmarks, confidence: In full-resolution pixels; float32 [M, 4], [M, 5, 2], [M].
        appearance: Thumbnails of the aligned crops, float16 [M, P].
        sharpness: float32 [M].
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


_OF_FACES = ("frame", "boxes", "landmarks", "confidence", "appearance", "sharpness", "flags")


def track_faces(seen: Sightings) -> tuple[IntArray, list[track.FaceTrack]]:
    """Link faces through time.

    Returns:
        The track of each face, int64 [M], and those of the candidate, the most prominent first.
    """
    tracker = track.Tracker()
    of_frame = np.searchsorted(seen.frame, np.arange(len(seen.pts_s) + 1))
    ids = [
        tracker.update(float(pts_s), seen.boxes[of_frame[k] : of_frame[k + 1]])
        for k, pts_s in enumerate(seen.pts_s)
    ]
    track_id = np.concatenate([np.zeros(0, np.int64), *ids])
    tracks = track.gather_tracks(track_id, seen.frame, seen.boxes, seen.appearance, seen.size_px)
    return track_id, track.choose_candidate(tracks, seen.size_px[1])


def closer(seen: Sightings, chosen: Sequence[track.FaceTrack]) -> int | None:
    """Short side of the frames in which the candidate's face would be large enough, if it is not.

    Returns:
        In pixels; None where these frames do, or larger ones are not to be had.
    """
    limit = min(*seen.size_px, _MAX_DETECTION_PX)
    if not chosen or seen.short_side_px >= limit:
        return None
    face_px = chosen[0].side_px * seen.short_side_px / min(seen.size_px)
    if face_px >= _CLEAR_FACE_PX:
        return None
    return min(limit, int(seen.short_side_px * 1.25 * _CLEAR_FACE_PX / face_px))


def glance(path: Path, engine: Engine, spool: CropSpool) -> tuple[VideoInfo, int]:
    """What the container says, and the short side of the frames to look at, from a first look.

    Raises:
        VideoError: If the recording cannot be read at all.
    """
    short_side_px = engine.settings.detection_px
    span = SampleSpan(last=_GLANCE_SAMPLES)
    info, seen = look(path, engine, spool, short_side_px=short_side_px, span=span)
    return info, closer(seen, track_faces(seen)[1]) or short_side_px


def look(
    path: Path,
    engine: Engine,
    spool: CropSpool,
    *,
    short_side_px: int,
    span: SampleSpan = WHOLE,
    glancing: bool = False,
) -> tuple[VideoInfo, Sightings]:
    """Look at a recording, or at a part of it, with frames of the given size.

    Args:
        path: The recording.
        engine: Detector, decoding process, settings.
        spool: Takes the aligned crop of each face.
        short_side_px: Of the frames.
        span: The part.
        glancing: Whether to stop after the first seconds where these call for a closer look.

    Raises:
        VideoError: If it cannot be read at all.
    """
    settings, watch = engine.settings, engine.stopwatch
    spool.keep(0)
    closing = span if span.last is None else replace(span, beyond=1)
    info, items = engine.decoding.sample(
        path,
        backend=settings.decoder,
        rate_hz=settings.sample_rate_hz,
        short_side_px=short_side_px,
        span=closing,
        skip_frames=settings.skip_frames == "auto",
    )
    size = (info.width_px, info.height_px)
    reading = _Reading(watch.timing("decode", items))
    followed = follow(
        reading,
        engine.detector,
        min_face_px=MIN_FACE_PX * max(1.0, short_side_px / settings.detection_px),
        period_s=min(PERIOD_S, PERIOD_SAMPLES / settings.sample_rate_hz),
    )
    glance_s = _GLANCE_SAMPLES / settings.sample_rate_hz - 1e-6
    end_s = np.inf if span.last is None else span.last / settings.sample_rate_hz - 1e-6
    parts: list[dict[str, npt.NDArray[Any]]] = []
    seen = 0
    try:
        for batch, found in watch.timing("detect", followed, inner="decode"):
            with watch("align"):
                parts.append(_described(batch, found, engine.spec, size, seen, spool))
            seen += len(batch)
            if glancing and batch.pts_s[-1] >= glance_s:
                glancing = False
                early = _sightings(parts, info, short_side_px, reading.end, glance_s)
                if closer(early, track_faces(early)[1]):
                    return info, early
            del batch  # two at once would take half as much memory again
    except VideoError as error:
        if seen == 0:
            raise
        last_s = parts[-1]["pts_s"][-1]
        reading.end = SampleEnd(loss=f"{error.cause} after {last_s:.1f} s", span_frames=0)
    sightings = _sightings(parts, info, short_side_px, reading.end, end_s)
    spool.keep(len(sightings.frame))
    return info, sightings


class _Reading:
    """Batches of frames; the end of the recording is kept apart."""

    def __init__(self, items: Iterable[FrameBatch | SampleEnd]) -> None:
        self._items = items
        self.end = SampleEnd(loss="", span_frames=0)

    def __iter__(self) -> Iterator[FrameBatch]:
        for item in self._items:
            if isinstance(item, SampleEnd):
                self.end = item
            else:
                yield item


def _described(
    batch: FrameBatch,
    found: FaceDetections,
    spec: ModelSpec,
    size: tuple[int, int],
    seen: int,
    spool: CropSpool,
) -> dict[str, npt.NDArray[Any]]:
    """Columns of `Sightings` for the faces of a batch, whose crops go to the spool."""
    crops = _align(batch.images, found.landmarks_px, found.row, spec)
    spool.append(crops)
    faces = found.scaled(1 / batch.scale)
    return {
        "pts_s": batch.pts_s,
        "frame_index": batch.frame_index,
        "frame": faces.row + seen,
        "boxes": faces.boxes_xyxy_px,
        "landmarks": faces.landmarks_px,
        "confidence": faces.detection_confidence,
        "appearance": track.thumbnails(crops).astype(np.float16),
        "sharpness": quality.sharpness_of(crops),
        "flags": quality.quality_flags(faces.boxes_xyxy_px, faces.landmarks_px, crops, size),
    }


def _align(images: Image, landmarks: FloatArray, row: IntArray, spec: ModelSpec) -> Image:
    crops = np.empty((len(row), spec.input_px, spec.input_px, 3), np.uint8)
    for k, frame in enumerate(row):
        crops[k] = align_face(images[frame], landmarks[k], spec.template_px, spec.input_px)
    return crops


def _sightings(
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
    "flags": np.zeros((0, len(quality.FLAGS)), np.bool_),
}
