"""The shape of a timeline: axis, ticks, gaps, and what is left out of a line."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from poise.reports.drawing.geometry import (
    ANSWERS_PX,
    EMPTY_PX,
    ROW_PX,
    averaged,
    column_s,
    excluded_in_columns,
    extent,
    row_heights,
    rows_px,
    shares_in_columns,
    thinned,
    ticks,
    unseen,
)
from poise.types import Episode, Series
from tests.factories import make_answers, make_faceless, make_recording


def _series(pts_s: list[float], values: list[float]) -> Series:
    smoothed = np.array(values, np.float32)[:, None]
    return Series(
        pts_s=np.array(pts_s),
        labels=("a",),
        smoothed=smoothed,
        label_column=smoothed.argmax(axis=1),
        emotions=("a",),
        emotion=smoothed,
    )


@pytest.mark.parametrize(
    ("end_s", "expected"),
    [(10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), (95, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
     (3600, [0, 600, 1200, 1800, 2400, 3000, 3600])],
)  # fmt: skip
def test_ticks_are_round(end_s: float, expected: list[int]) -> None:
    found = ticks(0, end_s, 11)
    assert found == expected or (len(found) <= 12 and found[0] == 0)


@pytest.mark.parametrize("end_s", [1.0, 7.3, 86_400.0, 3e7, 3e9, 1e12, 1e18])
def test_ticks_are_few_however_long(end_s: float) -> None:
    found = ticks(0, end_s, 11)
    assert 2 <= len(found) <= 13
    assert len({b - a for a, b in itertools.pairwise(found)}) == 1


def test_an_axis_begins_at_zero_and_holds_all() -> None:
    series = _series([3.0, 9.5], [0.1, 0.2])
    assert extent(make_faceless(duration_s=5), series) == (0.0, 9.5)
    assert extent(make_faceless(duration_s=20), series) == (0.0, 20.0)
    assert extent(make_faceless(duration_s=0.2), _series([0.0], [0.1])) == (0.0, 1.0)


def test_what_was_not_seen() -> None:
    pts_s = np.array([3.0, 3.2, 3.4, 8.0, 8.2])
    assert unseen(pts_s, [(0, 3), (3, 5)], 10.0) == [(0.0, 3.0), (3.4, 8.0), (8.2, 10.0)]
    assert unseen(np.array([0.2, 0.4]), [(0, 2)], 0.6) == []
    assert unseen(np.array([]), [], 7.0) == [(0.0, 7.0)]
    assert unseen(np.array([]), [], 0.0) == []
    sparse = np.arange(20) * 1.5  # a picture in a second and a half: none of it is missing
    assert unseen(sparse, [(0, 20)], 30.0) == []


def test_what_is_left_out_is_not_said_to_be_unseen() -> None:
    pts_s = np.array([3.0, 3.2, 3.4, 8.0, 8.2])
    runs, end_s = [(0, 3), (3, 5)], 10.0
    assert unseen(pts_s, runs, end_s, [(3.5, 8.0)]) == [(0.0, 3.0), (8.2, 10.0)]
    assert unseen(pts_s, runs, end_s, [(0.0, 1.0), (5.0, 6.0)]) == [
        (1.0, 3.0), (3.4, 5.0), (6.0, 8.0), (8.2, 10.0),
    ]  # fmt: skip
    assert unseen(np.array([]), [], 7.0, [(2.0, 9.0)]) == [(0.0, 2.0)]


def test_a_column_tells_what_is_left_out_of_it() -> None:
    shares = excluded_in_columns(150.0, [(30.0, 90.0), (140.0, 200.0)])
    assert shares.tolist() == pytest.approx([0.5, 0.5, 10 / 30])


def test_runs_end_at_gaps() -> None:
    runs = averaged(_series([0.0, 0.5, 3.0, 3.5], [0.25, 0.5, 0.75, 1.0]), 0, 600)
    assert runs == [[(0.0, 0.25), (0.5, 0.5)], [(3.0, 0.75), (3.5, 1.0)]]


def test_a_long_timeline_is_reduced_and_keeps_its_mean() -> None:
    values = np.random.default_rng(0).random(18_000)
    (run,) = averaged(_series((np.arange(18_000) * 0.2).tolist(), values.tolist()), 0, 600)
    assert 500 < len(run) <= 600
    assert np.mean([value for _, value in run]) == pytest.approx(values.mean(), abs=1e-4)


def test_thinning_keeps_what_can_be_seen() -> None:
    run = [(float(k), 0.9 if k == 50 else 0.1) for k in range(101)]
    assert thinned(run, 1.0, 58.0, 0.3) == [
        (0.0, 0.1), (49.0, 0.1), (50.0, 0.9), (51.0, 0.1), (100.0, 0.1)
    ]  # fmt: skip


def test_a_row_without_episodes_is_small_unless_all_are() -> None:
    smile = Episode(label="positive", start_s=1, end_s=3, peak_s=2, mean_posterior=0.9)
    assert row_heights(("positive", "negative"), [smile]) == [ROW_PX, EMPTY_PX]
    assert row_heights(("positive", "negative"), []) == [ROW_PX, ROW_PX]


def test_answers_have_a_place_below_the_rows(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, duration_s=120)
    without = rows_px(recording, ("positive",))
    assert rows_px(make_answers(recording, 2), ("positive",)) == without + ANSWERS_PX


@pytest.mark.parametrize(
    ("end_s", "expected"), [(1200, 60), (7200, 60), (7300, 120), (3e9, 3e9 / 120)]
)
def test_columns_of_an_overview_are_minutes_or_few(end_s: float, expected: float) -> None:
    assert column_s(end_s) == pytest.approx(expected)


def test_a_column_says_what_of_its_minute_was_seen_and_how() -> None:
    pts_s = np.concatenate([np.arange(0, 60, 0.5), np.arange(90, 130, 0.5)])
    smoothed = np.full((len(pts_s), 2), 0.5, np.float32)  # labels are what counts, as in shares
    series = Series(
        pts_s=pts_s,
        labels=("a", "b"),
        smoothed=smoothed,
        label_column=(pts_s >= 15).astype(int),
        emotions=("a", "b"),
        emotion=smoothed,
    )
    shares = shares_in_columns(series, 150.0, [(60.0, 90.0), (130.0, 150.0)])
    assert shares == pytest.approx(np.array([[0.25, 0.75], [0, 0.5], [0, 1 / 3]]), abs=0.01)
