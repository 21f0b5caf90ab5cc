"""Faces looked at as they are and mirrored, in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.analysis.crop_file import CropFile
from poise.analysis.looks import BESIDE_S, classify_in_turn, is_mirrored, look_at
from poise.expression.classifier import ExpressionClassifier
from poise.types import FloatArray, Image, Predictions


class _Counted:
    """Looks through a classifier, and counts the faces."""

    def __init__(self, classifier: ExpressionClassifier) -> None:
        self._classifier, self.looks = classifier, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._classifier, name)

    def predict(self, crops: Image, *, mirrored: bool = True) -> Predictions:
        self.looks += len(crops)
        return self._classifier.predict(crops, mirrored=mirrored)


def _said(
    classifier: ExpressionClassifier, directory: Path, faces: Image, pts_s: list[float]
) -> tuple[FloatArray, int]:
    """Logits of faces that are shown one after the other, and how many looks they took."""
    counted = _Counted(classifier)
    with CropFile(directory, classifier.spec.input_px) as crops:
        crops.append(faces)
        found = classify_in_turn(counted, crops, np.arange(len(faces)), np.array(pts_s))
    return found, counted.looks


def _both(classifier: ExpressionClassifier, faces: Image) -> tuple[FloatArray, FloatArray]:
    """Logits of a plain and of a mirrored look."""
    plain, turned = (look_at(faces, mirrored=way) for way in (False, True))
    return (
        classifier.predict(plain, mirrored=False).logits,
        classifier.predict(turned, mirrored=False).logits,
    )


@pytest.fixture(scope="module")
def faces(classifier: ExpressionClassifier) -> Image:
    """Drawn patterns that are not their own mirror images, uint8 [6, S, S, 3]."""
    side = classifier.spec.input_px
    small = np.random.default_rng(0).integers(0, 255, (6, 6, 6, 1), np.uint8)
    return np.repeat(np.kron(small, np.ones((1, side // 6, side // 6, 1), np.uint8)), 3, axis=3)


def test_a_look_is_closer_to_the_middle_and_turned_if_asked(faces: Image) -> None:
    side = 48
    crop = np.zeros((1, side, side, 3), np.uint8)
    crop[0, 13:15, 7:9] = 255  # around (7.5, 13.5), left of the middle at 23.5
    found = look_at(crop, mirrored=False)[0, :, :, 0].astype(float)
    y, x = np.mgrid[:side, :side]
    assert np.average(x, weights=found) == pytest.approx(23.5 - 16 * 1.06, abs=0.1)
    assert np.average(y, weights=found) == pytest.approx(23.5 - 10 * 1.06, abs=0.1)
    plain = look_at(faces, mirrored=False)
    np.testing.assert_array_equal(look_at(faces, mirrored=True), plain[:, :, ::-1])
    assert plain.flags.c_contiguous and look_at(faces[:0], mirrored=True).shape == (
        0,
        *faces[0].shape,
    )


def test_each_frame_has_one_look_and_borrows_the_other_of_the_frame_before(
    classifier: ExpressionClassifier, tmp_path: Path, faces: Image
) -> None:
    plain, turned = _both(classifier, faces)
    said, looks = _said(classifier, tmp_path, faces[:4], [0.0, 0.2, 0.4, 0.6])
    assert looks == 4 + 1  # none is before the first
    pairs = [
        (plain[0], turned[0]),
        (turned[1], plain[0]),
        (plain[2], turned[1]),
        (turned[3], plain[2]),
    ]
    np.testing.assert_allclose(said, np.mean(pairs, axis=1), atol=2e-2)


def test_the_way_of_looking_goes_by_the_clock(
    classifier: ExpressionClassifier, tmp_path: Path, faces: Image
) -> None:
    """A frame that is missing changes nothing for those that do not lean on it."""
    pts_s = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert is_mirrored(np.array(pts_s)).tolist() == [True, False, True, False, True]
    assert is_mirrored(np.array([0.0, 0.1, 0.199, 0.25, 0.39])).tolist() == [False] * 3 + [True] * 2
    (tmp_path / "whole").mkdir()
    whole, _ = _said(classifier, tmp_path / "whole", faces[:5], pts_s)
    (tmp_path / "gap").mkdir()
    gap, looks = _said(classifier, tmp_path / "gap", faces[[0, 2, 3, 4]], [0.2, 0.6, 0.8, 1.0])
    np.testing.assert_allclose(gap[2:], whole[3:], atol=2e-2)
    plain, turned = _both(classifier, faces)
    np.testing.assert_allclose(gap[1], (plain[2] + turned[2]) / 2, atol=2e-2)
    assert looks == 4 + 2  # the first, and the one behind the gap


def test_a_frame_with_none_shortly_before_it_is_looked_at_twice(
    classifier: ExpressionClassifier, tmp_path: Path, faces: Image
) -> None:
    apart = [0.0, BESIDE_S + 0.01, 10.0]
    said, looks = _said(classifier, tmp_path, faces[:3], apart)
    assert looks == 6
    np.testing.assert_allclose(said, np.mean(_both(classifier, faces[:3]), axis=0), atol=2e-2)


def test_what_is_mirrored_from_end_to_end_reads_the_same(
    classifier: ExpressionClassifier, tmp_path: Path, faces: Image
) -> None:
    still = np.repeat(faces[:1], 6, axis=0)
    pts_s = [0.2 * k for k in range(6)]
    said, _ = _said(classifier, tmp_path, still, pts_s)
    mirrored, _ = _said(classifier, tmp_path, still[:, :, ::-1].copy(), pts_s)
    np.testing.assert_allclose(said, mirrored, atol=2e-2)
    plain, turned = _both(classifier, still[:1])
    assert np.abs(plain - turned).max() > 0.1  # the looks themselves differ


def test_a_still_picture_is_looked_at_once_in_each_way_also_across_parts(
    classifier: ExpressionClassifier, tmp_path: Path, faces: Image
) -> None:
    still = np.repeat(faces[:1], 600, axis=0)
    still[::7] ^= 1  # noise of one gray level
    said, looks = _said(classifier, tmp_path, still, [0.2 * k for k in range(600)])
    assert looks == 2 + 1  # none is before the first
    assert np.ptp(said, axis=0).max() < 0.1


def test_no_face_is_no_look(classifier: ExpressionClassifier, tmp_path: Path) -> None:
    side = classifier.spec.input_px
    said, looks = _said(classifier, tmp_path, np.empty((0, side, side, 3), np.uint8), [])
    assert said.shape == (0, len(classifier.spec.labels.emotions)) and looks == 0
