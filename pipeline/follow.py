"""Following faces: the full cascade on key frames, boxes carried between them and refined.

In an interview faces move little from one sampled frame to the next. The first frame of every
period is a key frame; between two key frames that show the same faces their boxes are
interpolated, and MTCNN's last network corrects them twice, as it does in the cascade. Where the key
frames differ, the cascade looks at the frame in the middle, which becomes a key frame, and so on.
Where the last network is not sure of a face, the cascade looks at that frame itself.

Which frames are keys depends on their time stamps alone, so that a recording that is analysed in
parts gives the same faces as one analysed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from pipeline.boxes import matched
from pipeline.detect import MIN_FACE_PX
from pipeline.types import FaceDetections, FloatArray, FrameBatch, Image, IntArray, TimeArray

PERIOD_S, PERIOD_SAMPLES = 2.0, 10  # whichever is shorter
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
        known: dict[int, FaceDetections] = {}
        if self._first_faces is not None:
            known[0] = self._first_faces
        known |= self._cascade(joined.images, [key for key in keys if key not in known])
        gaps, carried = list(pairwise(keys)), _Carried()
        narrowed = False
        while gaps:
            middles = []
            for before, after in gaps:
                pairs = matched(known[before].boxes_xyxy_px, known[after].boxes_xyxy_px)
                counts = {len(known[before]), len(known[after]), len(pairs)}
                if after - before < 2 or (counts == {0} and narrowed):
                    continue
                if len(counts) == 1 and counts != {0}:
                    carried.add(before, after, known, pairs, joined.pts_s)
                else:
                    middles.append((before, (before + after) // 2, after))
            known |= self._cascade(joined.images, [middle for _, middle, _ in middles])
            gaps = [gap for before, middle, after in middles
                    for gap in ((before, middle), (middle, after))]  # fmt: skip
            narrowed = True
        between, unsure = self._corrected(joined.images, carried)
        known |= self._cascade(joined.images, unsure)
        faces = FaceDetections.joined([*known.values(), between])
        return joined, faces.take(np.argsort(faces.row, kind="stable"))

    def _corrected(self, images: Image, carried: _Carried) -> tuple[FaceDetections, list[int]]:
        """Carried faces as the last network sees them, and the frames in which it is unsure."""
        boxes, row, needed = carried.arrays()
        first = self.detector.refine(images, boxes, row)
        between = self.detector.refine(images, first.boxes_xyxy_px, row)
        unsure = sorted(_unsure(between, needed))
        return between.take(~np.isin(row, unsure)), unsure

    def _cascade(self, images: Image, frames: Sequence[int]) -> dict[int, FaceDetections]:
        """The full cascade on the given frames; `row` of the faces counts in all of them."""
        found: dict[int, FaceDetections] = {}
        for start in range(0, len(frames), _CASCADE_FRAMES):
            part = np.array(frames[start : start + _CASCADE_FRAMES])
            faces = self.detector.detect(images[part], min_face_px=self.min_face_px)
            faces = replace(faces, row=part[faces.row])
            found |= {int(frame): faces.take(faces.row == frame) for frame in part}
        return found


class _Carried:
    """Boxes between key frames, by interpolation."""

    def __init__(self) -> None:
        self._boxes: list[FloatArray] = []
        self._row: list[int] = []
        self._needed: list[float] = []

    def add(
        self,
        before: int,
        after: int,
        faces: Mapping[int, FaceDetections],
        pairs: Mapping[int, int],
        pts_s: TimeArray,
    ) -> None:
        """Carry the faces of one key frame to the next one; `pairs` as from `matched`."""
        here, there = faces[before], faces[after]
        for k, i in sorted(pairs.items()):
            first, last = here.boxes_xyxy_px[i], there.boxes_xyxy_px[k]
            confidence = min(here.detection_confidence[i], there.detection_confidence[k])
            for frame in range(before + 1, after):
                share = (pts_s[frame] - pts_s[before]) / (pts_s[after] - pts_s[before])
                self._boxes.append((1 - share) * first + share * last)
                self._row.append(frame)
                self._needed.append(min(_SURE, _LESS * float(confidence)))

    def arrays(self) -> tuple[FloatArray, IntArray, FloatArray]:
        """Boxes float32 [M, 4], their frames int64 [M], and the confidence each must reach [M]."""
        return (
            np.array(self._boxes, np.float32).reshape(-1, 4),
            np.array(self._row, np.int64),
            np.array(self._needed, np.float32),
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
