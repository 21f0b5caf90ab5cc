"""One face followed live: its box moved with it and corrected; the full cascade now and then.

The same networks as `faces.detection.keyframes`, which looks at a recording and may ask what comes
next. Here nothing comes next: the box that the cascade found is moved as eyes and nose have moved
since, and stands in for the interpolated one. (Corrected from frame to frame, boxes would creep.)
MTCNN's last network corrects it twice, as there; where it is not sure of the face, or corrects the
box by much, or a period is over, the cascade looks at the frame itself, for faces not much smaller
than this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poise.faces.boxes import affinity, iou
from poise.faces.detection.detector import MIN_FACE_PX, PYRAMID_FACTOR
from poise.faces.detection.keyframes import PERIOD_S, Detector
from poise.types import FaceDetections, FloatArray, Image

_CARRIED_S = 0.6  # a face may be anywhere after a longer time without a picture
_SURE, _LESS = 0.9, 0.97  # as in `keyframes`: confidence of a carried face, alone and of its own
_FITS = 0.8  # intersection over union of a moved box and what it was corrected to
_LEAST_PART = 0.6  # of the face; smaller ones are not looked for beside it
_FOUND = 0.9  # confidence of a face that begins to be followed; patterns on cloth have less
_OTHER = 0.95  # confidence of a face beside it that is told


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The face of one frame.

    Args:
        face: One, in pixels of the given frame; none where none is seen.
        others: How many other faces the cascade saw when it last looked.
    """

    face: FaceDetections
    others: int


class FaceFollower:
    """Follows the face before a camera, frame by frame; holds one box, whatever the time.

    The face that is followed is kept as long as it is seen, also where a larger one comes. A new
    one is the largest.

    Args:
        detector: MTCNN.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._size: tuple[int, ...] = ()
        self._face: FaceDetections | None = None
        self._found: FaceDetections | None = None  # as the cascade last saw it
        self._seen_s = self._looked_s = -math.inf
        self._others = 0

    def follow(self, image: Image, time_s: float, *, min_face_px: float = MIN_FACE_PX) -> Followed:
        """The face in the next frame.

        Args:
            image: uint8 [H, W, 3] RGB. Where its size changes, the face is looked for anew.
            time_s: When it was taken, ascending.
            min_face_px: Height of the smallest face looked for, in pixels of this image.
        """
        if self._size != image.shape[:2] or not 0 <= time_s - self._seen_s <= _CARRIED_S:
            self._face = None
        self._size = image.shape[:2]
        face = None
        if self._face is not None and time_s - self._looked_s < PERIOD_S:
            face = self._carried(image, self._face)
        if face is None:
            face = self._looked_for(image, min_face_px)
            self._looked_s = time_s
        self._face = face if len(face) else None
        if self._face is not None:
            self._seen_s = time_s
        return Followed(face=face, others=self._others)

    def _carried(self, image: Image, last: FaceDetections) -> FaceDetections | None:
        """The face where it is now; None where that is not sure."""
        assert self._found is not None
        row = np.zeros(1, np.int64)
        moved = _moved(self._found, last)
        first = self._detector.refine(image[None], moved, row)
        second = self._detector.refine(image[None], first.boxes_xyxy_px, row)
        sure = min(_SURE, _LESS * float(self._found.detection_confidence[0]))
        fits = iou(moved[0], second.boxes_xyxy_px)[0] >= _FITS
        return second if fits and second.detection_confidence[0] >= sure else None

    def _looked_for(self, image: Image, min_face_px: float) -> FaceDetections:
        """The face that the cascade finds: the one followed so far, else the largest."""
        last = self._face
        faces = self._detector.detect(image[None], min_face_px=_least_px(last, min_face_px))
        likely = faces.take(faces.detection_confidence > _FOUND)
        if last is not None and len(likely) == 0:
            faces = self._detector.detect(image[None], min_face_px=min_face_px)
            likely = faces.take(faces.detection_confidence > _FOUND)
        self._others = max(0, int((faces.detection_confidence > _OTHER).sum()) - 1)
        if len(likely) == 0:
            return likely
        boxes = likely.boxes_xyxy_px
        best = int(np.argmax(boxes[:, 3] - boxes[:, 1]))
        if last is not None:
            alike = [affinity(last.boxes_xyxy_px[0], box) for box in boxes]
            if max(alike) > 0:
                best = int(np.argmax(alike))
        self._found = likely.take(np.array([best]))
        return self._found


def _moved(found: FaceDetections, last: FaceDetections) -> FloatArray:
    """The box of a face, moved as its eyes and nose have been since, float32 [1, 4].

    It is not resized: a mouth that opens would make it grow from frame to frame.
    """
    step = (last.landmarks_px[0, :3] - found.landmarks_px[0, :3]).mean(axis=0)
    return found.boxes_xyxy_px + np.tile(step, 2).astype(np.float32)


def _least_px(face: FaceDetections | None, min_face_px: float) -> float:
    """Height of the smallest face looked for: a level of the pyramid, so that sizes are few."""
    if face is None:
        return min_face_px
    box = face.boxes_xyxy_px[0]
    larger = max(1.0, _LEAST_PART * float(box[3] - box[1]) / min_face_px)
    return min_face_px / PYRAMID_FACTOR ** math.floor(math.log(larger, 1 / PYRAMID_FACTOR))
