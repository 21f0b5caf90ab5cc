"""What all rules of feedback have in common: what is too little, and what differs most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poise.reports.feedback.remarks import LEAST_S, at, furthest_apart, is_brief, seen_s, telling
from poise.timeline.segment_figures import SegmentFigures
from poise.types import Episode
from tests.factories import make_faceless, make_failed, make_statistics

PART = SegmentFigures(
    segment=1, part="whole", state="all", duration_s=80.0, sampled_frames=400, usable_frames=300,
    coverage=0.75, shares={"neutral": 1.0}, episodes={},
)  # fmt: skip


def test_the_time_a_face_was_seen() -> None:
    assert seen_s(PART) == pytest.approx(60)
    assert seen_s(replace(PART, coverage=None)) == seen_s(None) == 0


@pytest.mark.parametrize(("seconds", "brief"), [(59.0, True), (61.0, False)])
def test_less_than_a_minute_of_a_usable_face_is_brief(seconds: float, brief: bool) -> None:
    statistics = make_statistics(600, [], coverage=seconds / 600)
    assert is_brief(replace(make_faceless(), statistics=statistics)) is brief
    assert is_brief(make_failed()) and LEAST_S == 60


def test_what_differs_most_is_never_the_neutral_face() -> None:
    now = {"positive": 0.1, "neutral": 0.9, "negative": 0.0}
    before = {"positive": 0.2, "neutral": 0.2, "negative": 0.6}
    assert furthest_apart(now, before) == ("negative", 0.0, 0.6)
    assert furthest_apart(now, {}) == ("positive", 0.1, 0.0)
    assert telling(now) == ["positive", "negative"]


def test_a_remark_points_to_its_episode() -> None:
    episode = Episode(label="surprise", start_s=3, end_s=5, peak_s=4, mean_posterior=0.7)
    remark = at("look_apart", episode)
    assert (remark.kind, remark.label) == ("look_apart", "surprise")
    assert (remark.start_s, remark.end_s) == (3, 5)
