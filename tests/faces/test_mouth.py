"""A mouth that opens and shuts is told from one at rest, whatever the head does meanwhile."""

from __future__ import annotations

import cv2
import numpy as np

from poise.faces.mouth import mouth_motion, mouth_profiles
from poise.timeline.speech import MOVES, RESTS
from poise.types import Image


def _face(opening: float, *, shift: int = 0, light: float = 1.0, side: int = 48) -> Image:
    """A drawn aligned crop, uint8 [S, S, 3]."""
    face = np.full((96, 96, 3), 190, np.uint8)
    for x in (31, 66):
        cv2.circle(face, (x, 37), 4, (50, 40, 40), -1)
    cv2.line(face, (48, 46), (46, 58), (150, 130, 120), 2)
    cv2.ellipse(face, (49, 76), (15, 1 + round(8 * opening)), 0, 0, 360, (80, 30, 30), -1)
    face = np.roll(face, shift, axis=0)
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(small * light, 0, 255).astype(np.uint8)


def _motion(before: Image, after: Image) -> float:
    profiles = mouth_profiles(np.stack([before, after]))
    return float(mouth_motion(profiles[:1], profiles[1:])[0])


def test_a_mouth_that_opens_moves() -> None:
    for side in (48, 64):
        assert _motion(_face(0, side=side), _face(0.6, side=side)) > 2 * MOVES


def test_a_mouth_at_rest_does_not_move_where_alignment_or_light_do() -> None:
    assert _motion(_face(0), _face(0)) == 0
    assert _motion(_face(0), _face(0, shift=2)) < RESTS
    assert _motion(_face(0), _face(0, light=0.8)) < RESTS


def test_no_faces_have_no_profiles() -> None:
    assert mouth_profiles(np.zeros((0, 48, 48, 3), np.uint8)).shape == (0, 96)
