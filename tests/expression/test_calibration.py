"""From logits to posteriors: the classes are summed first and calibrated afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from poise.errors import ModelError
from poise.expression.calibration import ValenceCalibration, group_logs, posteriors
from poise.labels import LabelScheme

_LABELS = LabelScheme(
    name="six",
    emotions=("neutral", "happiness", "surprise", "sadness", "anger", "fear"),
    valence={
        "neutral": "neutral", "happiness": "positive", "sadness": "negative", "anger": "negative",
        "fear": "negative",
    },
)  # fmt: skip
_SMALL = ValenceCalibration(eye_px=24, scale=2.0, bias=(0, 0, 0))
_LARGE = ValenceCalibration(eye_px=36, scale=2.0, bias=(0, 0, 3))
# Neutral is the likeliest emotion; the three negative ones together are likelier.
_SHARED = np.log(np.array([[0.4, 0.04, 0.02, 0.18, 0.18, 0.18]], np.float32))


def test_without_calibration_the_temperature_divides_the_logits() -> None:
    said = posteriors(_SHARED, _LABELS, 0.5, ())
    expected = np.exp(2 * _SHARED) / np.exp(2 * _SHARED).sum()
    np.testing.assert_allclose(said, expected, rtol=1e-5)
    assert _LABELS.valence_posterior(said)[0].argmax() == 1


def test_evidence_that_emotions_share_is_summed_before_it_is_sharpened() -> None:
    said = posteriors(_SHARED, _LABELS, 0.5, (_SMALL,))
    valence = _LABELS.valence_posterior(said)[0]
    expected = np.array([0.04, 0.4, 0.54]) ** 2
    np.testing.assert_allclose(valence, expected / expected.sum(), rtol=1e-4)
    assert said.sum() == pytest.approx(1, abs=1e-6)
    assert said[0, 3] == pytest.approx(said[0, 4], rel=1e-4)


def test_the_apart_class_keeps_its_share() -> None:
    logs = np.exp(2 * group_logs(_SHARED, _LABELS)[0])
    said = posteriors(_SHARED, _LABELS, 0.5, (_SMALL,))
    assert said[0, 2] == pytest.approx(logs[3] / logs.sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("eye_px", "bias"), [(10.0, 0.0), (24.0, 0.0), (30.0, 1.5), (36.0, 3.0), (200.0, 3.0)]
)
def test_the_bias_grows_with_the_face(eye_px: float, bias: float) -> None:
    logits = np.repeat(_SHARED, 2, axis=0)
    said = posteriors(logits, _LABELS, 0.5, (_SMALL, _LARGE), np.array([eye_px, 24.0], np.float32))
    odds = np.log(_LABELS.valence_posterior(said))
    assert odds[0, 2] - odds[0, 1] - (odds[1, 2] - odds[1, 1]) == pytest.approx(bias, abs=1e-3)


def test_faces_of_unknown_size_are_taken_to_be_large() -> None:
    large = posteriors(_SHARED, _LABELS, 0.5, (_SMALL, _LARGE), np.array([99.0], np.float32))
    np.testing.assert_array_equal(posteriors(_SHARED, _LABELS, 0.5, (_SMALL, _LARGE)), large)


def test_no_faces_and_extreme_logits() -> None:
    assert posteriors(np.zeros((0, 6), np.float32), _LABELS, 0.5, (_SMALL,)).shape == (0, 6)
    said = posteriors(np.array([[500, 0, 0, 0, 0, -500]], np.float32), _LABELS, 0.5, (_SMALL,))
    assert np.isfinite(said).all() and said.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("broken", [{"scale": 0.0}, {"eye_px": -1.0}, {"bias": (0.0, 1.0)}])
def test_a_calibration_that_cannot_be(broken: dict[str, object]) -> None:
    plain = {"eye_px": 24.0, "scale": 1.0, "bias": (0.0, 0.0, 0.0), **broken}
    with pytest.raises(ModelError, match="cannot be used"):
        ValenceCalibration.from_json(plain)
