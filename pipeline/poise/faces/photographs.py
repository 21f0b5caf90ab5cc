"""Still pictures: loading them upright and finding the landmarks of the face they show.

Used by `poise classify` and by training, so that both see a face in the same way.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from poise.errors import VideoError
from poise.faces.alignment import align_face
from poise.faces.detection.detector import FaceDetector
from poise.types import FloatArray, Image

SUFFIXES = frozenset(
    [".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo",
     ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"]
)  # fmt: skip
"""What pictures end in, those included that cannot be read here (HEIC): they are told."""
_CANVAS_PX, _MARGIN_PX = 128, 16
_MAX_SIDE_PX = 1280
_MIN_FACE_PX = 16.0  # photographs are few, and may be small
_MIN_CONFIDENCE = 0.6
_MIN_SHARE = 0.35


def load_picture(source: Path | bytes) -> Image:
    """Read a picture upright (EXIF orientation applied).

    Args:
        source: A file, or the bytes of one.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        VideoError: If it cannot be decoded.
    """
    path = source if isinstance(source, Path) else None
    try:
        with PillowImage.open(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            upright = ImageOps.exif_transpose(file)
            if upright.mode in ("I;16", "I;16B", "I", "F"):
                return _from_deep_gray(np.asarray(upright))
            return np.asarray(upright.convert("RGB"), np.uint8)
    except Exception as error:  # of a damaged picture Pillow raises errors of any kind
        raise VideoError(
            f"cannot be read as a picture ({error})",
            remedy="Check that the file opens in a picture viewer.",
            path=path,
        ) from error


def landmarks_in_crops(crops: Sequence[Image], detector: FaceDetector) -> list[FloatArray | None]:
    """Landmarks of faces that already fill their pictures.

    The last network of the cascade looks twice at the whole picture; where it finds nothing
    plausible, the full cascade does.

    Args:
        crops: uint8 [H, W, 3] RGB each, of any size.
        detector: MTCNN.

    Returns:
        For each crop float32 [5, 2] in its own pixels, or None where no face was found.
    """
    if not crops:
        return []
    canvases = np.empty((len(crops), _CANVAS_PX, _CANVAS_PX, 3), np.uint8)
    scales = np.empty(len(crops))
    boxes = np.empty((len(crops), 4), np.float32)
    for k, crop in enumerate(crops):
        canvases[k], scales[k], boxes[k] = _on_canvas(crop)
    rows = np.arange(len(crops))
    first = detector.refine(canvases, boxes, rows)
    second = detector.refine(canvases, first.boxes_xyxy_px, rows)
    extent = second.boxes_xyxy_px[:, 3] - second.boxes_xyxy_px[:, 1]
    found = (second.detection_confidence > _MIN_CONFIDENCE) & (extent > _MIN_SHARE * _CANVAS_PX)
    landmarks = {int(k): second.landmarks_px[k] for k in np.flatnonzero(found)}
    missed = np.flatnonzero(~found)
    if len(missed):
        faces = detector.detect(canvases[missed], min_face_px=_MIN_FACE_PX)
        for k in range(len(faces) - 1, -1, -1):
            landmarks[int(missed[faces.row[k]])] = faces.landmarks_px[k]
    return [
        ((landmarks[k] - _MARGIN_PX) / scales[k]).astype(np.float32) if k in landmarks else None
        for k in range(len(crops))
    ]


def landmarks_in_picture(picture: Image, detector: FaceDetector) -> FloatArray | None:
    """Landmarks of the largest face in a picture, float32 [5, 2] in its pixels, or None.

    A picture of which no face is found is looked at once more with a border around it, as a
    tightly cropped face needs.
    """
    scale = min(1.0, _MAX_SIDE_PX / max(picture.shape[:2]))
    reduced = _resized(picture, scale)
    for border in (0, max(reduced.shape[:2]) // 4):
        seen = cv2.copyMakeBorder(reduced, border, border, border, border, cv2.BORDER_REPLICATE)
        faces = detector.detect(np.asarray(seen, np.uint8)[None], min_face_px=_MIN_FACE_PX)
        if len(faces):
            extent = faces.boxes_xyxy_px[:, 2:] - faces.boxes_xyxy_px[:, :2]
            largest = int(np.argmax(extent.prod(axis=1)))
            return np.asarray((faces.landmarks_px[largest] - border) / scale, np.float32)
    return None


def landmarks_of_whole(picture: Image, template_px: FloatArray, size_px: int) -> FloatArray:
    """Where the landmarks would be if the picture were itself a crop like the training faces.

    The stand-in for a face whose landmarks were not found: the picture as a whole is used.
    """
    return np.asarray(template_px / size_px * picture.shape[1::-1], np.float32)


def align_pictures(
    pictures: Sequence[Image],
    detector: FaceDetector,
    template_px: FloatArray,
    size_px: int,
    *,
    cropped: bool,
) -> tuple[Image, list[bool], FloatArray]:
    """Aligned faces of pictures.

    Returns:
        Crops uint8 [M, S, S, 3], whether a face was found in each, and the distance of the eyes in
        each picture, float32 [M], pixels.
    """
    if cropped:
        landmarks = landmarks_in_crops(pictures, detector)
    else:
        landmarks = [landmarks_in_picture(picture, detector) for picture in pictures]
    crops = np.empty((len(pictures), size_px, size_px, 3), np.uint8)
    eye_px = np.empty(len(pictures), np.float32)
    for k, (picture, points) in enumerate(zip(pictures, landmarks, strict=True)):
        if points is None:
            points = landmarks_of_whole(picture, template_px, size_px)
        crops[k] = align_face(picture, points, template_px, size_px)
        eye_px[k] = np.linalg.norm(points[1] - points[0])
    return crops, [points is not None for points in landmarks], eye_px


def _on_canvas(crop: Image) -> tuple[Image, float, FloatArray]:
    """The crop scaled into the middle of a square with its edge repeated around it."""
    inner = _CANVAS_PX - 2 * _MARGIN_PX
    scale = inner / max(crop.shape[:2])
    small = _resized(crop, scale)
    height, width = small.shape[:2]
    canvas = cv2.copyMakeBorder(
        small,
        _MARGIN_PX,
        _CANVAS_PX - _MARGIN_PX - height,
        _MARGIN_PX,
        _CANVAS_PX - _MARGIN_PX - width,
        cv2.BORDER_REPLICATE,
    )
    box = np.array([0, 0, width, height], np.float32) + _MARGIN_PX
    return np.asarray(canvas, np.uint8), scale, box


def _resized(picture: Image, scale: float) -> Image:
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)


def _from_deep_gray(samples: np.ndarray) -> Image:  # type: ignore[type-arg]
    """Gray of 16 bits, or of floats, to 8 bits: Pillow itself clips instead of scaling."""
    finite = np.nan_to_num(samples.astype(np.float64)).clip(0)
    gray = (finite / max(float(finite.max()), 1.0) * 255).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)
