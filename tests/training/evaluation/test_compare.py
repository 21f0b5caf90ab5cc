from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poise.types import IntArray
from poise_training.datasets.recipe import load_recipe
from poise_training.evaluation.compare import compare, compare_task, joint_counts
from poise_training.evaluation.evaluate import Task
from poise_training.evaluation.metrics import accuracy, mcnemar
from poise_training.evaluation.testset import collect


def _task(truth: IntArray, guess: IntArray) -> Task:
    return Task(
        name="valence",
        classes=("positive", "neutral", "negative"),
        index=np.arange(len(truth)),
        truth=truth,
        posterior=np.eye(3, dtype=np.float32)[guess],
    )


def _pair(count: int = 600) -> tuple[Task, Task]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, count)
    good = np.where(rng.random(count) < 0.9, truth, (truth + 1) % 3)
    worse = np.where(rng.random(count) < 0.8, good, (good + 1) % 3)
    return _task(truth, worse), _task(truth, good)


def test_joint_counts_hold_both_confusion_matrices() -> None:
    first, second = _pair()
    joint = joint_counts(first, second)
    assert (joint.sum(axis=2) == first.confusion).all()
    assert (joint.sum(axis=1) == second.confusion).all()


def test_paired_figures() -> None:
    first, second = _pair()
    found = compare_task(first, second)
    right = [task.guess == task.truth for task in (first, second)]
    assert found["only_first"] == int((right[0] & ~right[1]).sum())
    assert found["only_second"] == int((right[1] & ~right[0]).sum())
    assert found["mcnemar_p"] == mcnemar(found["only_first"], found["only_second"])
    difference = found["difference"]
    assert difference["accuracy"] == pytest.approx(
        accuracy(second.confusion) - accuracy(first.confusion)
    )
    low, high = difference["accuracy_interval"]
    assert 0 < low < difference["accuracy"] < high
    # Paired, the difference is known better than from two independent samples.
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 600, (1000, 600))
    values = right[1][drawn].mean(axis=1) - right[0][drawn].mean(axis=1)
    assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.01)


def test_a_model_against_itself() -> None:
    first, _ = _pair()
    found = compare_task(first, first)
    assert found["difference"]["macro_f1_interval"] == (0, 0)
    assert (found["only_first"], found["only_second"], found["mcnemar_p"]) == (0, 0, 1.0)


def test_all_is_written(drawn: Path, untrained: dict[str, Path], tmp_path: Path) -> None:
    test = collect(load_recipe(drawn / "dense.toml"))
    result = compare(
        untrained["VGG16Baseline"], untrained["VGG16DenseNet"], test, tmp_path, device="cpu"
    )
    assert [model["name"] for model in result["models"]] == ["VGG16Baseline", "VGG16DenseNet"]
    assert json.loads((tmp_path / "comparison.json").read_text())["tasks"].keys() == {
        "valence", "valence_apart", "emotion",
    }  # fmt: skip
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert table["model"].tolist() == ["VGG16Baseline", "VGG16DenseNet", "difference"] * 3
    assert table["mcnemar_p"].notna().sum() == 3
    assert (tmp_path / "comparison_valence.png").read_bytes().startswith(b"\x89PNG")
