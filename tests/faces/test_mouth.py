"""A mouth that opens and shuts is told from one at rest, whatever the head does meanwhile."""

from __future__ import annotations

import numpy as np

from poise.faces.mouth import mouth_motion, mouth_profiles
from poise.timeline.speech import MOVES, RESTS
from poise.types import Image
from tests.mouths import face_speaking


def _motion(before: Image, after: Image) -> float:
    profiles = mouth_profiles(np.stack([before, after]))
    return float(mouth_motion(profiles[:1], profiles[1:])[0])


def test_a_mouth_that_opens_moves() -> None:
    for side in (48, 64):
        assert _motion(face_speaking(0, side=side), face_speaking(0.6, side=side)) > 2 * MOVES


def test_a_mouth_at_rest_does_not_move_where_alignment_or_light_do() -> None:
    assert _motion(face_speaking(0), face_speaking(0)) == 0
    assert _motion(face_speaking(0), face_speaking(0, shift=2)) < RESTS
    assert _motion(face_speaking(0), face_speaking(0, light=0.8)) < RESTS


def test_no_faces_have_no_profiles() -> None:
    assert mouth_profiles(np.zeros((0, 48, 48, 3), np.uint8)).shape == (0, 96)
