from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from poise.errors import SettingsError
from poise.expression.artefact import build, save_model
from poise.expression.classifier import ExpressionClassifier, normalise
from poise.expression.model_spec import read_spec
from poise.labels import LabelScheme
from poise.types import FloatArray, IntArray
from poise_training.evaluation.calibrate import (
    measure_activations,
    measure_temperature,
    measure_valence,
    softmax,
)

_LABELS = LabelScheme(
    name="four",
    emotions=("neutral", "happiness", "surprise", "sadness"),
    valence={"neutral": "neutral", "happiness": "positive", "sadness": "negative"},
)


def _calibrated(count: int) -> tuple[FloatArray, IntArray]:
    """Logits, and classes drawn from the very posteriors that they give."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 4)).astype(np.float32)
    posterior = softmax(logits)
    classes = np.array([rng.choice(4, p=row / row.sum()) for row in posterior.astype(np.float64)])
    return logits, classes


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_finds_the_factor_by_which_logits_are_off(factor: float) -> None:
    logits, classes = _calibrated(6000)
    found = measure_temperature(logits * np.float32(factor), classes, _LABELS)
    assert found.temperature == pytest.approx(factor, rel=0.06)
    assert found.error_after < 0.02
    assert found.loss_after <= found.loss_before + 1e-9
    assert found.faces == int((classes != 2).sum())  # surprise has no valence


def test_faces_without_a_clear_majority_do_not_count() -> None:
    logits, classes = _calibrated(500)
    unclear = np.concatenate([classes, np.full(500, -1)])
    doubled = np.concatenate([logits, np.full_like(logits, 50)])
    assert measure_temperature(doubled, unclear, _LABELS) == measure_temperature(
        logits, classes, _LABELS
    )


def test_no_face_to_measure_on() -> None:
    with pytest.raises(SettingsError, match="validation split"):
        measure_temperature(np.zeros((3, 4), np.float32), np.array([-1, 2, 2]), _LABELS)


@torch.no_grad()
def test_the_greatest_activations(model_dir: Path, tmp_path: Path) -> None:
    spec = replace(read_spec(model_dir), activation_ranges=())
    torch.manual_seed(0)
    save_model(build(spec), spec, tmp_path)
    classifier = ExpressionClassifier(tmp_path, device="cpu", batch_size=2)
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), np.uint8)
    found = measure_activations(classifier, crops)
    maps = normalise(crops, spec, classifier.device).to(classifier.dtype)
    maps = torch.cat([maps, maps.flip(3)])  # photographs are seen with their mirror image
    expected = []
    for layer in classifier.network.backbone:
        maps = layer(maps)
        if isinstance(layer, nn.ReLU):
            expected.append(float(maps.max()))
    assert found == pytest.approx(expected, rel=1e-2)
    assert not any(layer._forward_hooks for layer in classifier.network.backbone)


def _drawn(counts: tuple[int, int, int], scale: float, bias: float) -> tuple[FloatArray, IntArray]:
    """Log posteriors of three classes that are off by a scale and a bias, and their classes."""
    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(3), counts)
    evidence = rng.normal(0, 1, (len(truth), 3)) + 1.5 * np.eye(3)[truth]
    right = np.log(softmax(1.5 * evidence))  # with equal priors, log likelihoods of these normals
    return ((right - np.array([0, 0, bias])) / scale).astype(np.float32), truth


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (2.0, 0.0), (0.5, 1.5)])
def test_finds_scale_and_bias_whatever_the_shares_of_the_classes(scale: float, bias: float) -> None:
    logs, truth = _drawn((4000, 2000, 8000), scale, bias)
    found = measure_valence(logs, truth, eye_px=36, balanced=True)
    assert found.scale == pytest.approx(scale, rel=0.1)
    assert found.bias[2] == pytest.approx(bias, abs=0.15)
    assert found.bias[:2] == (0, 0) and found.eye_px == 36


def test_a_chosen_bias_is_kept() -> None:
    logs, truth = _drawn((500, 500, 500), 1.0, 0.0)
    found = measure_valence(logs, truth, eye_px=36, balanced=True, negative_bias=1.75)
    assert found.bias[2] == pytest.approx(1.75 * found.scale, abs=1e-3)


def test_a_class_without_faces_cannot_be_calibrated() -> None:
    with pytest.raises(SettingsError, match="no face"):
        measure_valence(
            np.zeros((4, 3), np.float32), np.array([0, 0, 2, 2]), eye_px=36, balanced=True
        )
