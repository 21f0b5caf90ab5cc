"""Posteriors smoothed in time, never across a gap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from poise.types import FloatArray, TimeArray

GAP_S = 1.0  # without a usable face for longer than this, nothing is carried across


def smooth(pts_s: TimeArray, values: FloatArray, bandwidth_s: float) -> FloatArray:
    """Kernel average over time that respects time stamps and gaps.

    Each value becomes the mean of its neighbours, weighted by a Gaussian of their distance in
    time; rows that sum to 1 still do. Nothing is averaged across a gap longer than `GAP_S`.

    Args:
        pts_s: Ascending times, float64 [K].
        values: float32 [K, L].
        bandwidth_s: Standard deviation of the Gaussian, cut off at three of them; 0 smooths not.

    Returns:
        float32 [K, L].

    Source: Nadaraya, Theory of Probability and its Applications 9(1), 1964; Watson, Sankhya A
        26(4), 1964.
    """
    if bandwidth_s == 0 or len(pts_s) == 0:
        return values.copy()
    result = np.empty_like(values)
    for start, end in continuous_runs(pts_s):
        times = pts_s[start:end]
        low = np.searchsorted(times, times - 3 * bandwidth_s)
        high = np.searchsorted(times, times + 3 * bandwidth_s, side="right")
        for k in range(end - start):
            part = slice(low[k], high[k])
            weight = np.exp(-0.5 * ((times[part] - times[k]) / bandwidth_s) ** 2)
            result[start + k] = weight @ values[start:end][part] / weight.sum()
    return result


def continuous_runs(pts_s: TimeArray) -> list[tuple[int, int]]:
    """Runs of frames without a gap longer than `GAP_S`, as half-open ranges."""
    breaks = (np.flatnonzero(np.diff(pts_s) > GAP_S) + 1).tolist()
    edges = [0, *breaks, len(pts_s)]
    return [(a, b) for a, b in pairwise(edges) if a < b]
