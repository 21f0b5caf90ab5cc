"""Dissolves: frames in which one picture goes over into another, told by their coarse copies.

Within a dissolve each frame is a mix of two pictures in shares that grow evenly, so that a frame
differs from the one before as that one did from its own: in the same places, in the same direction.
What moves changes other places from frame to frame. Source: linear change of pixels as in Truong et
al., New Enhancements to Cut, Fade, and Dissolve Detection Processes in Video Segmentation, ACM
Multimedia 2000; here in time alone, and only where faces tell that it is another person.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image, IntArray

_LEAST_STEP = 1.5  # gray levels, mean, from frame to frame
_LEAST_CHANGE = 7.0  # from one picture to the other; a head that moves on evenly has 4
_EVENLY = 0.9  # cosine of the changes before and behind a frame
_BESIDE = 3  # frames before and behind a dissolve that tell whose it is


def dissolves(coarse: Image) -> list[tuple[int, int]]:
    """First and last frame of each dissolve, in order.

    A light that is dimmed looks the same; whose faces are seen before and behind tells them apart.

    Args:
        coarse: From `poise.faces.appearance.signatures`, uint8 [F, P], in order of time.
    """
    found: list[tuple[int, int]] = []
    before: FloatArray | None = None
    for k in range(1, len(coarse)):  # one by one: hours of them would take much memory
        if cv2.norm(coarse[k], coarse[k - 1], cv2.NORM_L1) < _LEAST_STEP * coarse.shape[1]:
            before = None
            continue
        change = coarse[k].astype(np.float32) - coarse[k - 1]
        if before is not None:
            length = float(np.linalg.norm(change) * np.linalg.norm(before))
            if float(change @ before) >= _EVENLY * length:
                goes_on = bool(found) and found[-1][1] == k - 1
                first = found.pop()[0] if goes_on else k - 2
                found.append((first, k))
        before = change
    return [(first, last) for first, last in found if _apart(coarse, first, last) >= _LEAST_CHANGE]


def _apart(coarse: Image, first: int, last: int) -> float:
    return float(np.abs(coarse[last].astype(np.int16) - coarse[max(0, first)]).mean())


def going_over(coarse: Image, own: IntArray, others: IntArray) -> npt.NDArray[np.bool_]:
    """Frames in which a person's face is already, or still, in part somebody else's.

    Args:
        coarse: As for `dissolves`.
        own, others: Frames in which the person is told, and somebody else, int64 [K].

    Returns:
        bool [F]: of each dissolve from the person to somebody else, all but its first frame; of
        one back, all but its last.
    """
    found = np.zeros(len(coarse), bool)
    is_own, is_other = np.zeros((2, len(coarse)), bool)
    is_own[own], is_other[others] = True, True
    for first, last in dissolves(coarse):
        start = max(0, first - _BESIDE)
        before, behind = slice(start, first + 2), slice(last - 1, last + 1 + _BESIDE)
        long_before, long_behind = slice(start, first), slice(last + 1, last + 1 + _BESIDE)
        if is_own[before].any() and is_other[behind].any() and not is_own[long_behind].any():
            found[first + 1 : last + 1] = True
        if is_other[before].any() and is_own[behind].any() and not is_own[long_before].any():
            found[first:last] = True
    return found
