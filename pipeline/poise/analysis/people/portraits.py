"""The portrait of a candidate, brought to the numbers that faces are compared by."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from poise.analysis.context import AnalysisContext
from poise.errors import SettingsError, VideoError
from poise.faces.detection.detector import MIN_FACE_PX
from poise.faces.identity import face_chip
from poise.faces.photographs import load_picture
from poise.types import FloatArray, Image

_MAX_SIDE_PX = 1024
_BORDERS = 0.0, 0.25  # of the side: a face that fills its picture is found with a border around it


def portrait_embedding(path: Path, context: AnalysisContext) -> FloatArray | None:
    """Embedding of the largest face in a picture, float32 [128]; None without an embedder.

    Raises:
        SettingsError: If the picture cannot be read or shows no face.
    """
    if context.embedder is None:
        return None
    try:
        picture = load_picture(path)
    except VideoError as error:
        raise SettingsError(
            f"the portrait cannot be read ({error.cause})",
            remedy="Name a JPEG or PNG picture of the candidate in candidates.csv.",
            path=path,
        ) from error
    scale = min(1.0, _MAX_SIDE_PX / max(picture.shape[:2]))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    for share in _BORDERS:
        landmarks = _largest(_bordered(picture, share), context)
        if landmarks is not None:
            chip = face_chip(_bordered(picture, share), landmarks)
            return np.asarray(context.embedder.embed(chip[None])[0], np.float32)
    raise SettingsError(
        "no face is found in the portrait",
        remedy="Name a picture in candidates.csv that shows the candidate's face clearly.",
        path=path,
    )


def _bordered(picture: Image, share: float) -> Image:
    border = int(max(picture.shape[:2]) * share)
    edges = (border, border, border, border)
    return np.asarray(cv2.copyMakeBorder(picture, *edges, cv2.BORDER_REPLICATE), np.uint8)


def _largest(picture: Image, context: AnalysisContext) -> FloatArray | None:
    faces = context.detector.detect(picture[None], min_face_px=MIN_FACE_PX)
    if not len(faces):
        return None
    extent = faces.boxes_xyxy_px[:, 2:] - faces.boxes_xyxy_px[:, :2]
    return np.asarray(faces.landmarks_px[int(extent.prod(axis=1).argmax())], np.float32)
