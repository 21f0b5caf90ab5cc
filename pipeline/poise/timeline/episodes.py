"""Episodes: stretches of time in which one apparent expression prevails."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from poise.timeline.smoothing import GAP_S, continuous_runs
from poise.types import Episode, FloatArray, TimeArray

ENTER, LEAVE = 0.55, 0.40  # hysteresis of episodes, on the smoothed posterior


def find_episodes(
    pts_s: TimeArray,
    smoothed: FloatArray,
    labels: Sequence[str],
    *,
    interval_s: float | TimeArray,
    min_duration_s: float,
    gap_s: float | TimeArray = GAP_S,
) -> list[Episode]:
    """Stretches in which one label prevails.

    A label's episode begins where its posterior reaches `ENTER` and lasts until it falls below
    `LEAVE`, another label reaches `ENTER`, or a gap begins. Shorter ones than `min_duration_s`
    are dropped.

    Args:
        pts_s: float64 [K].
        smoothed: float32 [K, L].
        labels: Names of the columns.
        interval_s: Time that a sampled frame stands for: of all, or of each, float64 [K].
        min_duration_s: Shortest episode.
        gap_s: See `smoothing.continuous_runs`.
    """
    episodes = []
    shown_s = np.broadcast_to(interval_s, pts_s.shape)
    for start, end in continuous_runs(pts_s, gap_s):
        for first, last, label in _runs(smoothed[start:end]):
            part = slice(start + first, start + last + 1)
            posterior = smoothed[part, label]
            stop_s = pts_s[start + last] + shown_s[start + last]
            if start + last + 1 < len(pts_s):
                stop_s = min(stop_s, pts_s[start + last + 1])
            episode = Episode(
                label=labels[label],
                start_s=float(pts_s[start + first]),
                end_s=float(stop_s),
                peak_s=float(pts_s[part][int(np.argmax(posterior))]),
                mean_posterior=float(posterior.mean()),
            )
            if episode.duration_s >= min_duration_s - 1e-6:
                episodes.append(episode)
    return episodes


def _runs(smoothed: FloatArray) -> list[tuple[int, int, int]]:
    """First row, last row and column of each run under hysteresis, in one gapless segment."""
    runs: list[tuple[int, int, int]] = []
    current, first = -1, 0
    for k, row in enumerate(smoothed):
        best = int(np.argmax(row))
        if best != current and row[best] >= ENTER:
            if current >= 0:
                runs.append((first, k - 1, current))
            current, first = best, k
        elif current >= 0 and row[current] < LEAVE:
            runs.append((first, k - 1, current))
            current = -1
    if current >= 0:
        runs.append((first, len(smoothed) - 1, current))
    return runs


def count_changes(episodes: Sequence[Episode]) -> int:
    """How often one episode follows another of a different label."""
    return sum(a.label != b.label for a, b in pairwise(episodes))
