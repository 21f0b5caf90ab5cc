"""The figures that a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from poise.labels import QUALITY_FLAGS, LabelScheme, display_labels
from poise.timeline.episodes import count_changes
from poise.types import Episode, FloatArray, Statistics, TimeArray


@dataclass(frozen=True, kw_only=True)
class ScoredFrames:
    """The usable frames of one recording, in order of time.

    Args:
        pts_s: float64 [K].
        emotion: Emotion posteriors, float32 [K, C].
        reading: Posteriors of the labels, float32 [K, L].
    """

    pts_s: TimeArray
    emotion: FloatArray
    reading: FloatArray


def summarise(
    *,
    scheme: LabelScheme,
    scored: ScoredFrames,
    sampled_frames: int,
    interval_s: float,
    episodes: Sequence[Episode],
    flags: npt.NDArray[np.bool_],
    other_people: int,
    span_s: tuple[float, float] = (0.0, 0.0),
) -> Statistics:
    """Figures of one recording.

    Args:
        scheme: Label scheme of the model.
        scored: Usable frames.
        sampled_frames: All frames looked at.
        interval_s: Time that one sampled frame stands for.
        episodes: Of the recording.
        flags: Quality flags of the frames that show the candidate, bool [J, 5].
        other_people: Most people seen at once beside the candidate.
        span_s: Where the first sampled frame begins and the last one ends.
    """
    usable = len(scored.pts_s)
    labels = display_labels(scheme)
    shares: dict[str, float] = {}
    emotions: dict[str, float] = {}
    if usable:
        winner = scored.reading.argmax(axis=1)
        shares = {name: float((winner == k).mean()) for k, name in enumerate(labels)}
        mean = scored.emotion.mean(axis=0)
        emotions = {n: float(v) for n, v in zip(scheme.emotions, mean, strict=True)}
    minutes = usable * interval_s / 60
    longest: dict[str, Episode] = {}
    for episode in episodes:
        best = longest.get(episode.label)
        if best is None or episode.duration_s > best.duration_s:
            longest[episode.label] = episode
    return Statistics(
        duration_s=sampled_frames * interval_s,
        sampled_frames=sampled_frames,
        usable_frames=usable,
        coverage=usable / sampled_frames if sampled_frames else 0.0,
        shares=shares,
        emotion_shares=emotions,
        changes_per_minute=count_changes(episodes) / minutes if usable else None,
        longest=longest,
        flag_shares={
            name: float(flags[:, k].mean()) if len(flags) else 0.0
            for k, name in enumerate(QUALITY_FLAGS)
        },
        other_people=other_people,
        start_s=span_s[0],
        end_s=span_s[1],
    )


def combine(parts: Sequence[Statistics], frames_shown: Sequence[int]) -> Statistics | None:
    """Figures over several recordings: counts add up, shares are weighted by frames.

    Args:
        parts: Of each recording.
        frames_shown: Frames that show the candidate in each, the weight of its flag shares.

    Returns:
        None if there is no recording.
    """
    if not parts:
        return None
    usable = sum(p.usable_frames for p in parts)
    sampled = sum(p.sampled_frames for p in parts)
    duration = sum(p.duration_s for p in parts)
    minutes = [p.usable_frames * p.duration_s / max(p.sampled_frames, 1) / 60 for p in parts]
    changes = sum((p.changes_per_minute or 0.0) * m for p, m in zip(parts, minutes, strict=True))
    longest: dict[str, Episode] = {}
    for part in parts:
        for label, episode in part.longest.items():
            if label not in longest or episode.duration_s > longest[label].duration_s:
                longest[label] = episode
    return Statistics(
        duration_s=duration,
        sampled_frames=sampled,
        usable_frames=usable,
        coverage=usable / sampled if sampled else 0.0,
        shares=_weighted([p.shares for p in parts], [p.usable_frames for p in parts]),
        emotion_shares=_weighted(
            [p.emotion_shares for p in parts], [p.usable_frames for p in parts]
        ),
        changes_per_minute=changes / sum(minutes) if usable else None,
        longest=longest,
        flag_shares=_weighted([p.flag_shares for p in parts], frames_shown),
        other_people=max(p.other_people for p in parts),
    )


def _weighted(shares: Sequence[dict[str, float]], weights: Sequence[int]) -> dict[str, float]:
    total = sum(weights)
    names = dict.fromkeys(name for part in shares for name in part)
    return {
        name: sum(part.get(name, 0.0) * w for part, w in zip(shares, weights, strict=True)) / total
        for name in names
        if total
    }
