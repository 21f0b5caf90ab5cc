"""Tracking: faces linked through time, and where a track ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from poise.faces.tracker import Link, Tracker
from poise.types import Image

Path2D = Callable[[float], tuple[float, float] | None]


def _box(x: float, y: float, side: float) -> list[float]:
    return [x - side * 0.4, y - side / 2, x + side * 0.4, y + side / 2]


def _follow(
    paths: Sequence[Path2D], times: npt.NDArray[np.float64], side: Sequence[float]
) -> list[list[int | None]]:
    """Track of each person at each time; None where the person is not seen."""
    tracker = Tracker()
    result = []
    for t in times:
        seen = [(k, path(float(t))) for k, path in enumerate(paths)]
        present = [(k, at) for k, at in seen if at is not None]
        boxes = np.array([_box(*at, side[k]) for k, at in present], np.float32).reshape(-1, 4)
        ids = tracker.update(float(t), boxes).tolist()
        row: list[int | None] = [None] * len(paths)
        for (k, _), identifier in zip(present, ids, strict=True):
            row[k] = identifier
        result.append(row)
    return result


def _person(rows: list[list[int | None]], k: int) -> set[int]:
    return {row[k] for row in rows if row[k] is not None}  # type: ignore[misc]


def test_one_face_is_one_track() -> None:
    rows = _follow([lambda t: (300 + 20 * np.sin(t), 200)], np.arange(0, 20, 0.2), [120])
    assert _person(rows, 0) == {0}


def test_two_people_side_by_side_are_two_tracks() -> None:
    rows = _follow([lambda t: (200, 200), lambda t: (330, 210)], np.arange(0, 5, 0.2), [120, 110])
    assert len(_person(rows, 0)) == len(_person(rows, 1)) == 1
    assert _person(rows, 0) != _person(rows, 1)


def test_the_order_of_the_detections_does_not_matter() -> None:
    tracker = Tracker()
    a, b = _box(200, 200, 120), _box(420, 200, 120)
    first = tracker.update(0.0, np.array([a, b], np.float32))
    second = tracker.update(0.2, np.array([b, a], np.float32))
    assert second.tolist() == first[::-1].tolist()


def test_someone_walking_past_behind_does_not_take_over() -> None:
    rows = _follow(
        [lambda t: (320, 220), lambda t: (40 + 110 * t, 180)], np.arange(0, 5, 0.2), [160, 70]
    )
    assert len(_person(rows, 0)) == 1
    assert not _person(rows, 0) & _person(rows, 1)


def test_two_of_one_size_who_pass_each_other_at_different_heights() -> None:
    rows = _follow(
        [lambda t: (150 + 60 * t, 150), lambda t: (450 - 60 * t, 290)],
        np.arange(0, 5, 0.2),
        [130, 130],
    )
    assert len(_person(rows, 0)) == len(_person(rows, 1)) == 1


def test_a_blink_of_the_detector_keeps_the_track() -> None:
    rows = _follow([lambda t: None if 1 <= t < 1.7 else (300, 200)], np.arange(0, 4, 0.2), [120])
    assert _person(rows, 0) == {0}


def test_a_long_absence_begins_a_new_track() -> None:
    rows = _follow([lambda t: None if 1 <= t < 4 else (300, 200)], np.arange(0, 6, 0.2), [120])
    assert _person(rows, 0) == {0, 1}


def test_sparse_samples_of_a_moving_face_are_linked() -> None:
    rows = _follow([lambda t: (200 + 45 * t, 200)], np.arange(0, 5, 1.0), [110])
    assert _person(rows, 0) == {0}


def test_another_face_in_another_place_is_another_track() -> None:
    tracker = Tracker()
    tracker.update(0.0, np.array([_box(100, 200, 100)], np.float32))
    assert tracker.update(0.2, np.array([_box(500, 200, 100)], np.float32)).tolist() == [1]


def test_a_face_of_a_very_different_size_is_another_track() -> None:
    tracker = Tracker()
    tracker.update(0.0, np.array([_box(300, 200, 200)], np.float32))
    assert tracker.update(0.2, np.array([_box(300, 200, 60)], np.float32)).tolist() == [1]


def test_no_track_is_given_twice_in_a_frame() -> None:
    tracker = Tracker()
    tracker.update(0.0, np.array([_box(300, 200, 100)], np.float32))
    twins = np.array([_box(295, 200, 100), _box(305, 200, 100)], np.float32)
    assert len(set(tracker.update(0.2, twins).tolist())) == 2


def test_a_frame_without_a_face() -> None:
    assert Tracker().update(0.0, np.zeros((0, 4), np.float32)).shape == (0,)


def _picture(seed: int) -> Image:
    return np.random.default_rng(seed).integers(40, 200, (1, 432), np.uint8)


PLACE = np.array([_box(320, 220, 120)], np.float32)


def test_a_cut_ends_a_track_in_the_same_place() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, PLACE, _picture(0)).tolist() == [0]
    assert tracker.update(0.2, PLACE, _picture(0), cut=True).tolist() == [1]
    assert tracker.update(0.4, PLACE, _picture(0)).tolist() == [1]
    assert tracker.links == {1: Link(0, cut=True)}


def test_a_cut_ends_a_track_that_is_out_of_sight_just_then() -> None:
    tracker = Tracker()
    tracker.update(0.0, PLACE, _picture(0))
    tracker.update(0.2, PLACE[:0], _picture(0)[:0], cut=True)
    assert tracker.update(0.4, PLACE, _picture(0)).tolist() == [1]


def test_another_look_in_the_same_place_ends_a_track_without_a_cut() -> None:
    tracker = Tracker()
    tracker.update(0.0, PLACE, _picture(0))
    assert tracker.update(0.2, PLACE, _picture(1)).tolist() == [1]
    assert tracker.links == {1: Link(0, cut=False)}


def test_a_face_that_moves_a_little_goes_on() -> None:
    tracker, first = Tracker(), _picture(0)
    tracker.update(0.0, PLACE, first)
    assert tracker.update(0.2, PLACE, (first + 12).astype(np.uint8)).tolist() == [0]


def test_light_that_is_switched_off_ends_a_track() -> None:
    tracker, first = Tracker(), _picture(0)
    tracker.update(0.0, PLACE, first)
    assert tracker.update(0.2, PLACE, (first // 2).astype(np.uint8)).tolist() == [1]
