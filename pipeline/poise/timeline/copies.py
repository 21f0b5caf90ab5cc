"""Copies: whether two recordings show the same sitting, told from how the face changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from poise.timeline.smoothing import GAP_S
from poise.types import FloatArray, TimeArray

_RATE_HZ = 5.0
_LEAST_S = 15.0  # so long at least must the two have in common
_ALIKE = 0.4  # correlation: copies of clips 0.42 to 0.99, others up to 0.25
_FLOOR = 1e-3  # of a posterior
_OUTLIER = 2.0  # a change of so many standard deviations or more weighs the same

Changes = npt.NDArray[np.float64]


def changes(pts_s: TimeArray, reading: FloatArray) -> Changes:
    """How a reading changes from one fifth of a second to the next.

    Args:
        pts_s: Ascending times, float64 [K].
        reading: Posteriors of the valence classes, float32 [K, L].

    Returns:
        Changes of the logarithms, in standard deviations as the median tells them, float64 [L, T],
        0 where no face is seen; empty where too few are, or most stand still.
    """
    if len(pts_s) < 2:
        return np.zeros((reading.shape[1], 0))
    grid_s = np.arange(pts_s[0], pts_s[-1], 1 / _RATE_HZ)
    logs = np.log(np.maximum(reading, _FLOOR)).T
    steps = np.diff([np.interp(grid_s, pts_s, log) for log in logs], axis=1)
    after = np.searchsorted(pts_s, grid_s[1:]).clip(1, len(pts_s) - 1)
    seen = pts_s[after] - pts_s[after - 1] <= GAP_S
    if seen.sum() < _LEAST_S * _RATE_HZ:
        return np.zeros((reading.shape[1], 0))
    usual = 1.4826 * np.median(np.abs(steps[:, seen]), axis=1, keepdims=True)
    if not usual.any():
        return np.zeros((reading.shape[1], 0))
    usual[usual == 0] = np.inf
    return np.where(seen, np.clip(steps / usual, -_OUTLIER, _OUTLIER), 0.0)


def show_the_same(first: Changes, second: Changes) -> bool:
    """Whether two recordings show the same sitting: one made anew from the other, or another view
    of the same call, whole or in part.

    Args:
        first, second: From `changes`.
    """
    return likeness(first, second) > _ALIKE


def likeness(first: Changes, second: Changes) -> float:
    """Correlation of two recordings' changes at the best shift in time; 0 where they are too short.

    A face never changes twice alike for long: copies of real clips (smaller, in a gallery, at
    another frame rate, cut) come to 0.42 to 0.99, other recordings to 0.25 at most.

    Args:
        first, second: From `changes`.
    """
    least = int(_LEAST_S * _RATE_HZ)
    count, other = first.shape[1], second.shape[1]
    if min(count, other) < least:
        return 0.0
    size = 1 << (count + other - 1).bit_length()
    spectra = np.fft.rfft(first, size), np.fft.rfft(second, size)
    together = np.fft.irfft(spectra[0] * spectra[1].conj(), size).sum(axis=0)
    shifts = np.arange(least - other, count - least + 1)  # of the second, in steps
    energy = _energy(first, shifts, other), _energy(second, -shifts, count)
    # Where little of what overlaps is seen, little is known.
    scale = np.sqrt(np.maximum(energy[0], least) * np.maximum(energy[1], least))
    return float((together[shifts] / scale).max())


def _energy(steps: Changes, start: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.float64]:
    """Sum of squares of what overlaps a stretch of that length, from each of those starts on."""
    sums = np.concatenate([[0.0], (steps**2).sum(axis=0).cumsum()])
    ends = np.clip([start, start + length], 0, steps.shape[1])
    return np.asarray(sums[ends[1]] - sums[ends[0]])
