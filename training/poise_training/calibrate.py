"""What is measured on a trained model: its temperature, and the ranges of its activations.

Temperature scaling is one number that makes the valence posterior say how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.labels import LabelScheme
from poise.types import FloatArray, Image, IntArray
from poise_training.metrics import reliability

_LOW, _HIGH = 0.05, 20.0
_GRID = 60
_TOLERANCE = 1e-4
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A temperature and what it does to the faces that it was measured on.

    Args:
        temperature: Divides the logits.
        faces: How many it was measured on.
        loss_before, loss_after: Mean negative log posterior of the true valence class.
        error_before, error_after: Expected calibration error.
    """

    temperature: float
    faces: int
    loss_before: float
    loss_after: float
    error_before: float
    error_after: float


def measure_temperature(logits: FloatArray, majority: IntArray, labels: LabelScheme) -> Calibration:
    """The temperature under which the true valence classes are most probable.

    Only faces with a clear majority and a valence count: a report shows the valence posterior.

    Args:
        logits: float [N, C].
        majority: Class that most people named, int [N], -1 for none.
        labels: C emotions and their valence.

    Raises:
        SettingsError: If no face counts.

    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, section 4.2,
        with the posterior of the valence classes in place of that of the network's classes.
    """
    chosen = np.flatnonzero(majority >= 0)
    valence = labels.valence_matrix[majority[chosen]]
    with_valence = valence.sum(axis=1) > 0
    chosen, truth = chosen[with_valence], valence[with_valence].argmax(axis=1)
    if len(chosen) == 0:
        raise SettingsError(
            "no face to measure the temperature on",
            remedy="The validation split needs faces with a clear majority and a valence.",
        )
    kept = logits[chosen].astype(np.float64)

    def posterior(temperature: float) -> FloatArray:
        return labels.valence_posterior(softmax(kept / temperature))

    def loss(temperature: float) -> float:
        true = posterior(temperature)[np.arange(len(truth)), truth].astype(np.float64)
        return float(-np.log(np.maximum(true, 1e-12)).mean())

    # The sum over emotions can have several minima: a grid finds the best valley.
    grid = np.linspace(np.log(_LOW), np.log(_HIGH), _GRID)
    best = int(np.argmin([loss(float(np.exp(t))) for t in grid]))
    low, high = grid[max(0, best - 1)], grid[min(_GRID - 1, best + 1)]
    while high - low > _TOLERANCE:
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(float(np.exp(a))) < loss(float(np.exp(b))):
            high = b
        else:
            low = a
    temperature = round(float(np.exp((low + high) / 2)), 4)
    return Calibration(
        temperature=temperature,
        faces=len(chosen),
        loss_before=loss(1.0),
        loss_after=loss(temperature),
        error_before=reliability(posterior(1.0), truth).error,
        error_after=reliability(posterior(temperature), truth).error,
    )


def measure_activations(classifier: ExpressionClassifier, crops: Image) -> tuple[float, ...]:
    """Greatest activation behind each ReLU of the backbone, for `poise.expression.int8`.

    Args:
        classifier: Of a model without ranges, so that none of it is quantised.
        crops: As for `ExpressionClassifier.predict`.
    """
    relus = [layer for layer in classifier.network.backbone if isinstance(layer, nn.ReLU)]
    greatest: dict[nn.Module, float] = dict.fromkeys(relus, 0.0)

    def watch(relu: nn.Module, _: object, maps: Tensor) -> None:
        greatest[relu] = max(greatest[relu], float(maps.max()))

    hooks = [relu.register_forward_hook(watch) for relu in relus]
    try:
        classifier.predict(crops)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(float(f"{max(value, 1e-6):.5g}") for value in greatest.values())


def softmax(logits: FloatArray) -> FloatArray:
    """Posteriors float [N, C] of logits float [N, C]."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
