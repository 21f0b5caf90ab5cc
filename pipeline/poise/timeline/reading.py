"""How a recording is read: posteriors against the resting face, smoothed, and in episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.settings import Settings
from poise.spoken import Turn
from poise.timeline.articulation import articulating, bandwidths, while_speaking
from poise.timeline.baseline import against, find_baseline, resting_odds
from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import gap_limits, own_intervals, smooth
from poise.types import Baseline, Episode, FloatArray, IntArray, TimeArray


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the usable frames of one recording show, in order of time.

    Args:
        baseline: The resting face that they are read against.
        posterior: Of the labels, read against it, float32 [K, L]; rows sum to 1.
        smoothed: The same, smoothed through time, float32 [K, L].
        episodes: Stretches in which one label prevails.
    """

    baseline: Baseline
    posterior: FloatArray
    smoothed: FloatArray
    episodes: list[Episode]


def read_through_time(
    said: FloatArray,
    labels: Sequence[str],
    sampled_s: TimeArray,
    frame: IntArray,
    *,
    settings: Settings,
    turns: Sequence[Turn] = (),
    neutral_span_s: tuple[float, float] | None = None,
) -> Reading:
    """Read what the model says of a recording's frames.

    Args:
        said: Posteriors of the labels, float32 [K, L]; rows sum to 1.
        labels: Names of the columns.
        sampled_s: Times of all frames that were looked at, ascending, float64 [F].
        frame: Which of them these are, ascending, int64 [K].
        settings: Baseline, smoothing, shortest episode, sampling rate.
        turns: Who speaks when, in order of time.
        neutral_span_s: From when to when the candidate's face rests, if that is known.
    """
    pts_s, interval_s = sampled_s[frame], 1 / settings.sample_rate_hz
    baseline = find_baseline(
        pts_s, *resting_odds(said), mode=settings.baseline, span_s=neutral_span_s
    )
    speaking = articulating(pts_s, turns)
    posterior = while_speaking(against(baseline, said), speaking, baseline.threshold)
    gap_s = gap_limits(sampled_s, frame)
    smoothed = smooth(pts_s, posterior, bandwidths(pts_s, turns, settings.smoothing_s), gap_s)
    episodes = find_episodes(
        pts_s,
        smoothed,
        labels,
        interval_s=own_intervals(sampled_s, interval_s)[frame],
        min_duration_s=settings.min_episode_s,
        gap_s=gap_s,
    )
    return Reading(
        baseline=baseline,
        posterior=posterior,
        smoothed=np.asarray(smoothed, np.float32),
        episodes=episodes,
    )
