"""High dynamic range: pictures of phones (HLG) and of films (PQ) as a usual screen shows them.

FFmpeg's converter leaves their transfer curves as they are: taken for usual ones, faces would be
dark and pale. The curves and white are those of ITU-R BT.2100 and BT.2408, the primaries those of
BT.2087; what is brighter than white is compressed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image

PQ, HLG = 16, 18  # FFmpeg's numbers of transfer curves
WIDE = 9  # and of the primaries of BT.2020
_WHITE = 203.0  # cd/m2 (BT.2408)
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_KNEE = 0.8  # share of white from where on brightness is compressed
_STRIP = 2**18  # pixels converted at once


def to_standard(image: Image, curve: int, primaries: int) -> Image:
    """A picture with the dynamic range and the colours of a usual screen.

    Args:
        image: uint8 [H, W, 3], RGB with the curve still on it.
        curve: `PQ` or `HLG`.
        primaries: As FFmpeg numbers them.

    Returns:
        uint8 [H, W, 3].
    """
    strips = np.array_split(image, max(1, min(len(image), image.size // 3 // _STRIP)))
    return np.concatenate([_converted(strip, curve, primaries) for strip in strips])


def _converted(image: Image, curve: int, primaries: int) -> Image:
    light = np.take(_pq() if curve == PQ else _hlg(), image).reshape(-1, 3)
    if curve == HLG:  # a screen's own curve depends on luminance (BT.2100, table 5)
        light *= (light @ _LUMINANCE)[:, None] ** (_HLG_GAMMA - 1)
        light *= _HLG_PEAK / _WHITE
    if primaries == WIDE:
        light = light @ _TO_709.T
    shown = np.take(_SHOWN, light.astype(np.float16).view(np.uint16))
    return np.asarray(shown.reshape(image.shape), np.uint8)


def _pq() -> FloatArray:
    """Light of each of 256 values, in shares of white (BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 1305 / 8192, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
    value = (np.arange(256) / 255) ** (1 / m2)
    light = (np.maximum(value - c1, 0) / (c2 - c3 * value)) ** (1 / m1)
    return np.asarray(10_000 / _WHITE * light, np.float32)


def _hlg() -> FloatArray:
    """Light in the scene of each of 256 values (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    value = np.arange(256) / 255
    light = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return np.asarray(light, np.float32)


def _shown() -> npt.NDArray[np.uint8]:
    """Values on a usual screen (BT.1886) of all light that 16 bits can hold, by these bits."""
    light = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)
    light = np.clip(np.nan_to_num(light, posinf=100), 0, 100)
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    light = np.minimum(light, _KNEE) + (1 - _KNEE) * (1 - np.exp(-over))
    return np.asarray(255 * light ** (1 / 2.4) + 0.5, np.uint8)


_SHOWN = _shown()
