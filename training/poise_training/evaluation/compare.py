"""`poise-train compare`: two models on the same faces, face by face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.types import IntArray
from poise_training.evaluation.evaluate import Task, flat, scores, tasks
from poise_training.evaluation.figures import comparison_figure
from poise_training.evaluation.metrics import (
    RESAMPLES,
    Measure,
    accuracies,
    by_person,
    interval,
    macro_f1s,
    mcnemar,
)
from poise_training.evaluation.testset import Telling, TestSet, predict
from poise_training.files import write_json, write_table

COMPARISON_FILE = "comparison.json"


def compare(
    first: Path,
    second: Path,
    test: TestSet,
    out: Path,
    *,
    device: str = "auto",
    telling: Telling = lambda what, done, total: None,
) -> dict[str, Any]:
    """Measure two models on the same faces and write what was measured.

    `comparison.json` holds all figures, `comparison.csv` the table, `comparison_<task>.png` the
    models side by side.

    Args:
        first, second: Directories of the artefacts.
        test: The faces.
        out: Directory to write.
        device: See `poise.expression.classifier.choose_device`.
        telling: Is told what is being done, how many are done, and of how many.

    Raises:
        ModelError: If a model cannot be loaded.
        SettingsError: If the models share no question that the faces have answers to.
    """
    models, answers = [], []
    for directory in (first, second):
        classifier = ExpressionClassifier(directory, device=device)
        detector = FaceDetector(device=str(classifier.device))
        posterior, _ = predict(test, classifier, detector, telling=telling)
        models.append(classifier.spec)
        answers.append(tasks(test, classifier.spec.labels, posterior))
    pairs = [
        (mine, theirs)
        for mine in answers[0]
        for theirs in answers[1]
        if (mine.name, mine.classes) == (theirs.name, theirs.classes)
    ]
    if not pairs:
        raise SettingsError(
            f"no face of {test.name} has a valence under {test.scheme.labels.name}",
            remedy="Name the label scheme of the data with --scheme.",
        )
    names = (models[0].name, models[1].name)
    if names[0] == names[1]:
        names = (first.resolve().name, second.resolve().name)
    result: dict[str, Any] = {
        "models": [
            {"name": name, "sha256": spec.sha256} for name, spec in zip(names, models, strict=True)
        ],
        "data": {"name": test.name, "split": test.split, "faces": len(test.faces)},
        "resamples": RESAMPLES,
        "tasks": {mine.name: compare_task(mine, theirs) for mine, theirs in pairs},
    }
    out.mkdir(parents=True, exist_ok=True)
    for mine, theirs in pairs:
        _draw(names, mine, theirs, result["tasks"][mine.name], test.name, out)
    write_table(_table(names, result["tasks"]), out / "comparison.csv")
    write_json(result, out / COMPARISON_FILE)
    return result


def compare_task(mine: Task, theirs: Task) -> dict[str, Any]:
    """Scores of both models in a task, their difference, and McNemar's test, JSON-able.

    Args:
        mine: Of the first model.
        theirs: Of the second one, on the same faces.
    """
    joint = joint_counts(mine, theirs)
    of_people = by_person(_joint_cells(mine, theirs), joint.shape, mine.people)
    right, right_too = mine.guess == mine.truth, theirs.guess == theirs.truth
    only_first = int((right & ~right_too).sum())
    only_second = int((right_too & ~right).sum())
    result: dict[str, Any] = {
        "faces": len(mine.truth),
        "first": scores(mine),
        "second": scores(theirs),
        "difference": {},
        "only_first": only_first,
        "only_second": only_second,
        "mcnemar_p": mcnemar(only_first, only_second),
    }
    for name, measure in (("accuracy", accuracies), ("macro_f1", macro_f1s)):
        result["difference"][name] = result["second"][name] - result["first"][name]
        found = interval(joint, _difference(measure), of_people)
        result["difference"][f"{name}_interval"] = found
    return result


def joint_counts(mine: Task, theirs: Task) -> IntArray:
    """How often each class was taken for which by both: int64 [K, K, K], truth, first, second."""
    classes = len(mine.classes)
    counts = np.bincount(_joint_cells(mine, theirs), minlength=classes**3)
    return counts.reshape(classes, classes, classes)


def _joint_cells(mine: Task, theirs: Task) -> IntArray:
    """Index of each face into the flat joint counts, int64 [M]."""
    classes = len(mine.classes)
    return (mine.truth * classes + mine.guess) * classes + theirs.guess


def _difference(measure: Measure) -> Measure:
    """Second less first, from joint counts int [R, K, K, K]."""

    def difference(joint: IntArray) -> npt.NDArray[np.float64]:
        return np.asarray(measure(joint.sum(axis=2)) - measure(joint.sum(axis=3)))

    return difference


def _table(names: tuple[str, str], found: dict[str, Any]) -> pd.DataFrame:
    """A row for each task and model, and one for the difference."""
    rows = []
    for task, result in found.items():
        for who, key in ((names[0], "first"), (names[1], "second"), ("difference", "difference")):
            rows.append({"task": task, "model": who, "faces": result["faces"], **flat(result[key])})
        rows[-1] |= {key: result[key] for key in ("only_first", "only_second", "mcnemar_p")}
    return pd.DataFrame(rows)


def _draw(
    names: tuple[str, str], mine: Task, theirs: Task, found: dict[str, Any], data: str, out: Path
) -> None:
    measures = (("accuracy", "accuracy"), ("macro-F1", "macro_f1"))
    comparison_figure(
        names,
        (mine.confusion, theirs.confusion),
        {
            label: (
                (found["first"][key], found["first"][f"{key}_interval"]),
                (found["second"][key], found["second"][f"{key}_interval"]),
            )
            for label, key in measures
        },
        mine.classes,
        f"{data}, {found['faces']} faces, McNemar's p = {found['mcnemar_p']:.3g}",
        out / f"comparison_{mine.name}.png",
    )
