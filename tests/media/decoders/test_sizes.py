"""Sizes of frames: what is refused, what is reduced, how many go into a batch."""

from __future__ import annotations

import numpy as np
import pytest

from poise.media.decoders.sizes import Collecting, frames_per_batch, reduced_size


@pytest.mark.parametrize(
    ("size", "short", "expected"),
    [
        ((1920, 1080), 360, (640, 360)),
        ((1080, 1920), 360, (360, 640)),
        ((640, 360), 360, (640, 360)),
        ((320, 240), 360, (320, 240)),
        ((1920, 1080), None, (1920, 1080)),
        ((1, 1), 360, (1, 1)),
        ((10000, 4), 2, (5000, 2)),
    ],
)
def test_frames_are_reduced_and_never_enlarged(
    size: tuple[int, int], short: int | None, expected: tuple[int, int]
) -> None:
    assert reduced_size(*size, short) == expected


def test_large_frames_come_in_small_batches() -> None:
    assert frames_per_batch((640, 360)) == 8
    assert frames_per_batch((64, 48)) == 16
    assert frames_per_batch((1920, 1080)) == 1
    assert frames_per_batch((7680, 4320)) == 1


def test_frames_are_collected_into_batches() -> None:
    batch = Collecting((640, 360), 0.5)
    for k in range(8):
        assert not batch.is_full
        batch.add(np.full((360, 640, 3), k, np.uint8), 10 * k, k / 5)
    assert batch.is_full
    taken = batch.taken()
    assert taken.images[:, 0, 0, 0].tolist() == list(range(8)) and taken.scale == 0.5
    assert (taken.frame_index.tolist(), taken.pts_s[-1]) == ([*range(0, 80, 10)], 1.4)
    assert batch.times == [] and not batch.is_full
