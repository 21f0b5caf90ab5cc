"""From segments and their figures to what a report is about: the answers of a recording."""

from __future__ import annotations

from collections.abc import Sequence

from poise.reports.report_types import Answer
from poise.spoken import Segment
from poise.timeline.segment_figures import SegmentFigures

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
