"""Gaps follow the recording's own pictures; a hole in it is one; smoothing never crosses either."""

from __future__ import annotations

import numpy as np
import pytest

from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import (
    continuous_runs,
    gap_limits,
    holes,
    local_intervals,
    own_intervals,
    runs_of,
    shown_for,
    smooth,
)
from poise.types import Series

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
        pts_s=SPARSE, labels=("neutral",), smoothed=ones, emotions=("neutral",), emotion=ones,
        breaks=np.array([7]),
    )  # fmt: skip
    assert runs_of(series) == [(0, 7), (7, 20)]


def test_each_moment_may_have_a_bandwidth_of_its_own() -> None:
    pts_s = np.arange(0, 10, 0.2)
    values = np.random.default_rng(0).dirichlet([1, 1, 1], len(pts_s)).astype(np.float32)
    widths = np.where(pts_s < 5, 0.4, 0.8)
    both = smooth(pts_s, values, widths)
    assert (both[pts_s < 5] == smooth(pts_s, values, 0.4)[pts_s < 5]).all()
    assert (both[pts_s >= 5] == smooth(pts_s, values, 0.8)[pts_s >= 5]).all()
    some = smooth(pts_s, values, np.where(pts_s < 5, 0.0, 0.8))
    assert some[pts_s < 5] == pytest.approx(values[pts_s < 5], abs=1e-6)
