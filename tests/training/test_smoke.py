"""Drawn faces and the recipes for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise_training.datasets.recipe import load_recipe
from poise_training.smoke import EMOTIONS, draw, make


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_a_face_is_drawn_the_same_from_the_same_numbers(emotion: str) -> None:
    first, again, other = (draw(emotion, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8 and first.ndim == 2
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_split_has_its_faces_and_every_model_its_recipe(tmp_path: Path) -> None:
    make(tmp_path, per_split=(3, 2, 1))
    pictures = list(tmp_path.rglob("*.png"))
    assert len(pictures) == 6 * len(EMOTIONS)
    recipes = sorted(path.name for path in tmp_path.glob("*.toml") if path.name != "scheme.toml")
    assert {"dense.toml", "baseline.toml"} <= set(recipes)
    assert load_recipe(tmp_path / "dense.toml").scheme.labels.emotions
