"""What must be known of an expression model beside its weights; read without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.errors import ModelError
from poise.expression.calibration import ValenceCalibration
from poise.labels import LabelScheme

SHIPPED_MODEL = Path(__file__).resolve().parent / "models" / "poise"
WEIGHTS_FILE = "model.safetensors"
SPEC_FILE = "model.json"
ARCHITECTURE_NAMES = ("VGG16DenseNet", "VGG16Baseline")  # of `poise.expression.architectures`
_MAX_SPEC_BYTES = 4_000_000
_MOST_INPUT_PX = 1024
_MOST_LETTERS = 200
_AGAIN = "Export the model again."
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that must be known beside the weights to use a model, and where it came from.

    Args:
        name: Name of the model, for provenance.
        architecture: One of `ARCHITECTURE_NAMES`.
        labels: Emotion classes and their valence.
        input_px: Side S of the aligned crop.
        template_px: Where the five landmarks (left eye, right eye, nose, left and right corner
            of the mouth, as seen in the picture) come to lie in the aligned crop, float [5, 2].
        grayscale: Whether the network was trained on gray pictures and is given gray ones.
        mean, std: Normalisation of RGB in 0..1.
        temperature: Divides the logits, measured on the validation split.
        valence_calibrations: From log posteriors of the valence classes to posteriors, by
            ascending size of the face; empty if the sums of the tempered emotions are taken.
        activation_ranges: Greatest activation behind each ReLU of the backbone, measured likewise;
            empty if unknown, and then the model never computes in eight bits.
        training: Data, recipe and versions of the training.
        metrics: Measured results.
        sha256: Of the weights file; empty until saved.
    """

    name: str
    architecture: str
    labels: LabelScheme
    input_px: int
    template_px: npt.NDArray[np.float32]
    grayscale: bool = True
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    temperature: float = 1.0
    valence_calibrations: tuple[ValenceCalibration, ...] = ()
    activation_ranges: tuple[float, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURE_NAMES:
            raise ModelError(
                f"unknown architecture {self.architecture!r}",
                remedy=f"Known: {', '.join(ARCHITECTURE_NAMES)}.",
            )
        if self.template_px.shape != (5, 2):
            raise ModelError(f"the alignment template is {self.template_px.shape}, not (5, 2)")
        if not 16 <= self.input_px <= _MOST_INPUT_PX:
            raise ModelError(f"the input size is {self.input_px}, not 16 to {_MOST_INPUT_PX}")
        if not np.isfinite(self.template_px).all():
            raise ModelError("the alignment template is not made of numbers")
        if len(self.mean) != 3 or len(self.std) != 3 or not _are_numbers((*self.mean, *self.std)):
            raise ModelError("mean and std are not three numbers each", remedy=_AGAIN)
        if not all(deviation > 0 for deviation in self.std):
            raise ModelError(f"std is {list(self.std)}, not above 0", remedy=_AGAIN)
        for field_name in ("training", "metrics"):
            if not isinstance(getattr(self, field_name), Mapping):
                raise ModelError(f"{field_name} is no object of names and values", remedy=_AGAIN)
        for text in (self.name, self.sha256):
            if not isinstance(text, str) or len(text) > _MOST_LETTERS or not text.isprintable():
                raise ModelError("name or sha256 is no plain text", remedy=_AGAIN)
        if not (_are_numbers([self.temperature]) and self.temperature > 0):
            raise ModelError(f"the temperature is {self.temperature}, not above 0")
        sizes = [calibration.eye_px for calibration in self.valence_calibrations]
        if sizes != sorted(set(sizes)):
            raise ModelError("the valence calibrations do not ascend by the size of the face")
        ranges = self.activation_ranges
        if not (_are_numbers(ranges) and all(greatest > 0 for greatest in ranges)):
            raise ModelError("an activation range is not above 0")

    def to_json(self) -> dict[str, Any]:
        """Plain form, written as `model.json`."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "labels": self.labels.to_json(),
            "input_px": self.input_px,
            "template_px": [[round(float(v), 3) for v in point] for point in self.template_px],
            "grayscale": self.grayscale,
            "mean": list(self.mean),
            "std": list(self.std),
            "temperature": self.temperature,
            "valence_calibrations": [c.to_json() for c in self.valence_calibrations],
            "activation_ranges": list(self.activation_ranges),
            "training": dict(self.training),
            "metrics": dict(self.metrics),
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ModelSpec:
        """Inverse of `to_json`.

        Raises:
            ModelError: If an entry is missing or inconsistent.
        """
        try:
            json.dumps(plain, ensure_ascii=False).encode()  # half a letter cannot be written again
            with np.errstate(over="ignore"):
                template_px = np.array(plain["template_px"], dtype=np.float32)
            return cls(
                name=plain["name"],
                architecture=plain["architecture"],
                labels=LabelScheme.from_json(plain["labels"]),
                input_px=int(plain["input_px"]),
                template_px=template_px,
                grayscale=bool(plain["grayscale"]),
                mean=tuple(plain["mean"]),
                std=tuple(plain["std"]),
                temperature=float(plain["temperature"]),
                valence_calibrations=tuple(
                    ValenceCalibration.from_json(c) for c in plain.get("valence_calibrations", ())
                ),
                activation_ranges=tuple(float(v) for v in plain.get("activation_ranges", ())),
                training=plain.get("training", {}),
                metrics=plain.get("metrics", {}),
                sha256=plain.get("sha256", ""),
            )
        except KeyError as error:
            raise ModelError(f"{SPEC_FILE} lacks {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{SPEC_FILE} cannot be used ({str(error)!a})") from error


def _are_numbers(values: Iterable[object]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )


def read_spec(directory: Path) -> ModelSpec:
    """Read the description of a model artefact without its weights.

    Raises:
        ModelError: If it is missing or broken.
    """
    path = directory / SPEC_FILE
    try:
        if not path.is_file():  # a pipe would be waited for without end
            raise FileNotFoundError(path)
        if path.stat().st_size > _MAX_SPEC_BYTES:
            raise ModelError(
                f"{SPEC_FILE} is larger than {_MAX_SPEC_BYTES // 1_000_000} MB", path=directory
            )
        plain = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(plain, dict):
            raise ModelError(f"{SPEC_FILE} describes no model", path=directory)
        return ModelSpec.from_json(plain)
    except OSError as error:
        raise ModelError(
            "no model here",
            remedy=f"A model is a directory with {SPEC_FILE} and {WEIGHTS_FILE}.",
            path=directory,
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{SPEC_FILE} is no JSON ({error})", path=directory) from error
