"""The shipped model beside `fer` on the same faces, in one run.

    python benchmarks/accuracy.py FERPLUS --fer-python ENV/bin/python

FERPLUS is the folder or zip of FER+. `fer` (https://pypi.org/project/fer) pins other versions of
the packages that Poise uses, so it runs in an environment of its own:

    python -m venv ENV && ENV/bin/pip install fer

Both are given the crops; `fer` is told that the face is the whole picture, enlarged tenfold, as it
adds a border of ten pixels to every face.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from poise.expression.classifier import ExpressionClassifier
from poise.expression.model_spec import SHIPPED_MODEL
from poise.faces.detection.detector import FaceDetector
from poise.labels import NEGATIVE, NEUTRAL, POSITIVE, LabelScheme
from poise.types import FloatArray
from poise_training.datasets.recipe import DataSource
from poise_training.evaluation.evaluate import Task, measure, tasks
from poise_training.evaluation.testset import TestSet, collect, predict, recipe_for, scheme_for

FER_LABELS = LabelScheme(
    name="fer",
    emotions=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    valence={
        "angry": NEGATIVE, "disgust": NEGATIVE, "fear": NEGATIVE, "sad": NEGATIVE,
        "happy": POSITIVE, "neutral": NEUTRAL,
    },
)  # fmt: skip
_ASK_FER = """
import csv, sys, cv2
from fer.fer import FER
detector = FER()
rows = csv.writer(open(sys.argv[2], "w", newline=""))
for path in open(sys.argv[1]).read().splitlines():
    image = cv2.resize(cv2.imread(path), (480, 480), interpolation=cv2.INTER_CUBIC)
    height, width = image.shape[:2]
    said = detector.detect_emotions(image, face_rectangles=[(0, 0, width, height)])[0]["emotions"]
    rows.writerow([said[name] for name in sys.argv[3].split(",")])
"""


def ask_fer(python: Path, test: TestSet) -> FloatArray:
    """What `fer` says of the faces, float32 [N, 7] in the order of `FER_LABELS`."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, face in enumerate(test.faces):
            names.append(str(Path(folder, f"{number}.png")))
            PillowImage.fromarray(face.load()).save(names[-1])
        listing, answers = Path(folder, "faces.txt"), Path(folder, "answers.csv")
        listing.write_text("\n".join(names), encoding="utf-8")
        subprocess.run(
            [python, "-c", _ASK_FER, listing, answers, ",".join(FER_LABELS.emotions)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with answers.open(newline="", encoding="utf-8") as file:
            return np.array([[float(v) for v in row] for row in csv.reader(file)], np.float32)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ferplus", help="folder or zip of FER+")
    parser.add_argument("--fer-python", type=Path, help="python of an environment with fer")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="model artefact")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()

    classifier = ExpressionClassifier(given.model)
    labels = classifier.spec.labels
    source = DataSource(kind="ferplus", path=given.ferplus)
    test = collect(recipe_for(source, scheme_for(classifier.spec)), split="test")
    said, _ = predict(test, classifier, FaceDetector(device=str(classifier.device)))
    table: dict[str, dict[str, Any]] = {"Poise": _valence(tasks(test, labels, said))}
    if given.fer_python:
        table["fer"] = _valence(tasks(test, FER_LABELS, ask_fer(given.fer_python, test)))
    for name, row in table.items():
        low, high = row["macro_f1_interval"]
        print(
            f"{name:<8}{row['faces']:>6} faces  accuracy {row['accuracy']:.3f}  "
            f"macro-F1 {row['macro_f1']:.3f} [{low:.3f}, {high:.3f}]  "
            f"calibration error {row['expected_calibration_error']:.3f}"
        )
    if given.json:
        given.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _valence(asked: list[Task]) -> dict[str, Any]:
    return measure(next(task for task in asked if task.name == "valence"))


if __name__ == "__main__":
    main()
