"""Quality flags of a face: what makes its expression hard to read."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from poise.labels import QUALITY_FLAGS
from poise.types import FloatArray, Image

_MIN_FACE_PX = 36.0
_MIN_SHARPNESS = 0.035
_MIN_LUMINANCE = 32.0
_MAX_TURN = 0.3
_MIN_VISIBLE = 0.8


def quality_flags(
    boxes_xyxy_px: FloatArray,
    landmarks_px: FloatArray,
    crops: Image,
    frame_size_px: tuple[int, int],
) -> npt.NDArray[np.bool_]:
    """Flags of each face, in the order of `QUALITY_FLAGS`.

    Args:
        boxes_xyxy_px: float32 [M, 4].
        landmarks_px: float32 [M, 5, 2].
        crops: Aligned crops, uint8 [M, S, S, 3].
        frame_size_px: Width and height of the frame.

    Returns:
        bool [M, 5]; a face without any flag is usable.
    """
    if len(crops) == 0:
        return np.zeros((0, len(QUALITY_FLAGS)), bool)
    height = boxes_xyxy_px[:, 3] - boxes_xyxy_px[:, 1]
    return np.column_stack(
        [
            height < _MIN_FACE_PX,
            sharpness_of(crops) < _MIN_SHARPNESS,
            brightness_of(crops) < _MIN_LUMINANCE,
            turn(landmarks_px) > _MAX_TURN,
            visible_share(boxes_xyxy_px, frame_size_px) < _MIN_VISIBLE,
        ]
    )


def sharpness_of(crops: Image) -> FloatArray:
    """Variance of the Laplacian relative to the variance of the picture, float32 [M].

    Args:
        crops: uint8 [M, S, S, 3].

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000; divided
        by the picture's own variance so that low contrast is not taken for blur.
    """
    return np.array(
        [cv2.Laplacian(image, cv2.CV_32F).var() / (image.var() + 1.0) for image in _gray(crops)],
        np.float32,
    )


def brightness_of(crops: Image) -> FloatArray:
    """Mean gray level 0..255 of aligned crops, float32 [M].

    Args:
        crops: uint8 [M, S, S, 3].
    """
    return np.array([image.mean() for image in _gray(crops)], np.float32)


def turn(landmarks_px: FloatArray) -> FloatArray:
    """How far the head is turned sideways, float32 [M]: 0 frontal, about 0.5 at half profile.

    The nose's distance from the middle between the eyes and between the corners of the mouth,
    along the line through the eyes, relative to the distance of the eyes (not shortened by the
    turn: at least the vertical distance from eyes to mouth).
    """
    left, right, nose = landmarks_px[:, 0], landmarks_px[:, 1], landmarks_px[:, 2]
    mouth = (landmarks_px[:, 3] + landmarks_px[:, 4]) / 2
    across = right - left
    eyes = (left + right) / 2
    down = np.linalg.norm(mouth - eyes, axis=1)
    scale = np.maximum(np.linalg.norm(across, axis=1), 0.85 * down) + 1e-6
    axis = across / (np.linalg.norm(across, axis=1, keepdims=True) + 1e-6)
    shift = np.abs(np.einsum("md,md->m", nose - (eyes + mouth) / 2, axis))
    return np.asarray(shift / scale, np.float32)


def visible_share(boxes_xyxy_px: FloatArray, frame_size_px: tuple[int, int]) -> FloatArray:
    """Share of each box that lies within the frame, float32 [M]."""
    limit = np.array(frame_size_px * 2, np.float32)
    inside = np.clip(boxes_xyxy_px, 0, limit)
    area = (boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]).prod(axis=1)
    seen = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    return np.asarray(seen / np.maximum(area, 1e-6), np.float32)


def _gray(crops: Image) -> list[Image]:
    return [np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8) for crop in crops]
