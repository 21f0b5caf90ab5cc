"""Following faces: the full cascade on key frames, boxes carried between them and refined.

In an interview faces move little from one sampled frame to the next. The first frame of every
period is a key frame; between two key frames that show the same faces their boxes are
interpolated, and MTCNN's last network corrects them twice, as it does in the cascade. Where they
differ by a face that is certainly one, or share none, the cascade looks at the frame in the middle,
for faces not much smaller than theirs; it becomes a key frame, and so on.
Where the last network is not sure of a face, the cascade looks at that frame itself.

Which frames are keys depends on their time stamps alone, so that a recording that is analysed in
parts gives the same faces as one analysed at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from poise.faces.boxes import matched, part_of_smaller
from poise.faces.detection.detector import MIN_FACE_PX, PYRAMID_FACTOR
from poise.types import FaceDetections, FloatArray, FrameBatch, Image, IntArray, TimeArray

PERIOD_S, PERIOD_SAMPLES = 2.0, 10  # whichever is shorter
_WINDOW_FRAMES, _WINDOW_BYTES = 30, 40_000_000
_CASCADE_FRAMES = 16
_CERTAIN = 0.95  # confidence of a face that is looked for where it comes or goes
_LEAST_PART = 0.6  # of the smallest face of two key frames; smaller ones are not expected between
_SURE = 0.9  # confidence of a face that was carried
_LESS = 0.97  # of the confidence in the key frames suffices
_PART_OF = 0.6  # more in common than this, relative to the smaller: twice the same face


class Detector(Protocol):
    """What finds faces: `FaceDetector`, here or in another process."""

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
    start_s: float = 0.0,
) -> Iterator[tuple[FrameBatch, FaceDetections]]:
    """Faces in all frames of a recording.

    Args:
        batches: Consecutive sampled frames, all of one size.
        detector: MTCNN.
        min_face_px: Height of the smallest face looked for, in pixels of the given frames.
        period_s: Time from one key frame to the next; 0 makes every frame a key frame.
        start_s: Time from which periods are counted.

    Yields:
        The same frames in other batches, each with its faces in pixels of the given frames, frame
        by frame.
    """
    window: _Window | None = None
    last_period = None
    for batch in batches:
        for k in range(len(batch)):
            pts_s = float(batch.pts_s[k])
            period = int((pts_s - start_s + 1e-6) / period_s) if period_s else None
            is_key = period is None or period != last_period
            last_period = period
            if window is not None and is_key and window.is_full:
                yield window.close(batch, k)
                window = _Window(detector, min_face_px, batch, window.closing_faces)
            if window is None:
                window = _Window(detector, min_face_px, batch)
            window.add(batch, k, is_key)
    if window is not None:
        yield window.finish()


class _Window:
    """Frames that wait for the key frame that closes them; the first is a key frame."""

    def __init__(
        self,
        detector: Detector,
        min_face_px: float,
        like: FrameBatch,
        first_faces: FaceDetections | None = None,
    ) -> None:
        self.detector, self.min_face_px = detector, min_face_px
        self.closing_faces: FaceDetections | None = None
        self._first_faces = first_faces
        shape = like.images.shape[1:]
        self._enough = min(_WINDOW_FRAMES, max(1, _WINDOW_BYTES // math.prod(shape)))
        # Copied into one array at once: views would keep whole batches alive beside it.
        self._images = np.empty((self._enough + 1, *shape), np.uint8)
        self._scale = like.scale
        self._frame_index: list[int] = []
        self._pts_s: list[float] = []
        self._keys: list[int] = []

    @property
    def is_full(self) -> bool:
        return len(self._pts_s) >= self._enough

    def add(self, batch: FrameBatch, k: int, is_key: bool) -> None:
        count = len(self._pts_s)
        if count == len(self._images):
            self._images = np.concatenate([self._images, np.empty_like(self._images)])
        self._images[count] = batch.images[k]
        self._frame_index.append(int(batch.frame_index[k]))
        self._pts_s.append(float(batch.pts_s[k]))
        if is_key:
            self._keys.append(count)

    def close(self, batch: FrameBatch, k: int) -> tuple[FrameBatch, FaceDetections]:
        """Faces of all frames, given the key frame that comes after them."""
        count = len(self._pts_s)
        self.add(batch, k, is_key=True)
        frames, faces = self._faces()
        closing = faces.take(faces.row == count)
        self.closing_faces = replace(closing, row=closing.row - count)
        return frames.take(slice(count)), faces.take(faces.row < count)

    def finish(self) -> tuple[FrameBatch, FaceDetections]:
        """Faces of all frames, the last of which is taken for a key frame."""
        last = len(self._pts_s) - 1
        if self._keys[-1] != last:
            self._keys.append(last)
        return self._faces()

    def _faces(self) -> tuple[FrameBatch, FaceDetections]:
        frames = FrameBatch(
            images=self._images[: len(self._pts_s)],
            frame_index=np.array(self._frame_index, np.int64),
            pts_s=np.array(self._pts_s, np.float64),
            scale=self._scale,
        )
        known: dict[int, FaceDetections] = {}
        if self._first_faces is not None:
            known[0] = self._first_faces
        keys = [key for key in self._keys if key not in known]
        known |= self._cascade(frames.images, keys, self.min_face_px)
        gaps, carried = list(pairwise(self._keys)), _Carried()
        narrowed = False
        while gaps:
            middles: dict[float, list[int]] = defaultdict(list)  # by the smallest face looked for
            narrower = []
            for before, after in gaps:
                here, there = known[before], known[after]
                empty = len(here) == len(there) == 0
                if after - before < 2 or (empty and narrowed):
                    continue
                pairs = matched(here.boxes_xyxy_px, there.boxes_xyxy_px)
                if pairs and not _differ(here, there, pairs):
                    carried.add(before, after, known, pairs, frames.pts_s)
                    continue
                middle = (before + after) // 2
                middles[self._least_px(here, there, pairs)].append(middle)
                narrower += [(before, middle), (middle, after)]
            for least_px, looked_at in middles.items():
                known |= self._cascade(frames.images, looked_at, least_px)
            gaps, narrowed = narrower, True
        between, unsure = self._corrected(frames.images, carried)
        known |= self._cascade(frames.images, unsure, self.min_face_px)
        faces = FaceDetections.joined([*known.values(), between])
        return frames, faces.take(np.argsort(faces.row, kind="stable"))

    def _corrected(self, images: Image, carried: _Carried) -> tuple[FaceDetections, list[int]]:
        """Carried faces as the last network sees them, and the frames in which it is unsure."""
        boxes, row, needed = carried.arrays()
        first = self.detector.refine(images, boxes, row)
        between = self.detector.refine(images, first.boxes_xyxy_px, row)
        unsure = sorted(_unsure(between, needed))
        return between.take(~np.isin(row, unsure)), unsure

    def _least_px(
        self, here: FaceDetections, there: FaceDetections, pairs: Mapping[int, int]
    ) -> float:
        """Height of the smallest face looked for between two key frames: not much below theirs.

        Doubtful faces without a counterpart do not count. A level of the cascade's pyramid, so that
        its networks see few sizes.
        """
        counting = [
            here.take(_certain(here) | _among(here, pairs.values())),
            there.take(_certain(there) | _among(there, pairs.keys())),
        ]
        boxes = FaceDetections.joined(counting).boxes_xyxy_px
        if len(boxes) == 0:
            return self.min_face_px
        least_px = _LEAST_PART * float((boxes[:, 3] - boxes[:, 1]).min())
        larger = max(1.0, least_px / self.min_face_px)
        levels = math.floor(math.log(larger, 1 / PYRAMID_FACTOR))
        return self.min_face_px / PYRAMID_FACTOR**levels

    def _cascade(
        self, images: Image, frames: Sequence[int], min_face_px: float
    ) -> dict[int, FaceDetections]:
        """The full cascade on the given frames; `row` of the faces counts in all of them."""
        found: dict[int, FaceDetections] = {}
        for start in range(0, len(frames), _CASCADE_FRAMES):
            part = np.array(frames[start : start + _CASCADE_FRAMES])
            faces = self.detector.detect(images[part], min_face_px=min_face_px)
            faces = replace(faces, row=part[faces.row])
            found |= {int(frame): faces.take(faces.row == frame) for frame in part}
        return found


def _differ(here: FaceDetections, there: FaceDetections, pairs: Mapping[int, int]) -> bool:
    """Whether a face that is certainly one is in one of two key frames alone."""
    alone_here = _certain(here) & ~_among(here, pairs.values())
    alone_there = _certain(there) & ~_among(there, pairs.keys())
    return bool(alone_here.any() or alone_there.any())


def _certain(faces: FaceDetections) -> npt.NDArray[np.bool_]:
    return np.asarray(faces.detection_confidence > _CERTAIN)


def _among(faces: FaceDetections, chosen: Collection[int]) -> npt.NDArray[np.bool_]:
    return np.isin(np.arange(len(faces)), list(chosen))


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
            if (part_of_smaller(a, own[i + 1 :]) > _PART_OF).any():
                unsure.add(frame)
    return unsure
