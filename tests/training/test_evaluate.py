from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from poise.batch.photographs import classify_pictures
from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.expression.model_spec import read_spec
from poise.faces.detection.detector import FaceDetector
from poise.labels import VALENCES
from poise.settings import Settings
from poise.types import FloatArray, Image
from poise_training.changes import CHANGES
from poise_training.data import LabelledFace
from poise_training.evaluate import evaluate, group_table, measure, tasks
from poise_training.recipe import DataSource, load_recipe
from poise_training.schemes import Scheme, load_scheme
from poise_training.testset import TestSet, collect, predict, recipe_for, scheme_for

_FERPLUS = load_scheme("ferplus")


def _test_set(classes: list[str], scheme: Scheme = _FERPLUS, **given: Any) -> TestSet:
    picture = np.zeros((48, 48, 3), np.uint8)
    faces = [
        LabelledFace(source=str(k), load=lambda: picture, votes={c: 1.0}, **given)
        for k, c in enumerate(classes)
    ]
    return TestSet(
        name="made", split="all", faces=faces, classes=classes, scheme=scheme, dropped=[]
    )


def _posterior(guesses: list[str]) -> FloatArray:
    emotions = _FERPLUS.labels.emotions
    rows = [[0.93 if e == guess else 0.01 for e in emotions] for guess in guesses]
    return np.array(rows, np.float32)


def test_three_classes_leave_surprise_out_and_four_do_not() -> None:
    classes = ["happiness", "neutral", "sadness", "surprise", "fear", "surprise"]
    guesses = ["happiness", "sadness", "anger", "surprise", "surprise", "neutral"]
    three, four, eight = tasks(_test_set(classes), _FERPLUS.labels, _posterior(guesses))
    assert [t.name for t in (three, four, eight)] == ["valence", "valence_apart", "emotion"]
    assert three.index.tolist() == [0, 1, 2, 4]
    # What is taken for surprise still has a most probable valence: that of the five negatives.
    assert [VALENCES[k] for k in three.guess] == ["positive", "negative", "negative", "negative"]
    assert four.classes == (*VALENCES, "surprise")
    assert [four.classes[k] for k in four.guess[3:]] == ["surprise", "surprise", "neutral"]
    assert np.allclose(four.posterior.sum(axis=1), 1)
    assert measure(three)["accuracy"] == 0.75
    assert measure(four)["classes"]["surprise"] == {"faces": 2, "precision": 0.5, "recall": 0.5}
    assert measure(eight)["accuracy"] == pytest.approx(2 / 6)
    assert measure(eight)["classes"]["contempt"]["recall"] is None


def test_valence_of_emotions_that_the_model_does_not_know() -> None:
    korean = load_scheme("aihub_seven")
    test = _test_set(["embarrassment", "neutral", "anger"], korean)
    three, emotion = tasks(test, _FERPLUS.labels, _posterior(["fear", "neutral", "anger"]))
    assert measure(three)["accuracy"] == 1
    assert (emotion.name, emotion.index.tolist()) == ("emotion", [1, 2])


def test_groups_with_enough_faces() -> None:
    classes = ["happiness", "sadness"] * 25
    test = _test_set(classes)
    faces = [
        replace(face, groups={"gender": "female" if k < 30 else "male", "age": str(k)})
        for k, face in enumerate(test.faces)
    ]
    test = replace(test, faces=faces)
    guesses = classes[:30] + ["neutral"] * 20
    table = group_table(test, tasks(test, _FERPLUS.labels, _posterior(guesses))[0])
    assert table[["attribute", "group", "faces", "accuracy"]].values.tolist() == [
        ["gender", "female", 30, 1.0],
        ["gender", "male", 20, 0.0],
    ]


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


def test_all_is_written(drawn: Path, untrained: dict[str, Path], tmp_path: Path) -> None:
    test = collect(load_recipe(drawn / "dense.toml"))
    result = evaluate(untrained["VGG16Baseline"], test, tmp_path, device="cpu")
    assert json.loads((tmp_path / "evaluation.json").read_text()) == json.loads(json.dumps(result))
    assert result["data"]["faces"] == 24
    confusion = pd.read_csv(tmp_path / "confusion_valence_apart.csv")
    assert confusion["people"].tolist() == [*VALENCES, "surprise"]
    assert confusion.iloc[:, 1:].to_numpy().sum() == 24
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 24
    for task in ("valence", "valence_apart", "emotion"):
        for kind in ("confusion", "reliability"):
            assert (tmp_path / f"{kind}_{task}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.tmp"))


def test_no_valence_in_the_data(untrained: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--scheme"):
        evaluate(untrained["VGG16Baseline"], _test_set(["surprise"]), tmp_path, device="cpu")


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name: str, sample_faces: Any) -> None:
    picture: Image = sample_faces.images[0]
    box = np.array([100, 80, 200, 180], np.float32)
    changed = CHANGES[name](picture, box)
    assert changed.dtype == np.uint8 and changed.ndim == 3
    sides = {"48 px": 48, "64 px": 64, "96 px": 96, "128 px": 128, "256 px": 256}
    expected = sides.get(name, 140 if "loosely" in name else 80 if "tightly" in name else 100)
    assert changed.shape == (expected, expected, 3)
    plain = picture[80:180, 100:200]
    if expected == 100:
        assert (changed != plain).any()
        light = changed.mean() / plain.mean()
        assert light == pytest.approx(0.4 if "darker" in name else 1, abs=0.1)
    if "loosely" in name:
        assert (changed == picture[60:200, 80:220]).all()


def test_a_face_that_no_one_knows_where_cannot_be_cropped_otherwise(
    untrained: dict[str, Path], detector: FaceDetector
) -> None:
    test = _test_set(["neutral"], cropped=False)
    classifier = ExpressionClassifier(untrained["VGG16Baseline"], device="cpu")
    assert predict(test, classifier, detector)[1] == [False]
    with pytest.raises(SettingsError, match="not cropped and has no box"):
        predict(test, classifier, detector, change=CHANGES["gray"])
    boxed = _test_set(["neutral"], cropped=False, box_xyxy_px=(4, 4, 40, 40))
    assert predict(boxed, classifier, detector, change=CHANGES["gray"])[1] == [False]
