"""Following faces: the full cascade on key frames, boxes carried between them and refined.

In an interview faces move little from one sampled frame to the next. The first frame of every
period is a key frame; between two key frames that show the same faces their boxes are
interpolated, and MTCNN's last network corrects them twice, as it does in the cascade. Where it is
not sure of a face, or the key frames differ, the full cascade looks at the frame itself.

Which frames are keys depends on their time stamps alone, so that a recording that is analysed in
parts gives the same faces as one analysed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from pipeline.boxes import matched
from pipeline.detect import MIN_FACE_PX
from pipeline.types import FaceDetections, FloatArray, FrameBatch, Image, IntArray, TimeArray

PERIOD_S, PERIOD_SAMPLES = 1.0, 5  # whichever is shorter
_WINDOW_FRAMES, _WINDOW_BYTES = 10, 32_000_000
_CASCADE_FRAMES = 16
_SURE = 0.9  # confidence of a face that was carried
_LESS = 0.97  # of the confidence in the key frames suffices
_PART_OF = 0.6  # more in common than this, relative to the smaller: twice the same face


class Detector(Protocol):
    """What finds faces: `pipeline.detect.FaceDetector`, here or in another process."""

    def detect(self, images: Image, *, min_face_px: float = MIN_FACE_PX) -> FaceDetections:
        """See `FaceDetector.detect`."""

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        """See `FaceDetector.refine`."""


def follow(
    batches: Iterable[FrameBatch],
    detector: Detector,
    *,
    min_face_px: float = MIN_FACE_PX,
    period_s: float,
) -> Iterator[tuple[FrameBatch, FaceDetections]]:
    """Faces in all frames of a recording.

    Args:
        batches: Consecutive sampled frames, all of one size.
        detector: MTCNN.
        min_face_px: Height of the smallest face looked for, in pixels of the given frames.
        period_s: Time from one key frame to the next; 0 makes every frame a key frame.

    Yields:
        The same frames in other batches, each with its faces in pixels of the given frames, frame
        by frame.
    """
    window = _Window(detector, min_face_px)
    last_period = None
    for batch in batches:
        for k in range(len(batch)):
            pts_s = float(batch.pts_s[k])
            period = int((pts_s + 1e-6) / period_s) if period_s else None
            is_key = period is None or period != last_period
            last_period = period
            if is_key and window.is_full:
                yield window.close(batch, k)
            window.add(batch, k, is_key)
    if window.frames:
        yield window.finish()


class _Window:
    """Frames that wait for the key frame that closes them; the first is a key frame."""

    def __init__(self, detector: Detector, min_face_px: float) -> None:
        self.detector, self.min_face_px = detector, min_face_px
        self.frames: list[tuple[FrameBatch, int]] = []
        self._keys: list[int] = []
        self._first_faces: FaceDetections | None = None

    @property
    def is_full(self) -> bool:
        if not self.frames:
            return False
        nbytes = int(self.frames[0][0].images[0].nbytes)
        return len(self.frames) >= min(_WINDOW_FRAMES, max(1, _WINDOW_BYTES // nbytes))

    def add(self, batch: FrameBatch, k: int, is_key: bool) -> None:
        if is_key:
            self._keys.append(len(self.frames))
        self.frames.append((batch, k))

    def close(self, batch: FrameBatch, k: int) -> tuple[FrameBatch, FaceDetections]:
        """Faces of all frames, given the key frame that comes after them."""
        frames, faces = self._faces([*self.frames, (batch, k)], [*self._keys, len(self.frames)])
        count = len(self.frames)
        self.frames, self._keys = [], []
        closing = faces.take(faces.row == count)
        self._first_faces = replace(closing, row=closing.row - count)
        return frames.take(slice(count)), faces.take(faces.row < count)

    def finish(self) -> tuple[FrameBatch, FaceDetections]:
        """Faces of all frames, the last of which is taken for a key frame."""
        last = len(self.frames) - 1
        keys = self._keys if self._keys[-1] == last else [*self._keys, last]
        result = self._faces(self.frames, keys)
        self.frames = []
        return result

    def _faces(
        self, frames: Sequence[tuple[FrameBatch, int]], keys: Sequence[int]
    ) -> tuple[FrameBatch, FaceDetections]:
        joined = _stacked(frames)
        known = self._first_faces
        cascade = self._cascade(joined.images, keys if known is None else keys[1:])
        at_keys = cascade if known is None else FaceDetections.joined([known, cascade])
        boxes, row, needed, looked_at = _carried(at_keys, keys, joined.pts_s)
        first = self.detector.refine(joined.images, boxes, row)
        between = self.detector.refine(joined.images, first.boxes_xyxy_px, row)
        again = sorted(looked_at | _unsure(between, needed))
        between = between.take(~np.isin(row, again))
        faces = FaceDetections.joined([at_keys, between, self._cascade(joined.images, again)])
        return joined, faces.take(np.argsort(faces.row, kind="stable"))

    def _cascade(self, images: Image, rows: Sequence[int]) -> FaceDetections:
        """The full cascade on the given frames; `row` counts in all of them."""
        found = []
        for start in range(0, len(rows), _CASCADE_FRAMES):
            part = np.array(rows[start : start + _CASCADE_FRAMES])
            faces = self.detector.detect(images[part], min_face_px=self.min_face_px)
            found.append(replace(faces, row=part[faces.row]))
        return FaceDetections.joined(found)


def _carried(
    faces: FaceDetections, keys: Sequence[int], pts_s: TimeArray
) -> tuple[FloatArray, IntArray, FloatArray, set[int]]:
    """Boxes between key frames, by interpolation.

    Returns:
        Boxes float32 [M, 4], their frames int64 [M], the confidence that each must reach float32
        [M], and the frames that have to be looked at themselves.
    """
    boxes: list[FloatArray] = []
    row: list[int] = []
    needed: list[float] = []
    looked_at: set[int] = set()
    for before, after in pairwise(keys):
        here, there = np.flatnonzero(faces.row == before), np.flatnonzero(faces.row == after)
        pairs = matched(faces.boxes_xyxy_px[here], faces.boxes_xyxy_px[there])
        if not len(here) == len(there) == len(pairs) > 0:
            looked_at.update(range(before + 1, after))
            continue
        for k, i in sorted(pairs.items()):
            a, b = here[i], there[k]
            confidence = float(faces.detection_confidence[[a, b]].min())
            for frame in range(before + 1, after):
                share = (pts_s[frame] - pts_s[before]) / (pts_s[after] - pts_s[before])
                boxes.append((1 - share) * faces.boxes_xyxy_px[a] + share * faces.boxes_xyxy_px[b])
                row.append(frame)
                needed.append(min(_SURE, _LESS * confidence))
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(row, np.int64),
        np.array(needed, np.float32),
        looked_at,
    )


def _unsure(faces: FaceDetections, needed: FloatArray) -> set[int]:
    """Frames in which a carried face is not found again, or two have become the same."""
    unsure = set(faces.row[faces.detection_confidence < needed].tolist())
    for frame in set(faces.row.tolist()) - unsure:
        own = faces.boxes_xyxy_px[faces.row == frame]
        for i, a in enumerate(own):
            if any(_shared(a, b) > _PART_OF for b in own[i + 1 :]):
                unsure.add(frame)
    return unsure


def _shared(a: FloatArray, b: FloatArray) -> float:
    """What two boxes have in common, relative to the smaller."""
    extent = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    smaller = min(float((a[2:] - a[:2]).prod()), float((b[2:] - b[:2]).prod()))
    return float(extent.prod()) / max(smaller, 1e-9)


def _stacked(frames: Sequence[tuple[FrameBatch, int]]) -> FrameBatch:
    return FrameBatch(
        images=np.stack([batch.images[k] for batch, k in frames]),
        frame_index=np.array([batch.frame_index[k] for batch, k in frames], np.int64),
        pts_s=np.array([batch.pts_s[k] for batch, k in frames], np.float64),
        scale=frames[0][0].scale,
    )
