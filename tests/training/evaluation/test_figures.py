"""Figures of training and evaluation, as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from poise_training.evaluation.figures import (
    comparison_figure,
    confusion_figure,
    learning_curves,
    reliability_figure,
)
from poise_training.evaluation.metrics import reliability

CLASSES = ("positive", "neutral", "negative")
CONFUSION = np.array([[8, 1, 0], [2, 7, 1], [0, 0, 0]])  # nobody was negative


def test_every_figure_is_a_picture(tmp_path: Path) -> None:
    curves = [{"epoch": float(k), "train_loss": 1 / (k + 1)} for k in range(4)]
    learning_curves(curves, tmp_path / "curves.png")
    confusion_figure(CONFUSION, CLASSES, "a model", tmp_path / "confusion.png")
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(3), 200).astype(np.float32)
    found = reliability(posterior, rng.integers(0, 3, 200))
    reliability_figure(found, "a model", tmp_path / "reliability.png")
    scores = {"accuracy": ((0.7, (0.6, 0.8)), (0.8, (0.7, 0.9)))}
    comparison_figure(
        ("old", "new"), (CONFUSION, CONFUSION.T), scores, CLASSES, "two", tmp_path / "two.png"
    )
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == [
        "confusion.png", "curves.png", "reliability.png", "two.png",
    ]  # fmt: skip
    for path in made:
        with Pillow.open(path) as picture:
            assert picture.format == "PNG" and min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 5
