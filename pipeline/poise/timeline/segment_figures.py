"""Figures of each segment and of each state: how the candidate looked while speaking, listening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from poise.spoken import SPEAKING, Segment
from poise.types import Episode, FloatArray, IntArray, TimeArray

EDGE_S = 10.0  # of the first and the last part of a segment
STATES = {"all": None, "speaking": "candidate", "listening": "someone_else"}


@dataclass(frozen=True, kw_only=True)
class SeenFrames:
    """What the figures are made of; F sampled frames, K of them usable.

    Args:
        pts_s: Of the sampled frames, ascending, float64 [F].
        shown_s: Time that each stands for, float64 [F].
        speaking: Index into `SPEAKING` or -1, int8 [F]; None where nothing was listened to.
        usable_frame: Rows, among the F, of the usable frames, int64 [K].
        reading: Posterior of each label there, float32 [K, L].
        labels: Names of the labels.
        episodes: Of the recording.
    """

    pts_s: TimeArray
    shown_s: TimeArray
    speaking: npt.NDArray[np.int8] | None
    usable_frame: IntArray
    reading: FloatArray
    labels: tuple[str, ...]
    episodes: Sequence[Episode]


@dataclass(frozen=True, kw_only=True)
class SegmentFigures:
    """Figures of one part of one segment in one state.

    Args:
        segment: Number of the segment from 1; None for the recording without what is excluded.
        part: `whole`, `first` or `last` (ten seconds).
        state: `all`, `speaking` or `listening`.
        duration_s: Time that the sampled frames stand for.
        sampled_frames, usable_frames: Their numbers.
        coverage: Their ratio; None without sampled frames.
        shares: Share of the usable frames for each label; empty without any.
        episodes: How many episodes of each label have their peak there.
    """

    segment: int | None
    part: str
    state: str
    duration_s: float
    sampled_frames: int
    usable_frames: int
    coverage: float | None
    shares: dict[str, float]
    episodes: dict[str, int]


def segment_of(pts_s: TimeArray, segments: Sequence[Segment]) -> IntArray:
    """Number, from 1, of the segment that each moment lies in; 0 in none, int64 [F].

    What is excluded from within an answer is no part of it.
    """
    numbers = np.zeros(len(pts_s), np.int64)
    numbered = sorted(enumerate(segments, start=1), key=lambda one: one[1].kind == "excluded")
    for number, segment in numbered:
        low, high = np.searchsorted(pts_s, [segment.start_s, segment.end_s])
        numbers[low:high] = number
    return numbers


def segment_figures(seen: SeenFrames, segments: Sequence[Segment]) -> Iterator[SegmentFigures]:
    """Figures of the recording, then of each segment: all of it, its ends, and by state.

    The first and the last ten seconds are told of segments that last twenty. Without sound there
    is no state but `all`.

    Args:
        seen: The frames.
        segments: In order; what is excluded has no figures.
    """
    number_of = segment_of(seen.pts_s, segments)
    left_out = [k for k, segment in enumerate(segments, start=1) if segment.kind == "excluded"]
    everything = ~np.isin(number_of, left_out)
    yield from _by_state(seen, None, everything)
    for number, segment in enumerate(segments, start=1):
        if number in left_out:
            continue
        inside = number_of == number
        yield from _by_state(seen, number, inside)
        if segment.end_s - segment.start_s >= 2 * EDGE_S:
            first = inside & (seen.pts_s < round(segment.start_s + EDGE_S, 3))
            last = inside & (seen.pts_s >= round(segment.end_s - EDGE_S, 3))
            yield _figures(seen, number, "first", "all", first)
            yield _figures(seen, number, "last", "all", last)


def _by_state(
    seen: SeenFrames, number: int | None, inside: npt.NDArray[np.bool_]
) -> Iterator[SegmentFigures]:
    for state, speaker in STATES.items():
        if speaker is None:
            yield _figures(seen, number, "whole", state, inside)
        elif seen.speaking is not None:
            there = inside & (seen.speaking == SPEAKING.index(speaker))
            yield _figures(seen, number, "whole", state, there)


def _figures(
    seen: SeenFrames, number: int | None, part: str, state: str, there: npt.NDArray[np.bool_]
) -> SegmentFigures:
    winners = seen.reading[there[seen.usable_frame]].argmax(axis=1)
    sampled, usable = int(there.sum()), len(winners)
    peaks = np.array([episode.peak_s for episode in seen.episodes])
    frame = np.clip(np.searchsorted(seen.pts_s, peaks + 1e-3) - 1, 0, None)
    within = there[frame] if len(there) and len(frame) else np.zeros(len(peaks), np.bool_)
    counts = dict.fromkeys(seen.labels, 0)
    for episode, counted in zip(seen.episodes, within, strict=True):
        if counted and episode.label in counts:
            counts[episode.label] += 1
    return SegmentFigures(
        segment=number,
        part=part,
        state=state,
        duration_s=float(seen.shown_s[there].sum()),
        sampled_frames=sampled,
        usable_frames=usable,
        coverage=usable / sampled if sampled else None,
        shares={
            label: float((winners == k).mean()) for k, label in enumerate(seen.labels) if usable
        },
        episodes=counts,
    )
