"""Episodes: where they begin and end, and what comes between them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.timeline.episodes import ENTER, LEAVE, count_changes, find_episodes
from poise.types import Episode

LABELS = ("positive", "neutral", "negative", "surprise")


times = st.lists(st.floats(0.001, 3), min_size=1, max_size=60).map(np.cumsum)


def _episodes(
    pts_s: npt.NDArray, column: list[float], *, minimum: float = 0.0, other: int = 1
) -> list[tuple[str, float, float]]:
    """Episodes of a first label with that posterior; the rest goes to another one."""
    smoothed = np.zeros((len(pts_s), 4), np.float32)
    smoothed[:, 0] = column
    smoothed[:, other] = 1 - smoothed[:, 0]
    found = find_episodes(pts_s, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum)
    return [(e.label, round(e.start_s, 6), round(e.end_s, 6)) for e in found]


def test_an_episode_lasts_from_its_first_frame_to_the_end_of_its_last() -> None:
    found = _episodes(np.arange(6) * 0.2, [0.1, 0.9, 0.9, 0.9, 0.1, 0.1])
    assert found == [("neutral", 0, 0.2), ("positive", 0.2, 0.8), ("neutral", 0.8, 1.2)]


def test_hysteresis_an_episode_survives_a_weakness() -> None:
    weak = (ENTER + LEAVE) / 2
    column = [0.9, weak - 0.03, 0.9, weak, 0.9]
    smoothed = np.full((5, 4), 0.1, np.float32)
    smoothed[:, 0] = column
    found = find_episodes(np.arange(5) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0)
    assert [(e.label, e.start_s, round(e.end_s, 6)) for e in found] == [("positive", 0, 1.0)]


def test_hysteresis_a_weak_beginning_does_not_count() -> None:
    smoothed = np.zeros((5, 4), np.float32)
    smoothed[:, 0] = [0.45, 0.5, 0.54, 0.6, 0.5]
    found = find_episodes(np.arange(5) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0)
    assert [round(e.start_s, 6) for e in found] == [0.6]


def test_an_episode_ends_where_its_label_falls_below_leave() -> None:
    smoothed = np.zeros((4, 4), np.float32)
    smoothed[:, 0] = [0.9, 0.9, LEAVE - 0.01, 0.3]
    (episode,) = find_episodes(
        np.arange(4) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0
    )
    assert episode.end_s == pytest.approx(0.4)


@pytest.mark.parametrize(("minimum", "count"), [(0.0, 1), (0.6, 1), (0.61, 0)])
def test_short_episodes_are_dropped(minimum: float, count: int) -> None:
    smoothed = np.zeros((10, 4), np.float32)
    smoothed[3:6, 2] = 0.8
    found = find_episodes(
        np.arange(10) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum
    )
    assert len(found) == count


def test_a_gap_ends_an_episode() -> None:
    pts_s = np.array([0.0, 0.2, 0.4, 5.0, 5.2])
    assert _episodes(pts_s, [0.9] * 5) == [("positive", 0, 0.6), ("positive", 5.0, 5.4)]


def test_an_episode_never_reaches_into_the_next_frame() -> None:
    """Frames may lie closer than the interval that is asked for."""
    pts_s = np.array([0.0, 0.05, 0.1, 0.15])
    found = _episodes(pts_s, [0.9, 0.9, 0.1, 0.1])
    assert found == [("positive", 0, 0.1), ("neutral", 0.1, 0.35)]


def test_the_peak_lies_in_the_episode_and_the_mean_is_its_mean() -> None:
    smoothed = np.zeros((4, 4), np.float32)
    smoothed[:, 0] = [0.6, 0.9, 0.7, 0.8]
    (episode,) = find_episodes(
        np.arange(4) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0
    )
    assert episode.peak_s == pytest.approx(0.2)
    assert episode.mean_posterior == pytest.approx(0.75)


@given(times, st.integers(0, 1000), st.floats(0, 1))
def test_episodes_are_in_order_and_do_not_overlap(
    pts_s: npt.NDArray, seed: int, minimum: float
) -> None:
    smoothed = np.random.default_rng(seed).dirichlet([0.3] * 4, len(pts_s)).astype(np.float32)
    found = find_episodes(pts_s, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum)
    for episode in found:
        assert episode.start_s <= episode.peak_s <= episode.end_s
        assert episode.duration_s >= minimum - 1e-5
        assert LEAVE <= episode.mean_posterior <= 1
    for a, b in pairwise(found):
        assert a.end_s <= b.start_s + 1e-9


def test_no_frames_no_episodes() -> None:
    nothing = np.zeros((0, 4), np.float32)
    assert find_episodes(np.zeros(0), nothing, LABELS, interval_s=0.2, min_duration_s=0) == []


def test_changes_are_counted_between_different_labels() -> None:
    def episode(label: str) -> Episode:
        return Episode(label=label, start_s=0, end_s=1, peak_s=0, mean_posterior=1)

    assert count_changes([episode(c) for c in "aabbba"]) == 2
    assert count_changes([]) == 0
