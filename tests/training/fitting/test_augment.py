"""Augmentation of training faces."""

from __future__ import annotations

import numpy as np

from poise_training.fitting.augment import augment, evened, sharpened
from tests.training.tiny import tiny_faces


def test_portraits_are_trained_on_in_their_own_light() -> None:
    canvas = tiny_faces().canvas[0]
    plain, lit = (
        augment(canvas, 48, 72.0, np.random.default_rng(3), portrait=share) for share in (0.0, 1.0)
    )
    again = augment(canvas, 48, 72.0, np.random.default_rng(3))
    assert (plain == again).all() and (plain != lit).any()
    assert lit.shape == (48, 48) and lit.dtype == np.uint8


def test_the_light_of_a_face_is_evened() -> None:
    ramp = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))
    spread = [np.ptp(evened(ramp, np.random.default_rng(k)).astype(int)) for k in range(8)]
    assert min(spread) < 150 and max(spread) <= 255


def test_a_face_is_sharpened() -> None:
    edge = np.tile(np.repeat(np.array([100, 150], np.uint8), 24), (48, 1))
    sharp = sharpened(edge, np.random.default_rng(1))
    assert sharp.max() > 150 and sharp.min() < 100
