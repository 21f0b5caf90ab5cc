"""The description of a model: read, or refused with what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import ModelError
from poise.expression.artefact import load_model
from poise.expression.model_spec import SPEC_FILE, WEIGHTS_FILE, read_spec
from tests.expression.kit import TEMPLATE, change_spec, spec_of


def test_the_description_survives(artefact: Path, architecture: str) -> None:
    spec = read_spec(artefact)
    original = spec_of(architecture)
    assert len(spec.sha256) == 64
    assert spec.to_json() | {"sha256": ""} == original.to_json()
    np.testing.assert_allclose(spec.template_px, TEMPLATE)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model here") as caught:
        load_model(tmp_path)
    assert caught.value.path == str(tmp_path)


def test_a_description_that_is_no_json(small: Path) -> None:
    (small / SPEC_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="no JSON"):
        read_spec(small)


@pytest.mark.parametrize(
    "name", ["name", "architecture", "labels", "input_px", "template_px", "mean", "temperature"]
)
def test_a_description_that_lacks_something_says_what(small: Path, name: str) -> None:
    change_spec(small, **{name: None})
    with pytest.raises(ModelError, match=name):
        read_spec(small)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "ResNet50"},
        {"template_px": [[1, 2], [3, 4]]},
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"activation_ranges": [1.0, 0.0]},
        {"activation_ranges": "wide"},
        {"input_px": "large"},
        {"template_px": "none"},
        {"template_px": [[1e300, 1]] * 5},
        {"input_px": float("inf")},
        {"std": [0.2, 0.0, 0.2]},
        {"std": [0.2, float("nan"), 0.2]},
        {"std": [0.2]},
        {"mean": "gray"},
        {"temperature": float("inf")},
        {"activation_ranges": [float("inf")]},
        {"training": ["a list"]},
        {"training": {"summary": "\ud800"}},
        {"metrics": "good"},
        {"name": "line\nbreak"},
        {"name": ["a"]},
        {"labels": []},
        {"valence_calibrations": [{"eye_px": 20, "scale": float("inf"), "bias": [0, 0, 0]}]},
        {"labels": {"name": "n", "emotions": "abc", "valence": {}}},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_used(small: Path, changes: dict[str, Any]) -> None:
    change_spec(small, **changes)
    with pytest.raises(ModelError):
        read_spec(small)


@pytest.mark.parametrize(
    "emotion", ["=1+1", "x;=1+1", "\ud800", "a\nb", "", " ", "x" * 65, "+", "@me", "\u202egnp.x", 7]
)
def test_a_label_that_is_no_plain_word_is_refused(small: Path, emotion: object) -> None:
    """Labels stand in tables, pages and file names."""
    labels = read_spec(small).labels.to_json()
    labels["emotions"] = [*labels["emotions"], emotion]
    change_spec(small, labels=labels)
    with pytest.raises(ModelError, match=r"cannot be|is inconsistent"):
        read_spec(small)


@pytest.mark.parametrize("name", [SPEC_FILE, WEIGHTS_FILE])
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(small: Path, name: str) -> None:
    (small / name).unlink()
    os.mkfifo(small / name)
    with pytest.raises(ModelError):
        load_model(small)


@pytest.mark.parametrize("text", ["[]", '"model"', "null"])
def test_a_description_that_is_json_of_another_kind(small: Path, text: str) -> None:
    (small / SPEC_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError):
        read_spec(small)
