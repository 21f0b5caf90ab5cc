"""Sizes of frames: what is refused, what is reduced, how many go into a batch."""

from __future__ import annotations

import pytest

from poise.media.decoders.sizes import frames_per_batch, reduced_size


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
