"""Classification: aligned crops to emotion posteriors, in batches, on CPU or GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from poise.expression.architectures import ExpressionNetwork
from poise.expression.artefact import in_precision, load_model
from poise.expression.calibration import posteriors
from poise.expression.device import choose_device, computing_type, prefers_int8, to_device
from poise.expression.int8 import quantise
from poise.expression.model_spec import SHIPPED_MODEL, ModelSpec
from poise.types import FloatArray, Image, Predictions

_GRAY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV and Pillow weigh them


def normalise(crops: Image, spec: ModelSpec, device: torch.device) -> Tensor:
    """Bring aligned crops to the network's input.

    Args:
        crops: uint8 [M, S, S, 3] RGB, or [M, S, S] gray.
        spec: Says whether the network sees gray, and with which mean and standard deviation.
        device: Where the result lies.

    Returns:
        float32 [M, 3, S, S], channels last.
    """
    tensor = to_device(crops, device)
    if tensor.ndim == 3:
        tensor = tensor[..., None].expand(-1, -1, -1, 3).float()
    elif spec.grayscale:
        gray = tensor.float() @ torch.tensor(_GRAY, device=device)
        tensor = gray.round()[..., None].expand(-1, -1, -1, 3)
    else:
        tensor = tensor.float()
    scale = 255 * torch.tensor(spec.std, device=device)
    shift = 255 * torch.tensor(spec.mean, device=device)
    scaled = ((tensor - shift) / scale).permute(0, 3, 1, 2)
    return scaled.contiguous(memory_format=torch.channels_last)


class Classifier(Protocol):
    """What classifies aligned crops: `ExpressionClassifier`, here or in another process."""

    spec: ModelSpec

    @property
    def class_weights(self) -> FloatArray:
        """Of the last layer, float32 [C, K], for `poise.expression.heatmap`."""

    def predict(self, crops: Image, *, mirrored: bool = True) -> Predictions:
        """See `ExpressionClassifier.predict`."""

    def maps(self, crops: Image) -> FloatArray:
        """See `ExpressionClassifier.maps`."""


class ExpressionClassifier:
    """An expression model, ready to classify.

    Args:
        directory: The model artefact; None takes the shipped one.
        device: See `choose_device`.
        batch_size: Faces at once, 0 for as many as suit the device; halved, for good, whenever
            memory runs out.

    Raises:
        ModelError: If the model cannot be loaded.
        SettingsError: If there is no such device.
    """

    network: ExpressionNetwork
    spec: ModelSpec

    def __init__(
        self, directory: Path | None = None, *, device: str = "auto", batch_size: int = 0
    ) -> None:
        self.device = choose_device(device)
        self.batch_size = batch_size or (16 if self.device.type == "cpu" else 256)
        self.dtype = computing_type(self.device)
        network, self.spec = load_model(directory or SHIPPED_MODEL)
        self.network = in_precision(network.to(self.device), self.dtype)
        if prefers_int8(self.device) and self.spec.activation_ranges:
            quantise(self.network, self.spec.activation_ranges)

    @property
    def class_weights(self) -> FloatArray:
        """Of the last layer, float32 [C, K]."""
        return self.network.classifier.weight.detach().float().cpu().numpy()

    def predict(
        self, crops: Image, *, mirrored: bool = True, eye_px: FloatArray | None = None
    ) -> Predictions:
        """Classify aligned crops.

        Args:
            crops: uint8 [M, S, S, 3] RGB or [M, S, S] gray, S = `spec.input_px`.
            mirrored: Whether each is seen together with its mirror image, which takes twice as
                long; in a recording the frames before and after it do as well.
            eye_px: Distance of the eyes in the source pictures, float [M]; None takes faces to be
                large.

        Returns:
            Logits, the mean of both if mirrored, and posteriors as the model is calibrated.
        """
        logits = self._in_batches(crops, self._both if mirrored else self.network)
        spec = self.spec
        posterior = posteriors(
            logits, spec.labels, spec.temperature, spec.valence_calibrations, eye_px
        )
        return Predictions(logits=logits, posterior=posterior)

    def maps(self, crops: Image) -> FloatArray:
        """Last feature maps of aligned crops, float32 [M, K, h, w], for heat maps."""
        return self._in_batches(crops, self.network.maps)

    def _both(self, inputs: Tensor) -> Tensor:
        logits: Tensor = (self.network(inputs).float() + self.network(inputs.flip(3)).float()) / 2
        return logits

    def _in_batches(self, crops: Image, compute: Callable[[Tensor], Tensor]) -> FloatArray:
        parts: list[FloatArray] = []
        start = 0
        while start < len(crops) or not parts:
            batch = crops[start : start + self.batch_size]
            try:
                parts.append(self._compute(batch, compute))
            except (torch.OutOfMemoryError, MemoryError):
                if self.batch_size == 1:
                    raise
                self.batch_size //= 2
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            start += max(1, len(batch))
        return np.concatenate(parts)

    @torch.inference_mode()
    def _compute(self, batch: Image, compute: Callable[[Tensor], Tensor]) -> FloatArray:
        result = compute(normalise(batch, self.spec, self.device).to(self.dtype))
        return np.asarray(result.float().cpu().numpy(), np.float32)
