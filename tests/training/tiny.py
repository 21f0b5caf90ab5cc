"""A network and a set of faces so small that a fit takes a second."""

from __future__ import annotations

import numpy as np
from torch import nn

from poise.expression.architectures import ExpressionNetwork
from poise.types import Image
from poise_training.datasets.prepare import PreparedFaces, canvas_side
from poise_training.smoke import EMOTIONS, draw

VALENCE = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]], np.float32)
TEMPLATE = np.array(
    [[15.3, 18.8], [33.5, 18.5], [24.4, 29.1], [17, 38.1], [32.1, 37.8]], np.float32
)


class TinyNetwork(ExpressionNetwork):
    """Two convolutions, one of them in the place of the pretrained half."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), nn.BatchNorm2d(8))
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(8, len(EMOTIONS))


def tiny_faces(per_split: tuple[int, int] = (10, 4)) -> PreparedFaces:
    """Drawn faces of each emotion in train and validation, on canvases without a margin's view."""
    rng = np.random.default_rng(0)
    canvases: list[Image] = []
    classes: list[int] = []
    splits: list[str] = []
    side, drawn = canvas_side(48), 48
    for split, count in zip(("train", "validation"), per_split, strict=True):
        for number, emotion in enumerate(EMOTIONS):
            for _ in range(count):
                margin = (side - drawn) // 2
                canvases.append(np.pad(draw(emotion, rng), margin, mode="edge"))
                classes.append(number)
                splits.append(split)
    return PreparedFaces(
        canvas=np.stack(canvases),
        targets=np.eye(len(EMOTIONS), dtype=np.float32)[classes],
        majority=np.array(classes, np.int64),
        split=np.array(splits),
        source=np.array([str(k) for k in range(len(classes))]),
        aligned=np.ones(len(classes), np.bool_),
        eye_px=np.full(len(classes), 18, np.float32),
        template_px=TEMPLATE,
        input_px=48,
    )
