"""The faces that models are measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from poise.batch.photographs import classify_pictures
from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.expression.model_spec import read_spec
from poise.faces.detection.detector import FaceDetector
from poise.settings import Settings
from poise_training.datasets.recipe import DataSource, load_recipe
from poise_training.datasets.schemes import load_scheme
from poise_training.evaluation.testset import collect, predict, recipe_for, scheme_for

_FERPLUS = load_scheme("ferplus")


def test_the_test_split_is_taken_without_what_stood_elsewhere(drawn: Path) -> None:
    recipe = load_recipe(drawn / "dense.toml")
    test = collect(recipe)
    assert (test.split, len(test.faces)) == ("test", 24)
    assert {face.split for face in test.faces} == {"test"}
    assert collect(recipe, split="validation").split == "validation"
    assert len(collect(recipe, split="all").faces) == 64


def test_unreadable_unclear_and_repeated_faces_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["image,split,votes_happiness,votes_neutral"]
    for k, (split, votes) in enumerate(
        [("train", "1,0"), ("test", "2,1"), ("test", "1,1"), ("test", "0,3"), ("test", "1,0")]
    ):
        lines.append(f"{k}.png,{split},{votes}")
        cv2.imwrite(str(tmp_path / f"{k}.png"), rng.integers(0, 256, (8, 8), np.uint8))
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "4.png").write_bytes((tmp_path / "0.png").read_bytes())
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    recipe = recipe_for(DataSource(kind="csv", path=str(tmp_path)), _FERPLUS)
    test = collect(recipe)
    assert [face.source for face in test.faces] == ["1.png"]
    reasons = {item.source: item.reason for item in test.dropped}
    assert reasons["2.png"] == "no clear majority"
    assert "cannot be read" in reasons["3.png"]
    assert reasons["4.png"] == "the same picture in train"
    with pytest.raises(SettingsError, match="--split all"):
        collect(recipe, split="validation")


def test_a_set_without_splits_is_taken_whole(tmp_path: Path) -> None:
    folder = tmp_path / "happy"
    folder.mkdir()
    for k in range(3):
        cv2.imwrite(str(folder / f"{k}.png"), np.full((8, 8), k, np.uint8))
    recipe = recipe_for(DataSource(kind="folders", path=str(tmp_path)), _FERPLUS)
    test = collect(recipe, trained=False)
    assert (test.split, test.classes) == ("all", ["happiness"] * 3)
    # A model made by the recipe has seen all but those drawn for test.
    assert len(collect(replace(recipe, shares=(0.3, 0.3, 0.4))).faces) == 1


def test_other_names_of_emotions_are_known_for_a_model(untrained: dict[str, Path]) -> None:
    spec = read_spec(untrained["VGG16DenseNet"])
    assert scheme_for(spec).sources["happy"] == "happiness"
    bare = replace(spec.labels, emotions=tuple(reversed(spec.labels.emotions)))
    assert "happy" not in scheme_for(replace(spec, labels=bare)).sources


def test_faces_are_seen_as_poise_classify_sees_them(
    drawn: Path, untrained: dict[str, Path], detector: FaceDetector, tmp_path: Path
) -> None:
    model = untrained["VGG16DenseNet"]
    classify_pictures(
        [drawn / "faces" / "test"], tmp_path / "table.csv", cropped=True,
        settings=Settings(model=str(model), device="cpu"),
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "table.csv").set_index("path")
    test = collect(load_recipe(drawn / "dense.toml"))
    posterior, found = predict(test, ExpressionClassifier(model, device="cpu"), detector)
    for k, face in enumerate(test.faces):
        row = table.loc[str(drawn / "faces" / face.source)]
        assert row["emotion_p_surprise"] == pytest.approx(posterior[k, 2], abs=6e-5)
        assert bool(row["face_found"]) == found[k]
