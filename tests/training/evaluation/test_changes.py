"""Changes of a face crop that a model should not mind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.types import Image
from poise_training.datasets.labelled_faces import LabelledFace
from poise_training.datasets.schemes import Scheme, load_scheme
from poise_training.evaluation.changes import CHANGES
from poise_training.evaluation.testset import TestSet, predict

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
