"""How faces look, coarsely: thumbnails, likeness, pictures that never move, calls that hang."""

from __future__ import annotations

import numpy as np
import pytest

from poise.faces.appearance import (
    THUMBNAIL,
    change_around,
    changed,
    frozen,
    is_still,
    signatures,
    standardised,
    steps,
    thumbnails,
    unmoved,
)
from poise.types import Image


def _face(seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(40, 200, THUMBNAIL, np.uint8)


def _moving(count: int, seed: int = 1) -> Image:
    """A face of which a part is another one in each sample."""
    rng = np.random.default_rng(seed)
    faces = np.tile(_face(), (count, 1))
    faces[:, :100] = rng.integers(40, 200, (count, 100))
    return faces


def _times(count: int, step_s: float = 0.2) -> np.ndarray:  # type: ignore[type-arg]
    return np.arange(count) * step_s


def test_thumbnails_of_any_crop_size() -> None:
    for side in (48, 64, 100):
        assert thumbnails(np.zeros((3, side, side, 3), np.uint8)).shape == (3, THUMBNAIL)
    assert thumbnails(np.zeros((0, 48, 48, 3), np.uint8)).shape == (0, THUMBNAIL)


def _likeness(first: Image, second: Image) -> float:
    return float(standardised(first) @ standardised(second))


def test_likeness_does_not_see_brightness_and_contrast() -> None:
    crop = np.random.default_rng(0).integers(40, 120, (1, 48, 48, 3), np.uint8)
    brighter = (crop * 1.6 + 20).astype(np.uint8)
    assert _likeness(thumbnails(crop)[0], thumbnails(brighter)[0]) > 0.98
    assert _likeness(_face(0), _face(1)) < 0.5


def test_somebody_else_is_a_change_and_other_light_is_none() -> None:
    assert changed(standardised(_face(0)), standardised(_face(1)))
    darker = (_face() * 0.8 + 10).astype(np.uint8)
    assert not changed(standardised(_face()), standardised(darker))


def test_change_around_sees_the_face_and_what_is_next_to_it_alone() -> None:
    frames = np.full((3, 480, 640, 3), 90, np.uint8)
    frames[1, 150:330, 230:410] = 130  # the face and its surroundings
    frames[2, :, :80] = 200  # far from it
    plain, other, elsewhere = signatures(frames)
    box = np.array([270, 190, 370, 310], np.float32)
    assert change_around(plain, plain, box, (640, 480)) == 0
    assert change_around(plain, other, box, (640, 480)) > 10
    assert change_around(plain, elsewhere, box, (640, 480)) == 0
    outside = np.array([600, 440, 700, 520], np.float32)  # a box may stick out
    assert change_around(plain, elsewhere, outside, (640, 480)) == 0


def test_a_plain_crop_gives_no_nan() -> None:
    assert np.isfinite(standardised(np.full((1, THUMBNAIL), 9, np.uint8))).all()


def test_a_picture_of_a_face_is_still() -> None:
    rng = np.random.default_rng(2)
    noise = rng.integers(-1, 2, (30, THUMBNAIL))  # of compression
    still = (_face().astype(int) + noise).astype(np.uint8)
    assert is_still(_times(30), still)


def test_a_picture_that_is_aligned_otherwise_on_key_frames_is_still() -> None:
    still = np.tile(_face(), (60, 1))
    still[::10] = _face(5)
    assert is_still(_times(60), still)


def test_a_living_face_is_not_still() -> None:
    assert not is_still(_times(60), _moving(60))


def test_what_is_seen_for_less_than_three_seconds_is_not_judged() -> None:
    assert not is_still(_times(14), np.tile(_face(), (14, 1)))
    assert not is_still(np.zeros(0), np.zeros((0, THUMBNAIL), np.uint8))


def test_a_moment_of_calm_is_no_picture() -> None:
    faces = np.concatenate([np.tile(_face(), (20, 1)), _moving(30)])
    assert not is_still(_times(50), faces)
    assert not frozen(_times(50), faces).any()


@pytest.mark.parametrize("seconds", [12, 40])
def test_a_call_that_hangs_is_frozen_from_where_it_hangs(seconds: int) -> None:
    count = seconds * 5
    faces = np.concatenate([_moving(20), np.tile(_face(9), (count, 1)), _moving(20, seed=3)])
    marked = frozen(_times(len(faces)), faces)
    assert marked[20 : 20 + count].all()
    assert not marked[:20].any() and not marked[20 + count :].any()


def test_nothing_before_the_first_second_is_a_repetition() -> None:
    assert not unmoved(_times(5), np.tile(_face(), (5, 1))).any()
    assert unmoved(_times(7), np.tile(_face(), (7, 1))).tolist() == [False] * 5 + [True] * 2


def test_somebody_else_in_the_same_place_is_a_step() -> None:
    faces = np.tile(_face(), (20, 1))
    faces[8:14, :100] = _face(2)[:100]
    found = steps(faces)
    assert np.flatnonzero(found).tolist() == [8, 14]
    assert found[8] == pytest.approx(1 - _likeness(faces[7], faces[8]), abs=1e-5)
    assert not steps(np.tile(_face(), (20, 1))).any()


def test_a_face_that_keeps_moving_makes_no_step() -> None:
    assert not steps(_moving(30)).any()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_steps_of_few_samples(count: int) -> None:
    assert steps(np.tile(_face(), (count, 1))).tolist() == [0.0] * count
