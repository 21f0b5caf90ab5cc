"""Timeline: posteriors smoothed in time, episodes, and the figures a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.labels import VALENCES, LabelScheme
from pipeline.quality import FLAGS
from pipeline.types import Episode, FloatArray, Statistics, TimeArray

GAP_S = 1.0  # without a usable face for longer than this, nothing is carried across
ENTER, LEAVE = 0.55, 0.40  # hysteresis of episodes, on the smoothed posterior


@dataclass(frozen=True, kw_only=True)
class ScoredFrames:
    """The usable frames of one recording, in order of time.

    Args:
        pts_s: float64 [K].
        emotion: Emotion posteriors, float32 [K, C].
    """

    pts_s: TimeArray
    emotion: FloatArray


def display_labels(scheme: LabelScheme) -> tuple[str, ...]:
    """The valence classes, then the emotions without valence."""
    return (*VALENCES, *scheme.apart)


def display_posterior(scheme: LabelScheme, emotion: FloatArray) -> FloatArray:
    """Posterior of each of `display_labels`, float32 [K, L]; rows sum to 1."""
    apart = [scheme.emotions.index(name) for name in scheme.apart]
    joint = np.asarray(emotion) @ scheme.valence_matrix
    return np.concatenate([joint, np.asarray(emotion)[:, apart]], axis=1).astype(np.float32)


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
    for start, end in segments(pts_s):
        times = pts_s[start:end]
        low = np.searchsorted(times, times - 3 * bandwidth_s)
        high = np.searchsorted(times, times + 3 * bandwidth_s, side="right")
        for k in range(end - start):
            part = slice(low[k], high[k])
            weight = np.exp(-0.5 * ((times[part] - times[k]) / bandwidth_s) ** 2)
            result[start + k] = weight @ values[start:end][part] / weight.sum()
    return result


def segments(pts_s: TimeArray) -> list[tuple[int, int]]:
    """Runs of frames without a gap longer than `GAP_S`, as half-open ranges."""
    breaks = (np.flatnonzero(np.diff(pts_s) > GAP_S) + 1).tolist()
    edges = [0, *breaks, len(pts_s)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def find_episodes(
    pts_s: TimeArray,
    smoothed: FloatArray,
    labels: Sequence[str],
    *,
    interval_s: float,
    min_duration_s: float,
) -> list[Episode]:
    """Stretches in which one label prevails.

    A label's episode begins where its posterior reaches `ENTER` and lasts until it falls below
    `LEAVE`, another label reaches `ENTER`, or a gap begins. Shorter ones than `min_duration_s`
    are dropped.

    Args:
        pts_s: float64 [K].
        smoothed: float32 [K, L].
        labels: Names of the columns.
        interval_s: Time that one sampled frame stands for.
        min_duration_s: Shortest episode.
    """
    episodes = []
    for start, end in segments(pts_s):
        for first, last, label in _runs(smoothed[start:end]):
            part = slice(start + first, start + last + 1)
            posterior = smoothed[part, label]
            stop_s = pts_s[start + last] + interval_s
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


def summarise(
    *,
    scheme: LabelScheme,
    scored: ScoredFrames,
    sampled_frames: int,
    interval_s: float,
    episodes: Sequence[Episode],
    flags: npt.NDArray[np.bool_],
    other_people: int,
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
    """
    usable = len(scored.pts_s)
    labels = display_labels(scheme)
    shares: dict[str, float] = {}
    emotions: dict[str, float] = {}
    if usable:
        winner = display_posterior(scheme, scored.emotion).argmax(axis=1)
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
            name: float(flags[:, k].mean()) if len(flags) else 0.0 for k, name in enumerate(FLAGS)
        },
        other_people=other_people,
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
