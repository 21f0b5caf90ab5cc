"""Tracking: who is who through time, and who is the candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from poise.faces.candidate import (
    FaceTrack,
    choose_candidate,
    frames_with_others,
    gather_tracks,
    of_people,
    standardised,
    thumbnails,
)
from poise.faces.tracker import Tracker
from poise.types import FloatArray

SIZE = (640, 480)
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


def _look(seed: int) -> FloatArray:
    return standardised(np.random.default_rng(seed).normal(size=144).astype(np.float32))


def _tracks(
    people: Sequence[tuple[range, tuple[float, float], float, int]],
) -> list[FaceTrack]:
    """Tracks from (frames, place, side, look)."""
    frame = np.concatenate([np.array(frames) for frames, *_ in people])
    track_id = np.concatenate([np.full(len(p[0]), k) for k, p in enumerate(people)])
    boxes = np.concatenate(
        [np.tile(np.array([_box(*p[1], p[2])], np.float32), (len(p[0]), 1)) for p in people]
    )
    looks = np.concatenate([np.tile(_look(p[3]), (len(p[0]), 1)) for p in people])
    return gather_tracks(track_id, frame, boxes, looks, SIZE)


def _chosen(people: Sequence[tuple[range, tuple[float, float], float, int]]) -> list[int]:
    return [track.track_id for track in choose_candidate(_tracks(people), SIZE[1])]


def test_tracks_know_size_and_place() -> None:
    (track,) = _tracks([(range(4), (320, 240), 120, 0)])
    assert track.side_px == 120
    np.testing.assert_allclose(track.centre, [0.5, 0.5])
    assert track.rows.tolist() == track.frames.tolist() == [0, 1, 2, 3]


def test_nobody_is_nobody() -> None:
    assert choose_candidate([], 480) == []


def test_presence_decides() -> None:
    people = [(range(10), (320, 220), 120, 0), (range(100), (300, 230), 110, 1)]
    assert _chosen(people) == [1]


def test_size_decides() -> None:
    people = [(range(50), (220, 220), 50, 0), (range(50), (420, 220), 150, 1)]
    assert _chosen(people) == [1]


def test_position_decides() -> None:
    people = [(range(50), (60, 60), 100, 0), (range(50), (330, 220), 100, 1)]
    assert _chosen(people) == [1]


def test_the_candidate_is_joined_across_a_gap() -> None:
    people = [(range(50), (320, 220), 120, 0), (range(60, 80), (330, 230), 115, 0)]
    assert _chosen(people) == [0, 1]


def test_the_candidate_who_comes_back_elsewhere_is_joined() -> None:
    people = [(range(50), (150, 220), 90, 0), (range(60, 80), (520, 230), 95, 0)]
    assert _chosen(people) == [0, 1]


def test_someone_else_who_sits_down_later_is_not_joined() -> None:
    people = [(range(50), (320, 220), 120, 0), (range(60, 80), (330, 230), 115, 1)]
    assert _chosen(people) == [0]


def test_a_much_smaller_face_is_not_joined() -> None:
    people = [(range(50), (320, 220), 150, 0), (range(60, 80), (330, 230), 60, 0)]
    assert _chosen(people) == [0]


def test_whoever_is_seen_together_with_the_candidate_is_not_joined() -> None:
    people = [(range(50), (320, 220), 120, 0), (range(40, 80), (330, 230), 115, 0)]
    assert _chosen(people) == [0]


def test_a_gap_is_filled_by_one_track_only() -> None:
    people = [
        (range(50), (320, 220), 120, 0),
        (range(60, 90), (330, 230), 115, 0),
        (range(70, 80), (325, 225), 118, 0),
    ]
    assert _chosen(people) == [0, 1]


def test_others_are_counted_frame_by_frame() -> None:
    frame = np.array([0, 0, 1, 1, 1, 3])
    candidate = np.array([True, False, True, False, False, False])
    assert frames_with_others(frame, candidate, 5).tolist() == [1, 2, 0, 1, 0]


def test_nobody_else() -> None:
    nothing = frames_with_others(np.zeros(0, np.int64), np.zeros(0, bool), 3)
    assert nothing.tolist() == [0, 0, 0]


def test_thumbnails_do_not_see_brightness_and_contrast() -> None:
    crop = np.random.default_rng(0).integers(40, 120, (1, 48, 48, 3), np.uint8)
    brighter = (crop * 1.6 + 20).astype(np.uint8)
    likeness = thumbnails(crop)[0] @ thumbnails(brighter)[0]
    assert likeness > 0.98


def test_thumbnails_of_any_crop_size() -> None:
    for side in (48, 64, 100):
        assert thumbnails(np.zeros((3, side, side, 3), np.uint8)).shape == (3, 144)


def test_thumbnails_of_nothing() -> None:
    assert thumbnails(np.zeros((0, 48, 48, 3), np.uint8)).shape == (0, 144)


def test_a_plain_crop_gives_no_nan() -> None:
    assert np.isfinite(thumbnails(np.full((1, 48, 48, 3), 9, np.uint8))).all()


def test_a_pattern_seen_once_is_no_person() -> None:
    track_id = np.array([0, 0, 1, 2, 3, 3], np.int64)
    confidence = np.array([0.95, 0.93, 0.92, 0.99, 0.8, 0.82], np.float32)
    assert of_people(track_id, confidence).tolist() == [True, True, False, True, False, False]
