"""Descriptions of models that exist in tests only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from poise.expression.model_spec import SPEC_FILE, ModelSpec
from poise.labels import LabelScheme

LABELS = LabelScheme(
    name="four",
    emotions=("joy", "calm", "anger", "surprise"),
    valence={"joy": "positive", "calm": "neutral", "anger": "negative"},
)


TEMPLATE = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)


def spec_of(architecture: str = "VGG16DenseNet", **changes: Any) -> ModelSpec:
    return ModelSpec(
        **{
            "name": "test",
            "architecture": architecture,
            "labels": LABELS,
            "input_px": 48,
            "template_px": TEMPLATE,
            "temperature": 1.25,
            "training": {"summary": "none"},
            "metrics": {"accuracy": 0.5},
            **changes,
        }
    )


def change_spec(directory: Path, **changes: Any) -> None:
    plain = json.loads((directory / SPEC_FILE).read_text(encoding="utf-8"))
    plain |= changes
    kept = {key: value for key, value in plain.items() if value is not None}
    (directory / SPEC_FILE).write_text(json.dumps(kept), encoding="utf-8")
