"""What a centre excludes of a recording: left out of every figure, kept in the table of frames.

A stretch that `segments.csv` labels `exclude` is known only when reports are written, and may be
another one next time. So the stored result stays as it is, and its figures are made anew from the
frames outside: coverage, shares, episodes, pictures. Nothing is smoothed across the stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from poise.labels import display_labels
from poise.settings import Settings
from poise.storage.results.frames_table import Arrays, counted, outside, usable_gaps, usable_times
from poise.timeline.articulation import bandwidths
from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import own_intervals, shown_for, smooth
from poise.timeline.statistics import ScoredFrames, summarise

if TYPE_CHECKING:
    from poise.storage.results.format import StoredResult


def without_excluded(result: StoredResult, settings: Settings) -> StoredResult:
    """A stored result whose statistics, episodes and pictures leave out what is excluded.

    Args:
        result: As it was read.
        settings: Of its analysis.

    Returns:
        The result itself where nothing of it is excluded.
    """
    if not result.excluded_s:
        return result
    return _made_anew(result, settings, result.read_arrays())


def _made_anew(result: StoredResult, settings: Settings, seen: Arrays) -> StoredResult:
    stretches = result.excluded_s
    nominal_s = 1 / settings.sample_rate_hz
    sampled_s = seen["pts_s"].astype(np.float64).round(3)
    inside = outside(sampled_s, stretches)
    shown_s = shown_for(sampled_s, nominal_s)[inside]
    left = counted(seen, stretches)
    pts_s, gap_s = usable_times(left), usable_gaps(left, stretches)
    bandwidth_s = bandwidths(pts_s, result.sound.spoken, settings.smoothing_s)
    episodes = find_episodes(
        pts_s,
        smooth(pts_s, left["reading"], bandwidth_s, gap_s),
        display_labels(result.labels),
        interval_s=own_intervals(sampled_s, nominal_s)[left["usable_frame"]],
        min_duration_s=settings.min_episode_s,
        gap_s=gap_s,
    )
    statistics = summarise(
        scheme=result.labels,
        scored=ScoredFrames(pts_s=pts_s, emotion=left["posterior"], reading=left["reading"]),
        sampled_frames=int(inside.sum()),
        interval_s=float(shown_s.mean()) if len(shown_s) else nominal_s,
        episodes=episodes,
        flags=left["flags"],
        other_people=int(seen["other_faces"][inside].max(initial=0)),
        span_s=(result.statistics.start_s, result.statistics.end_s),
    )
    return replace(
        result,
        statistics=statistics,
        frames_shown=len(left["shown_frame"]),
        episodes=episodes,
        pictures=[p for p in result.pictures if not _within(round(p.pts_s, 3), stretches)],
    )


def _within(time_s: float, stretches: Sequence[tuple[float, float]]) -> bool:
    return any(start_s <= time_s < end_s for start_s, end_s in stretches)
