"""Cuts are seen, movement is not taken for one."""

from __future__ import annotations

import numpy as np

from poise.faces.appearance import (
    SIGNATURE,
    SURROUNDINGS,
    apart_around,
    cuts,
    signatures,
    surroundings,
)
from poise.types import Image


def _room(seed: int) -> Image:
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return np.repeat(np.repeat(blocks, 60, axis=0), 80, axis=1)


def test_another_picture_is_a_cut_and_back_again() -> None:
    frames = np.stack([_room(0), _room(0), _room(1), _room(1), _room(0)])
    coarse = signatures(frames)
    assert coarse.shape == (5, SIGNATURE)
    assert cuts(coarse).tolist() == [False, False, True, False, True]


def test_a_head_that_moves_is_no_cut() -> None:
    frames = []
    for k in range(8):
        frame = _room(0)
        frame[100:300, 120 + 30 * k : 260 + 30 * k] = 180
        frames.append(frame)
    assert not cuts(signatures(np.stack(frames))).any()


def test_of_nothing_and_of_one_frame() -> None:
    assert signatures(np.zeros((0, 9, 9, 3), np.uint8)).shape == (0, SIGNATURE)
    assert cuts(np.zeros((0, SIGNATURE), np.uint8)).shape == (0,)
    assert cuts(np.zeros((1, SIGNATURE), np.uint8)).tolist() == [False]


def _person(face: int, clothes: int, wall: int, at: tuple[int, int] = (300, 200)) -> Image:
    picture = np.full((480, 640, 3), wall, np.uint8)
    x, y = at
    picture[y + 50 : y + 130, x - 60 : x + 60] = clothes
    picture[y - 50 : y + 50, x - 40 : x + 40] = face
    return picture


def _around(picture: Image, *at: tuple[int, int]) -> Image:
    boxes = [[x - 40, y - 50, x + 40, y + 50] for x, y in at or [(300, 200)]]
    return surroundings(picture, np.array(boxes, np.float32))


def test_what_is_around_a_face_is_told_and_not_the_face() -> None:
    plain = _around(_person(200, 90, 150))
    assert plain.shape == (1, SURROUNDINGS)
    assert apart_around(plain, _around(_person(60, 90, 150))).tolist() == [0]
    assert apart_around(plain, _around(_person(200, 30, 150))) > 5
    assert apart_around(plain, _around(_person(200, 90, 90))) > 30


def test_what_is_around_a_face_goes_with_it_and_ends_with_the_picture() -> None:
    plain = _around(_person(200, 90, 150))
    assert apart_around(plain, _around(_person(200, 90, 150, (420, 310)), (420, 310))) < 1
    assert apart_around(plain, _around(_person(200, 90, 150, (60, 200)), (60, 200))) < 5
    assert _around(_person(200, 90, 150), (300, 200), (10, 10)).shape == (2, SURROUNDINGS)
    assert surroundings(_person(200, 90, 150), np.zeros((0, 4), np.float32)).shape == (
        0,
        SURROUNDINGS,
    )


def test_each_of_some_faces_is_compared_with_each_of_others() -> None:
    some = np.concatenate([_around(_person(200, 90, wall)) for wall in (100, 150, 200)])
    apart = apart_around(some[:, None], some)
    assert apart.shape == (3, 3) and (np.diag(apart) == 0).all()
    assert apart[0, 2] > apart[0, 1] > 20
