"""Answers are told from questions, and each carries its own figures."""

from __future__ import annotations

import numpy as np
import pytest

from poise.reports.answers import answers_of, in_state
from poise.spoken import Segment
from poise.timeline.segment_figures import SeenFrames, SegmentFigures, segment_figures
from tests.factories import LABELS


def segment(kind: str, start_s: float, end_s: float, label: str = "") -> Segment:
    return Segment(kind=kind, label=label, start_s=start_s, end_s=end_s, source="table")


def figures_of(segments: list[Segment], *, sound: bool = True) -> list[SegmentFigures]:
    """Of two minutes of a neutral face, five frames a second."""
    pts_s = np.arange(0, 120, 0.2)
    reading = np.zeros((len(pts_s), len(LABELS)), np.float32)
    reading[:, LABELS.index("neutral")] = 1
    seen = SeenFrames(
        pts_s=pts_s,
        shown_s=np.full(len(pts_s), 0.2),
        speaking=np.ones(len(pts_s), np.int8) if sound else None,
        usable_frame=np.arange(len(pts_s)),
        reading=reading,
        labels=LABELS,
        episodes=[],
    )
    return list(segment_figures(seen, segments))


def test_an_answer_knows_its_question() -> None:
    segments = [
        segment("question", 0, 5, "Why?"),
        segment("answer", 6, 40),
        segment("question", 42, 48),
        segment("answer", 50, 60),
        segment("answer", 90, 110),
    ]
    first, second, third = answers_of(segments, figures_of(segments))
    assert [a.number for a in (first, second, third)] == [1, 2, 3]
    assert (first.label, first.asked_s, first.duration_s) == ("Why?", (0, 5), 34)
    assert (second.label, second.asked_s) == ("", (42, 48))
    assert third.asked_s is None
    assert first.whole.usable_frames == pytest.approx(34 * 5, abs=1)
    assert first.first is not None and first.last is not None
    assert second.first is None and second.last is None  # of ten seconds there are no ends
    assert first.holds(3) and first.holds(39.9) and not first.holds(41)


def test_what_a_centre_named_is_a_part_and_what_it_excluded_is_none() -> None:
    segments = [
        segment("part", 0, 30, "Please introduce yourself."),
        segment("excluded", 30, 60),
        segment("part", 60, 110),
    ]
    answers = answers_of(segments, figures_of(segments))
    assert [(a.kind, a.label, a.start_s) for a in answers] == [
        ("part", "Please introduce yourself.", 0),
        ("part", "", 60),
    ]


def test_a_question_long_before_is_not_the_one_that_is_answered() -> None:
    segments = [segment("question", 0, 5, "Why?"), segment("answer", 50, 80)]
    (answer,) = answers_of(segments, figures_of(segments))
    assert answer.asked_s is None and answer.label == ""


def test_states_are_those_of_the_whole_recording() -> None:
    segments = [segment("answer", 0, 60)]
    speaking = in_state(figures_of(segments), "speaking")
    assert speaking is not None and speaking.duration_s == pytest.approx(120)
    assert in_state(figures_of(segments, sound=False), "speaking") is None
    assert answers_of([], figures_of([])) == []
