"""Classification: aligned crops to emotion posteriors, in batches, on CPU or GPU."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from poise.errors import ModelError
from poise.expression import attribution
from poise.expression.architectures import ExpressionNetwork
from poise.expression.artefact import in_precision, load_model
from poise.expression.calibration import posteriors
from poise.expression.device import choose_device, computing_type, prefers_int8, to_device
from poise.expression.int8 import quantise, trouble
from poise.expression.model_spec import SHIPPED_MODEL, ModelSpec
from poise.labels import members
from poise.settings import HEAT_MAPS
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
        tensor = gray[..., None].expand(-1, -1, -1, 3)
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
    def precision(self) -> str:
        """See `ExpressionClassifier.precision`."""

    @property
    def device_name(self) -> str:
        """See `ExpressionClassifier.device_name`."""

    def predict(self, crops: Image, *, mirrored: bool = True) -> Predictions:
        """See `ExpressionClassifier.predict`."""

    def explain(self, crops: Image, label: str, method: str = HEAT_MAPS[0]) -> FloatArray:
        """See `ExpressionClassifier.explain`."""


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
        network, self.spec = load_model(directory or SHIPPED_MODEL)
        wanted = prefers_int8(self.device) and bool(self.spec.activation_ranges)
        self.in_bytes = wanted and not trouble()
        self.dtype = torch.float32 if self.in_bytes else computing_type(self.device)
        # Bytes have no gradient, and in float16 small ones vanish: maps then have another network.
        own = computing_type(self.device)
        exact = torch.float32 if own == torch.float16 else own
        apart = self.in_bytes or self.dtype != exact
        self._differentiable = deepcopy(network) if apart else network
        self.network = in_precision(network.to(self.device), self.dtype)
        in_precision(self._differentiable.to(self.device), exact).requires_grad_(False)
        if self.in_bytes:
            quantise(self.network, self.spec.activation_ranges)

    @property
    def precision(self) -> str:
        """Arithmetic of the network, for provenance: float32, bfloat16, float16 or int8."""
        return "int8" if self.in_bytes else str(self.dtype).removeprefix("torch.")

    @property
    def device_name(self) -> str:
        """Of the device that it computes on, for provenance."""
        if self.device.type == "cuda":
            return f"{self.device} ({torch.cuda.get_device_name(self.device)})"
        return str(self.device)

    def predict(
        self, crops: Image, *, mirrored: bool = True, eye_px: FloatArray | None = None
    ) -> Predictions:
        """Classify aligned crops.

        Args:
            crops: uint8 [M, S, S, 3] RGB or [M, S, S] gray, S = `spec.input_px`.
            mirrored: Whether each is seen together with its mirror image, which takes twice as
                long; in a recording one look and that at the frame before do as well.
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

    def explain(self, crops: Image, label: str, method: str = HEAT_MAPS[0]) -> FloatArray:
        """Heat maps: which places of the faces decided for a class.

        Each is the mean of the face's map and the mirrored face's, so that mirroring a face
        mirrors its map.

        Args:
            crops: uint8 [M, S, S, 3] RGB, S = `spec.input_px`.
            label: A valence class, or an emotion that has none.
            method: One of `poise.settings.HEAT_MAPS`, see `poise.expression.attribution`.

        Returns:
            float32 [M, S, S], non-negative; all 0 where no place speaks for the class.

        Raises:
            ModelError: If the model knows no such class.
        """
        columns = members(self.spec.labels, label)
        if not 0 < len(columns) < len(self.spec.labels.emotions):
            raise ModelError(f"the model cannot tell {label!r} from the rest")
        size_px = self.spec.input_px
        at_once = max(1, self.batch_size // 8)  # a face takes several looks
        parts: list[FloatArray] = [np.zeros((0, size_px, size_px), np.float32)]
        for start in range(0, len(crops), at_once):
            batch = crops[start : start + at_once]
            both = np.concatenate([batch, batch[:, :, ::-1]])
            fine = attribution.smoothed(self._attributed(both, columns, method), size_px)
            parts.append((fine[: len(batch)] + fine[len(batch) :, :, ::-1]) * np.float32(0.5))
        return np.concatenate(parts)

    def _attributed(self, crops: Image, columns: list[int], method: str) -> FloatArray:
        """Maps of any size, float32 [M, h, w]."""
        if method == "occlusion":
            return attribution.occlusion(crops, lambda tried: self._odds(tried, columns))
        if method == "grad-cam":
            weight = self.network.classifier.weight.detach().float().cpu().numpy()
            posterior = torch.softmax(torch.from_numpy(self._in_batches(crops, self.network)), 1)
            maps = self._in_batches(crops, self.network.maps)
            return attribution.grad_cam(maps, weight, posterior.numpy(), columns)
        network = self._differentiable
        dtype = network.classifier.weight.dtype
        faces = normalise(crops, self.spec, self.device).to(dtype)
        if method == "layer-cam":
            cams = attribution.layer_cam(network, faces, columns)
        else:
            without = normalise(attribution.blurred(crops), self.spec, self.device).to(dtype)
            cams = attribution.integrated_grad_cam(network, faces, without, columns)
        return cams.float().cpu().numpy()

    def _odds(self, crops: Image, columns: list[int]) -> FloatArray:
        logits = torch.from_numpy(self.predict(crops, mirrored=False).logits)
        return attribution.log_odds(logits, columns).numpy()

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
