"""Alignment: a similarity transform brings the five landmarks to the model's template."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]


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

    A strong reduction is done by area averaging first; beyond the border the edge repeats.

    Args:
        image: uint8 [H, W, 3] or [H, W].
        matrix: float [2, 3], from the image to the result.
        size_px: Side S of the result.

    Returns:
        uint8 [S, S, 3] or [S, S].
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.7:
        image, matrix = _reduce(image, matrix, size_px, min(1.0, 1.3 * scale))
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (size_px, size_px),
            flags=cv2.INTER_LINEAR if scale < 1.0 else cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def _reduce(
    image: Image, matrix: npt.NDArray[np.float64], size_px: int, factor: float
) -> tuple[Image, npt.NDArray[np.float64]]:
    """Cut out what the result will show and reduce it by `factor`; adapt the matrix."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]], np.float64)
    inverse = np.linalg.inv(matrix[:, :2])
    shown = (corners - matrix[:, 2]) @ inverse.T
    low = np.clip(np.floor(shown.min(axis=0)).astype(int) - 2, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(shown.max(axis=0)).astype(int) + 3, low + 1, [width, height])
    region = image[low[1] : high[1], low[0] : high[0]]
    reduced_size = np.maximum(np.round((high - low) * factor).astype(int), 1)
    reduced = cv2.resize(
        region, (int(reduced_size[0]), int(reduced_size[1])), interpolation=cv2.INTER_AREA
    )
    # Pixel centres: x_region = (x_reduced + 0.5) * step - 0.5, then the matrix as before.
    step = (high - low) / reduced_size
    offset = low + 0.5 * step - 0.5
    linear = matrix[:, :2] * step
    return np.asarray(reduced, np.uint8), np.column_stack(
        [linear, matrix[:, :2] @ offset + matrix[:, 2]]
    )


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
