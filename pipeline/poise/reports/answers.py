"""From segments and their figures to what a report is about: answers, and nothing left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poise.reports.report_types import Answer, RecordingReport
from poise.spoken import Segment
from poise.timeline.segment_figures import SegmentFigures
from poise.timeline.smoothing import runs_of
from poise.types import Series

_ASKED_S = 10.0  # a question that ended longer ago is not the one that is answered


def answers_of(segments: Sequence[Segment], figures: Sequence[SegmentFigures]) -> list[Answer]:
    """The answers of a recording, each with the question before it.

    Args:
        segments: In order of time; questions, and what is excluded, are no answers.
        figures: Of these, see `poise.timeline.segment_figures.segment_figures`.

    Returns:
        In order of time, numbered from 1.
    """
    of = {(one.segment, one.part): one for one in figures if one.state == "all"}
    answers: list[Answer] = []
    asked: Segment | None = None
    for number, segment in enumerate(segments, start=1):
        if segment.kind == "question":
            asked = segment
            continue
        if segment.kind == "excluded":
            asked = None
            continue
        near = asked is not None and segment.start_s - asked.end_s < _ASKED_S
        answers.append(
            Answer(
                number=len(answers) + 1,
                kind=segment.kind,
                label=segment.label or (asked.label if asked and near else ""),
                start_s=segment.start_s,
                end_s=segment.end_s,
                asked_s=(asked.start_s, asked.end_s) if asked and near else None,
                whole=of[number, "whole"],
                first=of.get((number, "first")),
                last=of.get((number, "last")),
            )
        )
        asked = None
    return answers


def in_state(figures: Sequence[SegmentFigures], state: str) -> SegmentFigures | None:
    """Figures over a whole recording in a state; None where nothing was listened to."""
    return next((one for one in figures if one.segment is None and one.state == state), None)


def without_excluded(
    recording: RecordingReport, segments: Sequence[Segment], figures: Sequence[SegmentFigures]
) -> RecordingReport:
    """The same recording without the stretches that a centre left out: they count nowhere.

    What cannot be told of a part from what is stored, such as finer categories, is left out.

    Args:
        recording: All of it.
        segments: Of the recording.
        figures: Of these; the first are of all that is not excluded.
    """
    spans = [(s.start_s, s.end_s) for s in segments if s.kind == "excluded"]
    rest = in_state(figures, "all")
    if not spans or rest is None or recording.statistics is None:
        return recording
    episodes = [e for e in recording.episodes if not _inside(e.peak_s, spans)]
    by_length = sorted(episodes, key=lambda e: e.duration_s)
    statistics = replace(
        recording.statistics,
        duration_s=rest.duration_s,
        sampled_frames=rest.sampled_frames,
        usable_frames=rest.usable_frames,
        coverage=rest.coverage or 0.0,
        shares=rest.shares,
        emotion_shares={},
        changes_per_minute=None,
        longest={episode.label: episode for episode in by_length},
    )
    return replace(
        recording,
        statistics=statistics,
        episodes=episodes,
        frames=[f for f in recording.frames if not _inside(f.pts_s, spans)],
        series=_cut(recording.series, spans) if recording.series else None,
        unseen=sorted([*recording.unseen, *spans]),
        left_out=spans,
    )


def _inside(time_s: float, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start_s <= time_s < end_s for start_s, end_s in spans)


def _cut(series: Series, spans: Sequence[tuple[float, float]]) -> Series | None:
    """A series with gaps where nothing counts; None where nothing is left."""
    kept = np.array([not _inside(time_s, spans) for time_s in series.pts_s.tolist()])
    if not kept.any():
        return None
    breaks = [start for start, _ in runs_of(series)[1:]]
    run = np.searchsorted(breaks, np.arange(len(kept)), side="right") + np.cumsum(~kept)
    return replace(
        series,
        pts_s=series.pts_s[kept],
        smoothed=series.smoothed[kept],
        emotion=series.emotion[kept],
        breaks=np.flatnonzero(np.diff(run[kept])) + 1,
    )
