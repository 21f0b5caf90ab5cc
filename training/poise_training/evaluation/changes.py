"""Changes of a face crop that a model should not mind: resolution, compression, light, framing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from poise.types import FloatArray, Image
from poise_training.datasets.locate import cut

_LOOSE, _TIGHT = 0.2, -0.1


def _gray(crop: Image) -> Image:
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB), np.uint8)


def _sized(side_px: int, crop: Image) -> Image:
    shrinks = side_px < max(crop.shape[:2])
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (side_px, side_px), interpolation=interpolation), np.uint8)


def _jpeg(quality: int, crop: Image) -> Image:
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _blurred(crop: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), max(crop.shape[:2]) / 48), np.uint8)


def _gained(gains: tuple[float, float, float], crop: Image) -> Image:
    return np.asarray(np.clip(crop * np.array(gains), 0, 255), np.uint8)


def _within(
    margin: float, change: Callable[[Image], Image], picture: Image, box: FloatArray
) -> Image:
    return change(cut(picture, box, margin)[0])


def _same(crop: Image) -> Image:
    return crop


_IN_PLACE: dict[str, Callable[[Image], Image]] = {
    "gray": _gray,
    "48 px": partial(_sized, 48),
    "64 px": partial(_sized, 64),
    "96 px": partial(_sized, 96),
    "128 px": partial(_sized, 128),
    "256 px": partial(_sized, 256),
    "JPEG quality 50": partial(_jpeg, 50),
    "JPEG quality 20": partial(_jpeg, 20),
    "blurred (1/48 of the side)": _blurred,
    "darker (0.4 of the light)": partial(_gained, (0.4, 0.4, 0.4)),
    "colour cast (warm light)": partial(_gained, (1.15, 0.95, 0.7)),
}

CHANGES: dict[str, Callable[[Image, FloatArray], Image]] = {
    **{name: partial(_within, 0.0, change) for name, change in _IN_PLACE.items()},
    "loosely cropped (a fifth more on each side)": partial(_within, _LOOSE, _same),
    "tightly cropped (a tenth less on each side)": partial(_within, _TIGHT, _same),
}
"""From a picture uint8 [H, W, 3] RGB and the box of its face float32 [4] to the changed crop.

Around a face in a larger picture a loose crop shows what is there, else the edge repeats.
"""
