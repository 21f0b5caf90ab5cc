"""Arithmetic of face boxes, [x1, y1, x2, y2] in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from poise.types import FloatArray, IntArray

_MIN_IOU = 0.2
_MAX_SHIFT = 0.7  # of the mean side, when boxes do not overlap enough
_MAX_SIZE_RATIO = 1.7


def squared(boxes: FloatArray) -> FloatArray:
    """Boxes float [M, 4] widened to squares about the same centre, float32."""
    extent = boxes[:, 2:] - boxes[:, :2]
    side = extent.max(axis=1, keepdims=True)
    low = boxes[:, :2] + extent * 0.5 - side * 0.5
    return np.concatenate([low, low + side], axis=1).astype(np.float32)


def suppressed(boxes: FloatArray, score: FloatArray, row: IntArray, most_iou: float) -> IntArray:
    """Non-maximum suppression, frame by frame: which boxes stay, the best first, int64 [K].

    Args:
        boxes: float32 [M, 4].
        score: float32 [M].
        row: Frame of each box, int64 [M].
        most_iou: Boxes that overlap a better one of their frame by more are left out.
    """
    if len(boxes) == 0:
        return np.zeros(0, np.int64)
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        corner_and_size.astype(np.float64).tolist(), score.tolist(), row.tolist(), 0.0, most_iou
    )
    return np.asarray(kept, np.int64)


def iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of boxes, float [..., 4] each, by NumPy's broadcasting: float32."""
    shared = _intersection(first, second)
    union = _area(first) + _area(second) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def part_of_smaller(first: FloatArray, second: FloatArray, *, pixel: float = 0.0) -> FloatArray:
    """Intersection of boxes, float [..., 4] each, relative to the smaller one: float32.

    Args:
        first, second: Combined by NumPy's broadcasting.
        pixel: 1 where corners are the first and last pixel of a box, as facenet-pytorch counts.
    """
    smaller = np.minimum(_area(first, pixel), _area(second, pixel))
    shared = _intersection(first, second, pixel)
    return np.asarray(shared / np.maximum(smaller, 1e-9), np.float32)


def _area(boxes: FloatArray, pixel: float = 0.0) -> FloatArray:
    return np.asarray((boxes[..., 2:] - boxes[..., :2] + pixel).prod(axis=-1))


def _intersection(first: FloatArray, second: FloatArray, pixel: float = 0.0) -> FloatArray:
    low, high = (
        np.maximum(first[..., :2], second[..., :2]),
        np.minimum(first[..., 2:], second[..., 2:]),
    )
    return np.asarray(np.maximum(high - low + pixel, 0).prod(axis=-1))


def affinity(a: FloatArray, b: FloatArray) -> float:
    """Above 0 where two boxes, float [4], can be the same face; overlap counts most."""
    return _affinity(a.tolist(), b.tolist())


def _affinity(a: Sequence[float], b: Sequence[float]) -> float:
    """In plain numbers: there are few boxes, and NumPy takes ten times as long for one pair."""
    width_a, height_a, width_b, height_b = a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1]
    side_a, side_b = (width_a + height_a) / 2, (width_b + height_b) / 2
    if not 1 / _MAX_SIZE_RATIO <= side_a / max(side_b, 1e-6) <= _MAX_SIZE_RATIO:
        return 0.0
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    shared = common / max(width_a * height_a + width_b * height_b - common, 1e-9)
    if shared >= _MIN_IOU:
        return 1.0 + shared
    shift = max(abs(a[0] + a[2] - b[0] - b[2]), abs(a[1] + a[3] - b[1] - b[3])) / 2
    return max(0.0, 1.0 - shift / (_MAX_SHIFT * (side_a + side_b) / 2))


def matched(first: FloatArray, second: FloatArray) -> dict[int, int]:
    """Pairs of boxes, float [M, 4] and [K, 4], that can be the same face, most alike first.

    Returns:
        Index into `second` -> index into `first`; each at most once.
    """
    known, new = enumerate(first.tolist()), second.tolist()
    pairs = sorted(
        ((_affinity(a, b), i, k) for i, a in known for k, b in enumerate(new)), reverse=True
    )
    result: dict[int, int] = {}
    used: set[int] = set()
    for alike, i, k in pairs:
        if alike > 0 and i not in used and k not in result:
            result[k] = i
            used.add(i)
    return result
