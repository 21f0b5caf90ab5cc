"""Cuts are seen, movement is not taken for one."""

from __future__ import annotations

import numpy as np

from poise.faces.appearance import SIGNATURE, cuts, signatures
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
