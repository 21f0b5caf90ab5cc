"""A tiny set of drawn faces and the recipes for it: to try every step of training in a minute.

    python -m training.smoke [DIR]

makes `DIR/faces`, `DIR/dense.toml` and `DIR/baseline.toml` (DIR is `build/smoke` unless given).
What is learned from drawings is worth nothing; that every command runs to its end is what they
are for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from poise.types import Image

EMOTIONS = ("neutral", "happiness", "surprise", "sadness")
_SIDE_PX = 48
_FINER = 4  # drawn finer and reduced, as if recorded
_RECIPE = """name = "{name}"
scheme = "ferplus"
architecture = "{architecture}"
pretrained = "none"
template = [[15.3, 18.8], [33.5, 18.5], [24.4, 29.1], [17.0, 38.1], [32.1, 37.8]]

[[data]]
kind = "folders"
path = "faces"
name = "drawings"
person_pattern = '(\\w+)_\\d+'

[fit]
epochs = 2
batch_size = 16
checkpoint_steps = 3
"""


def make(directory: Path, *, per_split: tuple[int, int, int] = (16, 6, 6), seed: int = 0) -> None:
    """Draw the faces and write the recipes.

    Args:
        directory: Where.
        per_split: Faces of each emotion in train, validation and test.
        seed: Of the drawings.
    """
    rng = np.random.default_rng(seed)
    for split, count in zip(("train", "validation", "test"), per_split, strict=True):
        for emotion in EMOTIONS:
            folder = directory / "faces" / split / emotion
            folder.mkdir(parents=True, exist_ok=True)
            for k in range(count):
                person = f"{split}{k // 2}"
                cv2.imwrite(str(folder / f"{person}_{k}.png"), draw(emotion, rng))
    for name, architecture in (("dense", "VGG16DenseNet"), ("baseline", "VGG16Baseline")):
        text = _RECIPE.format(name=name, architecture=architecture)
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")


def draw(emotion: str, rng: np.random.Generator) -> Image:
    """A face as a few strokes, uint8 [48, 48] gray: mouth and brows tell the emotion."""
    side = _SIDE_PX * _FINER
    dark, skin = int(rng.integers(0, 90)), int(rng.integers(150, 240))
    face = np.full((side, side), rng.integers(40, 140), np.uint8)
    shift = rng.normal(0, 2, 2)

    def at(x: float, y: float) -> tuple[int, int]:
        return round((x + shift[0]) * _FINER), round((y + shift[1]) * _FINER)

    def stroke(x: float, y: float, axes: tuple[float, float], start: int, end: int) -> None:
        size = (round(axes[0] * _FINER), round(axes[1] * _FINER))
        cv2.ellipse(face, at(x, y), size, 0, start, end, dark, 2 * _FINER, cv2.LINE_AA)

    cv2.ellipse(face, at(24, 25), (18 * _FINER, 23 * _FINER), 0, 0, 360, skin, -1, cv2.LINE_AA)
    lift = {"surprise": 4.0, "sadness": -1.0}.get(emotion, 1.0) + float(rng.normal(0, 0.5))
    for x in (15.5, 33.5):
        cv2.circle(face, at(x, 19), 2 * _FINER, dark, -1, cv2.LINE_AA)
        stroke(x, 16 - lift, (4, 2), 180, 360)
    cv2.line(face, at(24, 21), at(23, 29), dark, _FINER, cv2.LINE_AA)
    if emotion == "happiness":
        stroke(24, 34, (8, 6), 0, 180)
    elif emotion == "sadness":
        stroke(24, 41, (7, 5), 180, 360)
    elif emotion == "surprise":
        stroke(24, 38, (4, 5), 0, 360)
    else:
        cv2.line(face, at(17, 38), at(31, 38), dark, 2 * _FINER, cv2.LINE_AA)
    small = cv2.resize(face, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small + rng.normal(0, 6, small.shape), 0, 255), np.uint8)


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "build/smoke"))
