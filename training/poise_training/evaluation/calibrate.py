"""What is measured on a trained model: how sure it may be, and the ranges of its activations.

Temperature scaling is one number that makes the posterior of the emotions say how sure it is; the
valence classes have a scale of their own and, where the labels of other faces ask for it, a bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.errors import SettingsError
from poise.expression.calibration import ValenceCalibration
from poise.expression.classifier import ExpressionClassifier
from poise.labels import LabelScheme
from poise.types import FloatArray, Image, IntArray
from poise_training.evaluation.metrics import reliability

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


def measure_valence(
    logs: FloatArray,
    truth: IntArray,
    *,
    eye_px: float,
    balanced: bool,
    negative_bias: float | None = None,
) -> ValenceCalibration:
    """The scale and bias under which the true valence classes are most probable.

    Args:
        logs: Log posteriors at temperature 1 of `VALENCES`, float [N, 3]
            (`poise.expression.calibration.group_logs`).
        truth: Valence class of each face, int [N].
        eye_px: For faces of which size it is to hold, see `ValenceCalibration`.
        balanced: Whether each class counts as much as any other, however many its faces, and the
            bias of the negative class is measured too. If not, the faces are taken to be as
            frequent as in use, and only the scale is measured.
        negative_bias: In log posteriors at scale 1, where it is chosen rather than measured.

    Raises:
        SettingsError: If each class is to count as much and one has no face.

    Source: Guo et al., arXiv:1706.04599, section 4.2 (vector scaling with one scale). The loss is
        convex in scale and scale times bias.
    """
    counts = np.bincount(truth, minlength=logs.shape[1])
    if balanced and not counts.all():
        raise SettingsError(
            "a valence class has no face to measure the calibration on",
            remedy="Give faces of all three classes.",
        )
    z, y = torch.from_numpy(logs.astype(np.float64)), torch.from_numpy(truth.astype(np.int64))
    weights = torch.from_numpy(1 / counts if balanced else np.ones(len(counts)))
    scale = torch.ones(1, dtype=torch.float64, requires_grad=True)
    measured = balanced and negative_bias is None
    bias = torch.tensor([negative_bias or 0.0], dtype=torch.float64, requires_grad=measured)
    optimizer = torch.optim.LBFGS(
        [scale, bias] if measured else [scale], max_iter=200, line_search_fn="strong_wolfe"
    )
    negative = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy((z + bias * negative) * scale, y, weight=weights)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = max(float(scale.detach()), 1e-3)
    shift = round(found * float(bias.detach()), 4)
    return ValenceCalibration(eye_px=eye_px, scale=round(found, 4), bias=(0.0, 0.0, shift))


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
