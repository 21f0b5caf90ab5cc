"""Where the face of a labelled picture lies: landmarks, and the frame that the picture is about.

Cropped pictures and pictures without an annotated face are looked at exactly as `poise classify`
looks at them. An annotated box says which of several faces is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from poise.errors import VideoError
from poise.faces.boxes import iou
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import landmarks_in_crops, landmarks_in_picture
from poise.types import FloatArray, Image
from poise_training.datasets.labelled_faces import LabelledFace
from poise_training.datasets.splits import pixel_hash

_BATCH_PICTURES, _BATCH_BYTES = 256, 64_000_000
_REGION_PX = 480  # side of what is searched around an annotated box
_AROUND = 0.5  # of the box's side, on each side of it
_LEAST_OVERLAP = 0.2


@dataclass(frozen=True, kw_only=True)
class Located:
    """A face in its picture.

    Args:
        landmarks_px: float32 [5, 2] in pixels of the picture; None where none were found.
        frame_xyxy_px: float32 [4]: the whole of a cropped picture, else the annotated box as a
            square, else the detected one. Templates are measured in it.
    """

    landmarks_px: FloatArray | None
    frame_xyxy_px: FloatArray

    def landmarks_or(self, template: FloatArray) -> FloatArray:
        """The landmarks, or those that a face filling its frame as usual would have.

        Args:
            template: float32 [5, 2], share of the frame.
        """
        if self.landmarks_px is not None:
            return self.landmarks_px
        low, high = self.frame_xyxy_px[:2], self.frame_xyxy_px[2:]
        return np.asarray(low + template * (high - low), np.float32)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What looking at a picture gave: a located face, or why there is none."""

    pixel_hash: str = ""
    located: Located | None = None
    reason: str = ""


def look_at(
    faces: Sequence[LabelledFace],
    detector: FaceDetector,
    progress: Callable[[int], None] = lambda count: None,
) -> list[Seen]:
    """Read every picture and locate its face.

    A picture that cannot be read, or is not cropped and shows no face, gives a reason instead.

    Args:
        faces: [N].
        detector: MTCNN.
        progress: Is told how many are done.

    Returns:
        [N], in the order of the faces.
    """
    seen: list[Seen] = []
    for batch in batches(faces):
        readable = [(face, picture) for face, picture in batch if not isinstance(picture, str)]
        located = iter(locate([f for f, _ in readable], [p for _, p in readable], detector))
        for _, picture in batch:
            if isinstance(picture, str):
                seen.append(Seen(reason=picture))
                continue
            place = next(located)
            reason = "" if place else "no face found"
            seen.append(Seen(pixel_hash=pixel_hash(picture), located=place, reason=reason))
        progress(len(seen))
    return seen


def batches(faces: Sequence[LabelledFace]) -> Iterator[list[tuple[LabelledFace, Image | str]]]:
    """Faces with their pictures, or why one cannot be read, as many as fit in memory with ease."""
    batch: list[tuple[LabelledFace, Image | str]] = []
    size = 0
    for face in faces:
        try:
            picture: Image | str = face.load()
        except VideoError as error:
            picture = error.cause
        batch.append((face, picture))
        size += 0 if isinstance(picture, str) else picture.nbytes
        if len(batch) == _BATCH_PICTURES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def locate(
    faces: Sequence[LabelledFace], pictures: Sequence[Image], detector: FaceDetector
) -> list[Located | None]:
    """Locate the face in each picture; None where one that is not cropped shows no face.

    Args:
        faces: [N].
        pictures: uint8 [H, W, 3] RGB each, [N].
        detector: MTCNN.
    """
    cropped = [picture for face, picture in zip(faces, pictures, strict=True) if face.cropped]
    in_crops = iter(landmarks_in_crops(cropped, detector))
    result: list[Located | None] = []
    for face, picture in zip(faces, pictures, strict=True):
        if face.cropped:
            whole = np.array([0, 0, picture.shape[1], picture.shape[0]], np.float32)
            result.append(Located(landmarks_px=next(in_crops), frame_xyxy_px=whole))
        elif face.box_xyxy_px is not None:
            result.append(_annotated(picture, squared(face.box_xyxy_px), detector))
        else:
            result.append(_largest(picture, detector))
    return result


def squared(box_xyxy_px: Sequence[float]) -> FloatArray:
    """A box widened to a square about its centre, float32 [4]."""
    box = np.asarray(box_xyxy_px, np.float32)
    centre, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
    return np.concatenate([centre - side / 2, centre + side / 2])


def cut(picture: Image, box_xyxy_px: FloatArray, margin: float) -> tuple[Image, FloatArray]:
    """Cut a box and some margin out of a picture; beyond its border the edge repeats.

    Args:
        picture: uint8 [H, W, 3].
        box_xyxy_px: float [4].
        margin: Added on each side, or taken away if negative, as a share of the box's sides.

    Returns:
        The region, and float32 [2]: its top left corner in the picture.
    """
    extent = box_xyxy_px[2:] - box_xyxy_px[:2]
    low = np.round(box_xyxy_px[:2] - margin * extent).astype(int)
    high = np.maximum(np.round(box_xyxy_px[2:] + margin * extent).astype(int), low + 1)
    beyond_low = np.maximum(-low, 0)
    beyond_high = np.maximum(high - picture.shape[1::-1], 0)
    if beyond_low.any() or beyond_high.any():
        picture = np.asarray(
            cv2.copyMakeBorder(
                picture, int(beyond_low[1]), int(beyond_high[1]), int(beyond_low[0]),
                int(beyond_high[0]), cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )  # fmt: skip
    (x1, y1), (x2, y2) = low + beyond_low, high + beyond_low
    return picture[y1:y2, x1:x2], low.astype(np.float32)


def _annotated(picture: Image, box: FloatArray, detector: FaceDetector) -> Located:
    """The detected face that overlaps an annotated box best; failing that, the box as a crop."""
    region, corner = cut(picture, box, _AROUND)
    scale = min(1.0, _REGION_PX / region.shape[0])
    size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
    reduced = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = detector.detect(reduced[None])
    wanted = (box - np.tile(corner, 2)) * scale
    overlaps = iou(wanted, found.boxes_xyxy_px)
    if len(overlaps) and overlaps.max() >= _LEAST_OVERLAP:
        best = found.landmarks_px[int(np.argmax(overlaps))]
        return Located(
            landmarks_px=np.asarray(best / scale + corner, np.float32), frame_xyxy_px=box
        )
    inside, corner = cut(picture, box, 0)
    (points,) = landmarks_in_crops([inside], detector)
    if points is not None:
        points = np.asarray(points + corner, np.float32)
    return Located(landmarks_px=points, frame_xyxy_px=box)


def _largest(picture: Image, detector: FaceDetector) -> Located | None:
    """The largest face, framed by what the last network of the cascade sees around it."""
    points = landmarks_in_picture(picture, detector)
    if points is None:
        return None
    around = squared([*points.min(axis=0), *points.max(axis=0)])
    region, corner = cut(picture, around, _AROUND)
    whole = np.array([0, 0, region.shape[1], region.shape[0]], np.float32)
    refined = detector.refine(region[None], whole[None], np.zeros(1, np.int64))
    frame = squared(refined.boxes_xyxy_px[0]) + np.tile(corner, 2)
    return Located(landmarks_px=points, frame_xyxy_px=frame.astype(np.float32))
