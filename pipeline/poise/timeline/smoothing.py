"""Posteriors smoothed in time, never across a gap; what a gap is, and a hole in a recording."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, IntArray, Series, TimeArray

GAP_S = 1.0  # nothing is carried across a longer time, where pictures come at least that often
GAP_INTERVALS = 2.5  # of the local time from picture to picture, where they are sparser
_SPARSE = 1.5  # intervals from picture to picture, from which on the recording's own counts
_NEIGHBOURS = 10  # on either side, for the local time from picture to picture


def smooth(
    pts_s: TimeArray,
    values: FloatArray,
    bandwidth_s: float | TimeArray,
    gap_s: float | TimeArray = GAP_S,
) -> FloatArray:
    """Kernel average over time that respects time stamps and gaps.

    Each value becomes the mean of its neighbours, weighted by a Gaussian of their distance in
    time; rows that sum to 1 still do. Nothing is averaged across a gap.

    Args:
        pts_s: Ascending times, float64 [K].
        values: float32 [K, L].
        bandwidth_s: Standard deviation of the Gaussian, cut off at three of them: of all, or at
            each time, float64 [K]. 0 disables smoothing.
        gap_s: See `continuous_runs`.

    Returns:
        float32 [K, L].

    Source: Nadaraya, Theory of Probability and its Applications 9(1), 1964; Watson, Sankhya A
        26(4), 1964.
    """
    widths = np.broadcast_to(np.asarray(bandwidth_s, np.float64), pts_s.shape)
    if not widths.any():
        return values.copy()
    result = np.empty_like(values)
    for start, end in continuous_runs(pts_s, gap_s):
        times, width = pts_s[start:end], widths[start:end]
        low = np.searchsorted(times, times - 3 * width)
        high = np.searchsorted(times, times + 3 * width, side="right")
        for k in range(end - start):
            part = slice(low[k], high[k])
            weight = np.exp(-0.5 * ((times[part] - times[k]) / max(width[k], 1e-9)) ** 2)
            result[start + k] = weight @ values[start:end][part] / weight.sum()
    return result


def continuous_runs(pts_s: TimeArray, gap_s: float | TimeArray = GAP_S) -> list[tuple[int, int]]:
    """Runs of frames without a gap, as half-open ranges.

    Args:
        pts_s: Ascending times, float64 [K].
        gap_s: A longer time to the next frame is a gap: one figure, or one for each frame but the
            last, float64 [K - 1], as `gap_limits` gives.
    """
    breaks = (np.flatnonzero(np.diff(pts_s) > gap_s) + 1).tolist()
    edges = [0, *breaks, len(pts_s)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def runs_of(series: Series) -> list[tuple[int, int]]:
    """Runs of a series' frames without a gap, as half-open ranges."""
    if series.breaks is None:
        return continuous_runs(series.pts_s)
    edges = [0, *series.breaks.tolist(), len(series.pts_s)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def local_intervals(pts_s: TimeArray) -> TimeArray:
    """Usual time from one sampled frame to the next around each frame but the last.

    A median of neighbours, so that a hole in the recording does not count.

    Args:
        pts_s: Times of all sampled frames, float64 [F].

    Returns:
        float64 [F - 1].
    """
    steps = np.diff(pts_s)
    if len(steps) == 0:
        return np.zeros(0, np.float64)
    reach = min(_NEIGHBOURS, len(steps) - 1)
    padded = np.pad(steps, reach, mode="reflect") if reach else steps
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(np.median(windows, axis=1), np.float64)


def gap_limits(pts_s: TimeArray, rows: IntArray | None = None) -> TimeArray:
    """Longest time to the next frame that is no gap, as the recording's own pictures ask for.

    Args:
        pts_s: Times of all sampled frames, float64 [F].
        rows: Rows among them of the frames that count, int64 [K]; None: all.

    Returns:
        float64 [K - 1].
    """
    limits: TimeArray = np.maximum(GAP_S, GAP_INTERVALS * local_intervals(pts_s))
    if rows is None or len(limits) == 0:
        return limits
    before, after = rows[:-1], rows[1:] - 1
    return np.asarray(np.maximum(limits[before], limits[after]), np.float64)


def holes(pts_s: TimeArray) -> npt.NDArray[np.float64]:
    """Where a recording shows no picture though it does before and after, float64 [H, 2].

    Args:
        pts_s: Times of all sampled frames, float64 [F].
    """
    usual = local_intervals(pts_s)
    at = np.flatnonzero(np.diff(pts_s) > gap_limits(pts_s))
    return np.column_stack([pts_s[at] + usual[at], pts_s[at + 1]])


def own_intervals(pts_s: TimeArray, nominal_s: float) -> TimeArray:
    """Sampling interval at each sampled frame: the recording's own where pictures are sparser.

    Args:
        pts_s: Times of all sampled frames, float64 [F].
        nominal_s: Sampling interval that was asked for.

    Returns:
        float64 [F].
    """
    if len(pts_s) < 2:
        return np.full(len(pts_s), nominal_s)
    usual = local_intervals(pts_s)
    own = np.where(usual > _SPARSE * nominal_s, usual, nominal_s)
    return np.append(own, own[-1])


def shown_for(pts_s: TimeArray, nominal_s: float) -> TimeArray:
    """Time that each sampled frame stands for, never across a hole, float64 [F].

    Args:
        pts_s: Times of all sampled frames, float64 [F].
        nominal_s: Sampling interval that was asked for.
    """
    if len(pts_s) < 2:
        return np.full(len(pts_s), nominal_s)
    usual = local_intervals(pts_s)
    steps = np.diff(pts_s)
    steps = np.where(steps > gap_limits(pts_s), usual, steps)
    return np.append(steps, own_intervals(pts_s, nominal_s)[-1])
