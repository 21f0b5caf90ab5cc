"""From logits to posteriors that say how sure the model is.

The evidence of the emotions is summed to valence classes as the network gives it, and only then is
the sum sharpened. Sharpened first, one neutral would win over five negative emotions that share
the evidence among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poise.errors import ModelError
from poise.labels import VALENCES, LabelScheme
from poise.types import FloatArray

SMALL_EYE_PX, LARGE_EYE_PX = 24.0, 36.0  # web pictures of 48 px have 18, webcams 40 and more


@dataclass(frozen=True, kw_only=True)
class ValenceCalibration:
    """How log posteriors of the valence classes become posteriors, for faces of one size.

    Small faces are read as the voters of small web pictures read them; where the eyes lie further
    apart in the picture, slight expressions can be seen and count.

    Args:
        eye_px: Distance of the eyes in the source picture for which this holds, pixels.
        scale: Multiplies the log posteriors.
        bias: Added afterwards, of each of `VALENCES`.
    """

    eye_px: float
    scale: float
    bias: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = bool(np.isfinite([self.eye_px, self.scale, *self.bias]).all())
        above = self.eye_px > 0 and self.scale > 0
        if not (numbers and above and len(self.bias) == len(VALENCES)):
            raise ModelError(
                f"a valence calibration of scale {self.scale}, bias {self.bias} at "
                f"{self.eye_px} pixels cannot be used"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain form, written in `model.json`."""
        return {"eye_px": self.eye_px, "scale": self.scale, "bias": list(self.bias)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ValenceCalibration:
        """Inverse of `to_json`."""
        return cls(
            eye_px=float(plain["eye_px"]),
            scale=float(plain["scale"]),
            bias=tuple(float(v) for v in plain["bias"]),
        )


def group_logs(logits: FloatArray, labels: LabelScheme) -> FloatArray:
    """Log posteriors of the valence classes and of the emotions without one, at temperature 1.

    Args:
        logits: float [M, C].
        labels: Of the C emotions, A of which have no valence.

    Returns:
        float32 [M, 3 + A]: `VALENCES`, then `labels.apart`. The baseline of a person is a mean of
        their negative less their neutral column.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    odds = np.exp(shifted.astype(np.float64))
    odds /= odds.sum(axis=1, keepdims=True)
    sums = odds @ labels.group_matrix
    return np.asarray(np.log(np.maximum(sums, 1e-12)), np.float32)


def posteriors(
    logits: FloatArray,
    labels: LabelScheme,
    temperature: float,
    calibrations: Sequence[ValenceCalibration],
    eye_px: FloatArray | None = None,
) -> FloatArray:
    """Posteriors of the emotions, which sum to calibrated posteriors of the valence classes.

    Args:
        logits: float [M, C].
        labels: Of the C emotions.
        temperature: Divides the logits within a class, and everywhere if there is no calibration.
        calibrations: By ascending `eye_px`; between two of them both are mixed.
        eye_px: Distance of the eyes in the source picture, float [M]; None takes faces to be large.

    Returns:
        float32 [M, C], rows sum to 1.
    """
    scaled = logits.astype(np.float64) / temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    if not calibrations:
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)
    member = labels.group_matrix
    within = odds / np.maximum(odds @ member @ member.T, 1e-300)
    scale, bias = _at(calibrations, len(logits), eye_px)
    logs = group_logs(logits, labels) * scale
    logs[:, : len(VALENCES)] += bias
    groups = np.exp(logs - logs.max(axis=1, keepdims=True))
    groups /= groups.sum(axis=1, keepdims=True)
    joint = within * (groups @ member.T)
    return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float32)


def _at(
    calibrations: Sequence[ValenceCalibration], count: int, eye_px: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Scales float [count, 1] and biases float [count, 3] for faces of the given sizes."""
    known = np.array([c.eye_px for c in calibrations])
    asked = np.full(count, known[-1]) if eye_px is None else np.asarray(eye_px, np.float64)
    columns = np.array([[c.scale, *c.bias] for c in calibrations])
    mixed = np.column_stack([np.interp(asked, known, column) for column in columns.T])
    return mixed[:, :1], mixed[:, 1:]
