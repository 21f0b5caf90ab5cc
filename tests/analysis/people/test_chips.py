"""A chip is kept where a face is new, once a second, and where somebody else may be there."""

from __future__ import annotations

import numpy as np

from poise.analysis.people.chips import ChipPicker
from poise.faces.appearance import SIGNATURE, standardised
from poise.types import Image
from tests.made_sightings import RATE_HZ, SIZE_PX, looking_like

PLACE = np.array([[150, 60, 310, 260]], np.float32)


def _picked(thumbnails: Image, gray: list[int] | None = None) -> list[int]:
    """Frames whose one face is picked; the frames are of these gray levels all over."""
    picker, count = ChipPicker(SIZE_PX, start_s=7.0), len(thumbnails)
    found = []
    for k, level in enumerate(gray or [100] * count):
        here = thumbnails[k : k + 1]
        signature = np.full(SIGNATURE, level, np.uint8)
        at_s = 7.0 + k / RATE_HZ
        if picker.pick(at_s, PLACE, here, standardised(here), signature).any():
            found.append(k)
    return found


def test_one_of_each_second() -> None:
    assert _picked(looking_like(*[0] * 12)) == [0, 5, 10]


def test_one_more_where_face_and_surroundings_look_otherwise() -> None:
    turned = looking_like(0, 0, 0, 0, 0, 0, 0, 0, 0)
    # Not so different that its track ends: what is alike by 0.7 goes on.
    turned[7:] = (0.6 * turned[7:] + 0.4 * looking_like(1, 1)[:1]).astype(np.uint8)
    assert _picked(turned) == [0, 5]
    assert _picked(turned, gray=[100] * 7 + [112] * 2) == [0, 5, 7]


def test_a_new_track_is_new() -> None:
    assert _picked(looking_like(0, 0, 0, 1, 1, 1)) == [0, 3, 5]


def test_no_face_no_chip() -> None:
    none = np.zeros((0, 4), np.float32)
    seen = looking_like()
    picker = ChipPicker(SIZE_PX)
    assert picker.pick(0, none, seen, standardised(seen), np.zeros(SIGNATURE, np.uint8)).size == 0
