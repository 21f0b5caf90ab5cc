"""Alignment: a similarity transform brings the five landmarks to the model's template."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

_AVERAGED = 0.6  # scale up to which whole pixels are averaged
_FINEST = 8  # samples for a pixel, each way, where a picture has no room for squares


def similarity(source_px: Points, target_px: Points) -> npt.NDArray[np.float64]:
    """Least-squares similarity transform from one set of points to another.

    Args:
        source_px: float [K, 2].
        target_px: float [K, 2].

    Returns:
        float64 [2, 3] matrix that maps (x, y, 1) of the source to the target.

    Source: Umeyama, IEEE TPAMI 13(4), 1991. Points are written as complex numbers, so that
        scale and rotation are one complex factor and no reflection can occur.
    """
    source = source_px[:, 0] + 1j * source_px[:, 1].astype(np.float64)
    target = target_px[:, 0] + 1j * target_px[:, 1].astype(np.float64)
    centred = source - source.mean()
    energy = float(np.sum(np.abs(centred) ** 2))
    factor = np.sum(np.conj(centred) * (target - target.mean())) / max(energy, 1e-12)
    shift = target.mean() - factor * source.mean()
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def warp(image: Image, matrix: npt.NDArray[np.float64], size_px: int) -> Image:
    """Sample a square picture through an affine matrix, without aliasing.

    A picture that is reduced is sampled at least as finely as its pixels lie, and samples are
    averaged; a strong reduction averages whole pixels first, in squares that lie still, so that a
    matrix that is slightly another one gives a picture that is slightly another one. Beyond the
    border the edge repeats.

    Args:
        image: uint8 [H, W, 3] or [H, W].
        matrix: float [2, 3], from the image to the result.
        size_px: Side S of the result.

    Returns:
        uint8 [S, S, 3] or [S, S].
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale >= 1:
        return _sampled(image, matrix, size_px, cv2.INTER_CUBIC)
    side = min(max(1, math.floor(_AVERAGED / max(scale, 1e-9))), *image.shape[:2])
    if side > 1:
        image, matrix = _averaged(image, matrix, size_px, side)
    finer = min(math.ceil(1 / max(scale * side, 1e-9)), _FINEST)
    shift = finer * matrix[:, 2] + (finer - 1) / 2  # centres of pixels onto each other
    samples = _sampled(
        image,
        np.column_stack([finer * matrix[:, :2], shift]),
        finer * size_px,
        cv2.INTER_LINEAR,
    )
    return np.asarray(
        cv2.resize(samples, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8
    )


def _sampled(image: Image, matrix: npt.NDArray[np.float64], size_px: int, way: int) -> Image:
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (size_px, size_px), flags=way, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _averaged(
    image: Image, matrix: npt.NDArray[np.float64], size_px: int, side: int
) -> tuple[Image, npt.NDArray[np.float64]]:
    """Squares of pixels averaged, as far as the result will show them, and the matrix from there.

    What is left over at the right and lower border, less than a square, is not seen.
    """
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]], np.float64)
    shown = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    count = np.array(image.shape[1::-1]) // side
    low = np.clip(np.floor(shown.min(axis=0) / side).astype(int) - 2, 0, count - 1)
    high = np.clip(np.ceil(shown.max(axis=0) / side).astype(int) + 2, low + 1, count)
    (left, top), (right, bottom) = low * side, high * side
    width, height = (high - low).tolist()
    coarse = cv2.resize(
        image[top:bottom, left:right], (width, height), interpolation=cv2.INTER_AREA
    )
    # Centres of pixels: x = (x_coarse + low) * side + (side - 1) / 2, then the matrix as before.
    offset = low * side + (side - 1) / 2
    shift = matrix[:, :2] @ offset + matrix[:, 2]
    return np.asarray(coarse, np.uint8), np.column_stack([matrix[:, :2] * side, shift])


def align_face(image: Image, landmarks_px: Points, template_px: Points, size_px: int) -> Image:
    """The aligned crop of one face.

    Args:
        image: uint8 [H, W, 3] RGB.
        landmarks_px: float [5, 2] in pixels of the image.
        template_px: float [5, 2] in pixels of the crop.
        size_px: Side S of the crop.

    Returns:
        uint8 [S, S, 3] RGB.
    """
    return warp(image, similarity(landmarks_px, template_px), size_px)
