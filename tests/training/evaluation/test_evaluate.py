from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poise.errors import SettingsError
from poise.labels import VALENCES
from poise.types import FloatArray
from poise_training.datasets.labelled_faces import LabelledFace
from poise_training.datasets.recipe import load_recipe
from poise_training.datasets.schemes import Scheme, load_scheme
from poise_training.evaluation.evaluate import evaluate, group_table, measure, tasks
from poise_training.evaluation.testset import TestSet, collect

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


def test_all_is_written(drawn: Path, untrained: dict[str, Path], tmp_path: Path) -> None:
    test = collect(load_recipe(drawn / "dense.toml"))
    result = evaluate(untrained["VGG16Baseline"], test, tmp_path, device="cpu")
    assert json.loads((tmp_path / "evaluation.json").read_text()) == json.loads(json.dumps(result))
    assert result["data"]["faces"] == 24
    confusion = pd.read_csv(tmp_path / "confusion_valence_apart.csv")
    assert confusion["people"].tolist() == [*VALENCES, "surprise"]
    assert confusion.iloc[:, 1:].to_numpy().sum() == 24
    said = pd.read_csv(tmp_path / "predictions.csv")
    assert len(said) == 24
    for start in ("p_", "emotion_p_"):  # neutral is a valence class and an emotion
        own = [name for name in said if name.startswith(start)]
        assert f"{start}neutral" in own and np.allclose(said[own].sum(axis=1), 1, atol=1e-4)
    for task in ("valence", "valence_apart", "emotion"):
        for kind in ("confusion", "reliability"):
            assert (tmp_path / f"{kind}_{task}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.tmp"))


def test_no_valence_in_the_data(untrained: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--scheme"):
        evaluate(untrained["VGG16Baseline"], _test_set(["surprise"]), tmp_path, device="cpu")


def test_intervals_are_of_people_where_people_are_known() -> None:
    classes = ["happiness", "neutral"] * 60
    guesses = ["happiness"] * 120
    alone = _test_set(classes)
    one = _test_set(classes, person="kim")
    (of_faces, *_), (of_one, *_) = (
        [measure(task) for task in tasks(test, _FERPLUS.labels, _posterior(guesses))]
        for test in (alone, one)
    )
    assert (of_faces["people"], of_one["people"]) == (None, 1)
    assert of_faces["accuracy_interval"][0] < 0.5 < of_faces["accuracy_interval"][1]
    assert of_one["accuracy_interval"] == (0.5, 0.5)  # one person says nothing about others
