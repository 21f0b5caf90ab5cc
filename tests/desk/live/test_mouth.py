"""A mouth that speaks is told live from one that rests, from what came before alone."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import pytest

from poise.desk.live.mouth import Mouth
from poise.types import Image
from tests.mouths import face_speaking


def _face(opening: float) -> Image:
    """An aligned crop, uint8 [1, 48, 48, 3]."""
    return face_speaking(opening)[None]


def _syllables(time_s: float) -> Image:
    """Two and a half of them a second."""
    return _face(0.5 - 0.5 * math.cos(2 * math.pi * 2.5 * time_s))


def _told(
    mouth: Mouth, seen: Callable[[float], Image], start_s: float, end_s: float, rate_hz: float
) -> list[bool]:
    count = round((end_s - start_s) * rate_hz)
    times = [start_s + k / rate_hz for k in range(count)]
    return [mouth.speaks(seen(time_s), time_s) for time_s in times]


@pytest.mark.parametrize("rate_hz", [7, 15, 30])
def test_a_mouth_that_moves_speaks_within_two_seconds(rate_hz: float) -> None:
    mouth = Mouth()
    assert not any(_told(mouth, lambda _: _face(0), 0, 4, rate_hz))
    speaking = _told(mouth, _syllables, 4, 10, rate_hz)
    assert all(speaking[2 * round(rate_hz) :])
    resting = _told(mouth, lambda _: _face(0), 10, 16, rate_hz)
    assert not any(resting[2 * round(rate_hz) :])


def test_one_large_motion_is_no_speech() -> None:
    mouth = Mouth()
    said = _told(mouth, lambda t: _face(0 if t < 3 else 0.8), 0, 7, 15)
    assert not any(said)


def test_after_a_gap_it_begins_anew() -> None:
    mouth = Mouth()
    assert _told(mouth, _syllables, 0, 4, 15)[-1]
    assert not mouth.speaks(_face(0), 60.0)


def test_what_is_kept_does_not_grow() -> None:
    mouth = Mouth()
    _told(mouth, _syllables, 0, 5, 30)
    held = len(pickle.dumps(mouth))
    _told(mouth, _syllables, 5, 20, 30)
    assert len(pickle.dumps(mouth)) == pytest.approx(held, rel=0.1)
