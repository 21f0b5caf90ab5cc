"""Drawn faces whose mouths open and shut."""

from __future__ import annotations

import cv2
import numpy as np

from poise.types import Image


def face_speaking(opening: float, *, shift: int = 0, light: float = 1.0, side: int = 48) -> Image:
    """A drawn aligned crop, uint8 [S, S, 3]."""
    face = np.full((96, 96, 3), 190, np.uint8)
    for x in (31, 66):
        cv2.circle(face, (x, 37), 4, (50, 40, 40), -1)
    cv2.line(face, (48, 46), (46, 58), (150, 130, 120), 2)
    cv2.ellipse(face, (49, 76), (15, 1 + round(8 * opening)), 0, 0, 360, (80, 30, 30), -1)
    face = np.roll(face, shift, axis=0)
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(small * light, 0, 255).astype(np.uint8)
