"""Gaps follow the recording's own pictures; a hole in it is one; smoothing never crosses either."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import (
    GAP_S,
    continuous_runs,
    gap_limits,
    holes,
    local_intervals,
    own_intervals,
    runs_of,
    shown_for,
    smooth,
)
from poise.types import FloatArray, Series

EVERY_200_MS = np.arange(50) / 5


SPARSE = np.arange(20) * 1.02


WITH_HOLE = np.concatenate([np.arange(10) / 5, 12 + np.arange(10) / 5])


@pytest.mark.parametrize("pts_s", [EVERY_200_MS, SPARSE, np.arange(12) * 5.0], ids=str)
def test_a_recording_without_holes_has_no_gap(pts_s: np.ndarray) -> None:
    assert continuous_runs(pts_s, gap_limits(pts_s)) == [(0, len(pts_s))]
    assert len(holes(pts_s)) == 0


def test_below_one_picture_a_second_there_are_episodes() -> None:
    smiling = (np.arange(20) >= 10).astype(np.float32)
    values = np.stack([smiling, 1 - smiling], axis=1)
    gap_s = gap_limits(SPARSE)
    smoothed = smooth(SPARSE, values, 0.4, gap_s)
    neutral, positive = find_episodes(
        SPARSE, smoothed, ("positive", "neutral"), interval_s=own_intervals(SPARSE, 0.2),
        min_duration_s=0.8, gap_s=gap_s,
    )  # fmt: skip
    assert (neutral.label, neutral.start_s, neutral.end_s) == ("neutral", 0.0, pytest.approx(10.2))
    assert (positive.label, positive.end_s) == ("positive", pytest.approx(20.4))


def test_a_hole_is_found_and_counts_neither_as_time_nor_as_a_face() -> None:
    np.testing.assert_allclose(holes(WITH_HOLE), [[2.0, 12.0]])
    assert continuous_runs(WITH_HOLE, gap_limits(WITH_HOLE)) == [(0, 10), (10, 20)]
    assert shown_for(WITH_HOLE, 0.2).sum() == pytest.approx(4.0)


def test_a_hole_in_a_sparse_recording_is_longer() -> None:
    pts_s = np.concatenate([SPARSE, SPARSE + 40])
    np.testing.assert_allclose(holes(pts_s), [[20 * 1.02, 40]])


def test_usable_frames_have_a_gap_where_others_lie_between() -> None:
    rows = np.array([0, 1, 2, 3, 10, 11, 13, 14])
    runs = continuous_runs(EVERY_200_MS[rows], gap_limits(EVERY_200_MS, rows))
    assert runs == [(0, 4), (4, 8)]
    sparse = np.array([0, 2, 3, 8])  # one that is not usable between two of a second is no gap
    assert continuous_runs(SPARSE[sparse], gap_limits(SPARSE, sparse)) == [(0, 3), (3, 4)]


def test_the_interval_is_that_asked_for_where_pictures_come_often_enough() -> None:
    uneven = np.cumsum(np.tile([0.16, 0.24], 20))
    assert set(own_intervals(uneven, 0.2)) == {0.2}
    assert own_intervals(SPARSE, 0.2) == pytest.approx(np.full(20, 1.02))
    assert shown_for(uneven, 0.2).sum() == pytest.approx(uneven[-1] - uneven[0] + 0.2)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_frames(count: int) -> None:
    pts_s = np.arange(count) * 0.2
    rows = np.arange(count)
    assert len(local_intervals(pts_s)) == max(0, count - 1)
    assert len(gap_limits(pts_s, rows)) == max(0, count - 1)
    assert len(shown_for(pts_s, 0.2)) == len(own_intervals(pts_s, 0.2)) == count
    assert len(holes(pts_s)) == 0


def test_nothing_is_smoothed_across_a_hole() -> None:
    values = np.zeros((20, 1), np.float32)
    values[10:] = 1
    smoothed = smooth(WITH_HOLE, values, 30.0, gap_limits(WITH_HOLE))
    np.testing.assert_allclose(smoothed, values)


def test_a_series_says_its_gaps_itself() -> None:
    ones = np.ones((20, 1), np.float32)
    series = Series(
        pts_s=SPARSE, labels=("neutral",), smoothed=ones, label_column=np.zeros(20, np.int64),
        emotions=("neutral",), emotion=ones, breaks=np.array([7]),
    )  # fmt: skip
    assert runs_of(series) == [(0, 7), (7, 20)]


times = st.lists(st.floats(0.001, 3), min_size=1, max_size=60).map(np.cumsum)


def _posterior(rng: np.random.Generator, rows: int) -> FloatArray:
    return rng.dirichlet([1, 1, 1, 1], rows).astype(np.float32)


@given(times, st.floats(0.01, 5))
def test_what_does_not_change_stays(pts_s: npt.NDArray, bandwidth_s: float) -> None:
    constant = np.tile(np.array([[0.2, 0.3, 0.5]], np.float32), (len(pts_s), 1))
    np.testing.assert_allclose(smooth(pts_s, constant, bandwidth_s), constant, atol=1e-5)


@given(times, st.floats(0, 5), st.integers(0, 1000))
def test_rows_still_sum_to_one_and_stay_in_range(
    pts_s: npt.NDArray, bandwidth_s: float, seed: int
) -> None:
    values = _posterior(np.random.default_rng(seed), len(pts_s))
    smoothed = smooth(pts_s, values, bandwidth_s)
    np.testing.assert_allclose(smoothed.sum(axis=1), 1, atol=1e-5)
    assert (smoothed >= -1e-6).all() and (smoothed <= values.max(axis=0) + 1e-5).all()


def test_no_bandwidth_smooths_nothing_and_gives_a_copy() -> None:
    values = _posterior(np.random.default_rng(0), 5)
    result = smooth(np.arange(5.0), values, 0)
    np.testing.assert_array_equal(result, values)
    assert result is not values


def test_smoothing_is_the_kernel_average_it_is_said_to_be() -> None:
    rng = np.random.default_rng(4)
    pts_s = np.cumsum(rng.uniform(0.05, 0.4, 40))
    values = _posterior(rng, 40)
    distance = (pts_s[:, None] - pts_s) / 0.5
    weight = np.where(np.abs(distance) <= 3, np.exp(-0.5 * distance**2), 0)
    expected = weight @ values / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(smooth(pts_s, values, 0.5), expected, atol=1e-5)


def test_what_is_nearer_in_time_weighs_more() -> None:
    values = np.array([[0], [0.5], [1]], np.float32)
    near_the_first = smooth(np.array([0.0, 0.1, 0.9]), values, 0.4)[1, 0]
    near_the_last = smooth(np.array([0.0, 0.8, 0.9]), values, 0.4)[1, 0]
    assert near_the_first < 0.5 < near_the_last


def test_nothing_is_carried_across_a_gap() -> None:
    pts_s = np.array([0.0, 0.2, 0.4, 0.4 + GAP_S + 0.1, 0.6 + GAP_S + 0.1])
    values = np.array([[1], [1], [1], [0], [0]], np.float32)
    np.testing.assert_array_equal(smooth(pts_s, values, 5.0), values)


def test_a_spike_is_damped_and_a_stretch_is_kept() -> None:
    pts_s = np.arange(0, 10, 0.2)
    spike = np.zeros((50, 1), np.float32)
    spike[25] = 1
    stretch = np.zeros((50, 1), np.float32)
    stretch[15:35] = 1
    assert smooth(pts_s, spike, 0.4).max() < 0.25
    assert smooth(pts_s, stretch, 0.4)[25, 0] > 0.99


def test_nothing_to_smooth() -> None:
    assert smooth(np.zeros(0), np.zeros((0, 3), np.float32), 0.4).shape == (0, 3)


def test_segments_end_where_a_gap_is_too_long() -> None:
    assert continuous_runs(np.array([0, 0.2, 0.2 + GAP_S, 3, 9])) == [(0, 3), (3, 4), (4, 5)]
    assert continuous_runs(np.zeros(0)) == []
    assert continuous_runs(np.zeros(1)) == [(0, 1)]


def test_each_moment_may_have_a_bandwidth_of_its_own() -> None:
    pts_s = np.arange(0, 10, 0.2)
    values = np.random.default_rng(0).dirichlet([1, 1, 1], len(pts_s)).astype(np.float32)
    widths = np.where(pts_s < 5, 0.4, 0.8)
    both = smooth(pts_s, values, widths)
    assert (both[pts_s < 5] == smooth(pts_s, values, 0.4)[pts_s < 5]).all()
    assert (both[pts_s >= 5] == smooth(pts_s, values, 0.8)[pts_s >= 5]).all()
    some = smooth(pts_s, values, np.where(pts_s < 5, 0.0, 0.8))
    assert some[pts_s < 5] == pytest.approx(values[pts_s < 5], abs=1e-6)
