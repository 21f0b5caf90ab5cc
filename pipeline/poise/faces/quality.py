"""Quality flags of a face: what makes its expression hard to read."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from poise.faces.covering import covering
from poise.faces.pose import head_pose
from poise.labels import QUALITY_FLAGS
from poise.types import FloatArray, Image

_MIN_FACE_PX = 36.0
_MIN_SHARPNESS = 0.035
_MIN_LUMINANCE = 32.0
_MIN_FINENESS = 0.01  # of 1,600 clear faces none is below, shaken by a quarter of the crop 99 % are
_MAX_YAW_DEG, _MAX_PITCH_DEG = 35.0, 40.0
_MAX_COVERING = 0.9
_MIN_VISIBLE = 0.8
_SECOND = tuple(
    np.array(kernel, np.float32)
    for kernel in (
        [[0, 0, 0], [1, -2, 1], [0, 0, 0]],
        [[0, 1, 0], [0, -2, 0], [0, 1, 0]],
        [[0.6, 0, 0], [0, -1.2, 0], [0, 0, 0.6]],
        [[0, 0, 0.6], [0, -1.2, 0], [0.6, 0, 0]],
    )
)  # differences along the four directions; diagonal neighbours are farther away


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
        bool [M, Q]; a face without any flag is usable.
    """
    if len(crops) == 0:
        return np.zeros((0, len(QUALITY_FLAGS)), bool)
    height = boxes_xyxy_px[:, 3] - boxes_xyxy_px[:, 1]
    return np.column_stack(
        [
            height < _MIN_FACE_PX,
            (sharpness_of(crops) < _MIN_SHARPNESS) | (fineness_of(crops) < _MIN_FINENESS),
            brightness_of(crops) < _MIN_LUMINANCE,
            turned_away(landmarks_px),
            visible_share(boxes_xyxy_px, frame_size_px) < _MIN_VISIBLE,
            covering(crops).max(axis=1) > _MAX_COVERING,
            np.zeros(len(crops), bool),  # still: only to be seen through time
        ]
    )


def sharpness_of(crops: Image) -> FloatArray:
    """Variance of the Laplacian relative to the variance of the picture, float32 [M].

    Args:
        crops: uint8 [M, S, S, 3].

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000; divided
        by the picture's own variance so that low contrast is not taken for blur.
    """
    gray = _gray(crops)
    edges = [cv2.Laplacian(image, cv2.CV_32F) for image in gray]
    fine = np.array(edges, np.float32).reshape(gray.shape)
    return np.asarray(_variance(fine) / (_variance(gray) + 1.0), np.float32)


def brightness_of(crops: Image) -> FloatArray:
    """Mean gray level 0..255 of aligned crops, float32 [M].

    Args:
        crops: uint8 [M, S, S, 3].
    """
    return np.asarray(_gray(crops).mean(axis=(1, 2)), np.float32)


def fineness_of(crops: Image) -> FloatArray:
    """How fine the picture is where it is coarsest, float32 [M].

    The variance of the second difference, relative to the variance of the picture, along the
    direction in which it is least: a face that moved while the shutter was open keeps its edges
    along the motion, and loses those across it.

    Args:
        crops: uint8 [M, S, S, 3].
    """
    gray = _gray(crops)
    if len(gray) == 0:
        return np.zeros(0, np.float32)
    stacked = gray.reshape(-1, gray.shape[2])  # only edges, which are cut off, see the next crop
    finest = [
        _variance(cv2.filter2D(stacked, cv2.CV_32F, kernel).reshape(gray.shape)[:, 1:-1, 1:-1])
        for kernel in _SECOND
    ]
    return np.asarray(np.min(finest, axis=0) / (_variance(gray) + 1.0), np.float32)


def turned_away(landmarks_px: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether the head is turned so far that a part of the face is hidden, bool [M].

    Args:
        landmarks_px: float32 [M, 5, 2].
    """
    yaw, pitch, _ = np.abs(head_pose(landmarks_px)).T
    return np.asarray((yaw > _MAX_YAW_DEG) | (pitch > _MAX_PITCH_DEG))


def visible_share(boxes_xyxy_px: FloatArray, frame_size_px: tuple[int, int]) -> FloatArray:
    """Share of each box that lies within the frame, float32 [M]."""
    limit = np.array(frame_size_px * 2, np.float32)
    inside = np.clip(boxes_xyxy_px, 0, limit)
    area = (boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]).prod(axis=1)
    seen = (inside[:, 2:] - inside[:, :2]).prod(axis=1)
    return np.asarray(seen / np.maximum(area, 1e-6), np.float32)


def _gray(crops: Image) -> Image:
    """Gray levels, uint8 [M, S, S]."""
    if len(crops) == 0:
        return np.zeros(crops.shape[:3], np.uint8)
    stacked = crops.reshape(-1, *crops.shape[2:])  # one picture: a call for each would cost more
    gray = cv2.cvtColor(stacked, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.uint8).reshape(crops.shape[:3])


def _variance(images: npt.NDArray[Any]) -> FloatArray:
    """Of each image, [M] of [M, h, w]."""
    return np.asarray(images.var(axis=(1, 2)))
