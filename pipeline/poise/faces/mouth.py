"""Motion of the mouth, seen in aligned crops: what tells who of those heard is the one seen."""

from __future__ import annotations

import cv2
import numpy as np

from poise.types import FloatArray, Image

# Parts of the crop, as shares of its side: what alignment leaves in place but speaking moves, and
# what it leaves in place and speaking does not. From top, to bottom, from left, to right.
_FACE = (0.125, 0.958, 0.167, 0.833)
_MOUTH, _NOSE = (0.646, 0.938), (0.375, 0.646)
_COLUMNS = (0.417, 0.604)
_SIDE_PX = 96  # crops are brought to this side, so that shifts by half a pixel of 48 are tried
_REACH_PX = 3  # how far alignment may be off
_BLUR = 0.7 / 48  # of the side; hides noise
_REST_COUNTS = 0.5


def mouth_profiles(crops: Image) -> FloatArray:
    """How bright the middle of the face is from top to bottom, in units of the face's contrast.

    Opening the mouth puts a dark band into this profile; turning the head hardly changes it.

    Args:
        crops: Aligned, uint8 [M, S, S, 3].

    Returns:
        float32 [M, 96].
    """
    top, bottom, left, right = (round(share * _SIDE_PX) for share in _FACE)
    first, last = (round(share * _SIDE_PX) for share in _COLUMNS)
    profiles = np.empty((len(crops), _SIDE_PX), np.float32)
    for k, crop in enumerate(crops):
        gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        gray = cv2.GaussianBlur(gray, (0, 0), _BLUR * len(crop))
        large = np.asarray(cv2.resize(gray, (_SIDE_PX, _SIDE_PX)), np.float32)
        face = large[top:bottom, left:right]
        profiles[k] = (large[:, first:last].mean(axis=1) - face.mean()) / (face.std() + 1)
    return profiles


def mouth_motion(before: FloatArray, after: FloatArray) -> FloatArray:
    """How much the mouth has changed from one look to another, beyond the rest of the face.

    Each part is moved up and down to where it fits best, so that alignment's errors count little;
    what then differs at the nose, the head's own motion, counts half against the mouth.

    Args:
        before, after: Of `mouth_profiles`, float32 [N, 96].

    Returns:
        float32 [N]; about 0.03 for a mouth at rest, 0.1 to 0.3 for one that speaks.
    """
    mouth, nose = (_change(before, after, *part) for part in (_MOUTH, _NOSE))
    return np.asarray(mouth - _REST_COUNTS * nose, np.float32)


def _change(before: FloatArray, after: FloatArray, top: float, bottom: float) -> FloatArray:
    first, last = round(top * _SIDE_PX), round(bottom * _SIDE_PX)
    least = np.full(len(before), np.inf, np.float32)
    for shift in range(-_REACH_PX, _REACH_PX + 1):
        change = after[:, first + shift : last + shift] - before[:, first:last]
        change -= change.mean(axis=1, keepdims=True)
        least = np.minimum(least, np.abs(change).mean(axis=1))
    return least
