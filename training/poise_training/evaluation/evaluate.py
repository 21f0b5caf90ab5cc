"""`poise-train evaluate`: how well a model does on faces that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.labels import VALENCES, LabelScheme
from poise.types import FloatArray, IntArray
from poise_training.evaluation.changes import CHANGES
from poise_training.evaluation.figures import confusion_figure, reliability_figure
from poise_training.evaluation.metrics import (
    RESAMPLES,
    Reliability,
    accuracies,
    accuracy,
    by_person,
    confusion_matrix,
    interval,
    macro_f1,
    macro_f1s,
    precisions,
    recalls,
    reliability,
)
from poise_training.evaluation.testset import Telling, TestSet, predict
from poise_training.files import write_json, write_table

EVALUATION_FILE = "evaluation.json"
_FEWEST = 20  # of a group that is reported


@dataclass(frozen=True, kw_only=True)
class Task:
    """A question to a model about the faces that it can be asked of.

    Args:
        name: `valence`, `valence_apart` (emotions without valence as classes of their own), or
            `emotion`.
        classes: [K].
        index: Which of the N faces, int64 [M].
        truth: int64 [M].
        posterior: float32 [M, K], rows sum to 1.
        people: Who each face shows, [M]; None: nobody known. Empty: nobody is.
    """

    name: str
    classes: tuple[str, ...]
    index: IntArray
    truth: IntArray
    posterior: FloatArray
    people: tuple[str | None, ...] = ()

    @property
    def guess(self) -> IntArray:
        """The most probable class, int64 [M]."""
        return np.asarray(self.posterior.argmax(axis=1), np.int64)

    @property
    def confusion(self) -> IntArray:
        """int64 [K, K]."""
        return confusion_matrix(self.truth, self.guess, len(self.classes))

    def some(self, rows: Sequence[int]) -> Task:
        """The same of some of the M faces."""
        return replace(
            self,
            index=self.index[rows],
            truth=self.truth[rows],
            posterior=self.posterior[rows],
            people=tuple(self.people[k] for k in rows) if self.people else (),
        )

    @property
    def of_people(self) -> IntArray | None:
        """The confusion matrix of each person, int64 [P, K, K]; None where nobody is known."""
        classes = len(self.classes)
        return by_person(self.truth * classes + self.guess, (classes, classes), self.people)

    @property
    def reliability(self) -> Reliability:
        """How often answers of each confidence are right."""
        return reliability(self.posterior, self.truth)


def tasks(test: TestSet, labels: LabelScheme, posterior: FloatArray) -> list[Task]:
    """The questions that faces and model have answers to.

    Args:
        test: N faces with their classes under the data's scheme.
        labels: The model's C emotions.
        posterior: Of the model's emotions, float32 [N, C].
    """
    valence_of = test.scheme.labels.valence
    three = labels.valence_posterior(posterior)
    people = [face.person for face in test.faces]
    result = [_task("valence", VALENCES, [valence_of.get(c) for c in test.classes], three, people)]
    if set(labels.apart) & set(test.classes):
        apart = posterior[:, [labels.emotions.index(e) for e in labels.apart]]
        joint = np.concatenate([posterior @ labels.valence_matrix, apart], axis=1)
        truth = [valence_of.get(c, c) for c in test.classes]
        result.append(_task("valence_apart", (*VALENCES, *labels.apart), truth, joint, people))
    if labels.emotions != VALENCES:
        result.append(_task("emotion", labels.emotions, test.classes, posterior, people))
    return [task for task in result if len(task.index)]


def _task(
    name: str,
    classes: tuple[str, ...],
    truth: Sequence[str | None],
    posterior: FloatArray,
    people: Sequence[str | None],
) -> Task:
    number = {label: k for k, label in enumerate(classes)}
    index = np.array([k for k, label in enumerate(truth) if label in number], np.int64)
    return Task(
        name=name,
        classes=classes,
        index=index,
        truth=np.array([number[label] for label in truth if label in number], np.int64),
        posterior=np.asarray(posterior[index], np.float32),
        people=tuple(people[k] for k in index),
    )


def scores(task: Task) -> dict[str, Any]:
    """Accuracy and macro-F1 of a task with 95 % intervals, and the faces and people."""
    confusion, of_people = task.confusion, task.of_people
    return {
        "faces": int(confusion.sum()),
        "people": None if of_people is None else len(of_people),
        "accuracy": accuracy(confusion),
        "accuracy_interval": interval(confusion, accuracies, of_people),
        "macro_f1": macro_f1(confusion),
        "macro_f1_interval": interval(confusion, macro_f1s, of_people),
    }


def measure(task: Task) -> dict[str, Any]:
    """All figures of a task, JSON-able."""
    confusion = task.confusion
    per_class = zip(
        task.classes, confusion.sum(axis=1).tolist(), precisions(confusion), recalls(confusion),
        strict=True,
    )  # fmt: skip
    return {
        **scores(task),
        "expected_calibration_error": task.reliability.error,
        "classes": {
            name: {"faces": count, "precision": _number(precision), "recall": _number(recall)}
            for name, count, precision, recall in per_class
        },
    }


def group_table(test: TestSet, task: Task) -> pd.DataFrame:
    """Accuracy and macro-F1 of each known group (gender, age) with enough faces.

    Returns:
        Columns attribute, group, faces, accuracy, macro_f1 and their intervals.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, k in enumerate(task.index):
        for attribute, value in test.faces[k].groups.items():
            groups.setdefault((attribute, value), []).append(row)
    rows = []
    for (attribute, value), chosen in sorted(groups.items()):
        if len(chosen) >= _FEWEST:
            rows.append({"attribute": attribute, "group": value, **flat(scores(task.some(chosen)))})
    return pd.DataFrame(rows)


def change_table(
    test: TestSet,
    classifier: ExpressionClassifier,
    detector: FaceDetector,
    unchanged: Task,
    *,
    telling: Telling,
) -> pd.DataFrame:
    """Valence of the same faces under changes: accuracy, macro-F1, and what each change costs.

    Returns:
        Columns change, faces, accuracy, macro_f1, difference.
    """
    rows = [_change_row("unchanged", unchanged, unchanged)]
    for name, change in CHANGES.items():

        def tell(what: str, done: int, total: int, name: str = name) -> None:
            telling(f"{what}, {name}", done, total)

        posterior, _ = predict(test, classifier, detector, change=change, telling=tell)
        changed = tasks(test, classifier.spec.labels, posterior)[0]
        rows.append(_change_row(name, changed, unchanged))
    return pd.DataFrame(rows)


def evaluate(
    model: Path,
    test: TestSet,
    out: Path,
    *,
    device: str = "auto",
    changes: bool = False,
    telling: Telling = lambda what, done, total: None,
) -> dict[str, Any]:
    """Measure a model and write what was measured.

    `evaluation.json` holds all figures; beside it lie for each task a confusion matrix and a
    reliability diagram, the predictions, groups where known, and what changes cost if asked.

    Args:
        model: Directory of the artefact.
        test: The faces.
        out: Directory to write.
        device: See `poise.expression.classifier.choose_device`.
        changes: Whether to measure the same faces under changes.
        telling: Is told what is being done, how many are done, and of how many.

    Raises:
        ModelError: If the model cannot be loaded.
        SettingsError: If no face has a valence, or a picture cannot be read.
    """
    classifier = ExpressionClassifier(model, device=device)
    detector = FaceDetector(device=str(classifier.device))
    labels = classifier.spec.labels
    posterior, found = predict(test, classifier, detector, telling=telling)
    asked = tasks(test, labels, posterior)
    if not asked or asked[0].name != "valence":
        raise SettingsError(
            f"no face of {test.name} has a valence under {test.scheme.labels.name}",
            remedy="Name the label scheme of the data with --scheme.",
        )
    result: dict[str, Any] = {
        "model": {"name": classifier.spec.name, "sha256": classifier.spec.sha256},
        "data": {
            "name": test.name,
            "split": test.split,
            "faces": len(test.faces),
            "face_found": int(np.sum(found)),
            "left_out": len(test.dropped),
        },
        "resamples": RESAMPLES,
        "tasks": {task.name: measure(task) for task in asked},
    }
    out.mkdir(parents=True, exist_ok=True)
    for task in asked:
        _write_task(task, f"{classifier.spec.name} on {test.name}", out)
    write_table(_predictions(test, labels, posterior, found), out / "predictions.csv")
    groups = group_table(test, asked[0])
    if len(groups):
        result["groups"] = groups.to_dict(orient="records")
        write_table(groups, out / "groups.csv")
    if changes:
        table = change_table(test, classifier, detector, asked[0], telling=telling)
        result["changes"] = table.to_dict(orient="records")
        write_table(table, out / "changes.csv")
    write_json(result, out / EVALUATION_FILE)
    return result


def _write_task(task: Task, title: str, out: Path) -> None:
    """Confusion matrix as table and figure, and the reliability diagram."""
    table = pd.DataFrame(task.confusion, columns=list(task.classes))
    table.insert(0, "people", task.classes)
    write_table(table, out / f"confusion_{task.name}.csv")
    confusion_figure(task.confusion, task.classes, title, out / f"confusion_{task.name}.png")
    reliability_figure(task.reliability, title, out / f"reliability_{task.name}.png")


def _predictions(
    test: TestSet, labels: LabelScheme, posterior: FloatArray, found: Sequence[bool]
) -> pd.DataFrame:
    three = labels.valence_posterior(posterior)
    return pd.DataFrame(
        {
            "source": [face.source for face in test.faces],
            "people": test.classes,
            "people_valence": [test.scheme.labels.valence.get(c) for c in test.classes],
            "valence": [VALENCES[k] for k in three.argmax(axis=1)],
            "emotion": [labels.emotions[k] for k in posterior.argmax(axis=1)],
            "face_found": list(found),
            **{f"p_{name}": three[:, k] for k, name in enumerate(VALENCES)},
            **{f"emotion_p_{name}": posterior[:, k] for k, name in enumerate(labels.emotions)},
        }
    )


def _change_row(name: str, changed: Task, unchanged: Task) -> dict[str, Any]:
    score = macro_f1(changed.confusion)
    return {
        "change": name,
        "faces": len(changed.index),
        "accuracy": accuracy(changed.confusion),
        "macro_f1": score,
        "difference": score - macro_f1(unchanged.confusion),
    }


def flat(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as two columns."""
    row: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, tuple):
            stem = name.removesuffix("_interval")
            row[f"{stem}_low"], row[f"{stem}_high"] = value
        else:
            row[name] = value
    return row


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
