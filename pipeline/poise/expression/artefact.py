"""A model as it is shipped: weights (safetensors) beside their description (JSON)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from poise.errors import ModelError
from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.model_spec import SPEC_FILE, WEIGHTS_FILE, ModelSpec, read_spec
from poise.system.atomic_files import sha256, write_text, write_whole


def build(spec: ModelSpec) -> ExpressionNetwork:
    """A network of the described architecture with fresh weights, channels last, in eval mode."""
    network = ARCHITECTURES[spec.architecture](len(spec.labels.emotions))
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def in_precision(network: ExpressionNetwork, dtype: torch.dtype) -> ExpressionNetwork:
    """The network with its kernels in the given type; norms, small and touchy, stay in float32."""
    network.to(dtype)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.float()
    return network


def save_model(network: ExpressionNetwork, spec: ModelSpec, directory: Path) -> ModelSpec:
    """Write a model artefact: weights as safetensors (kernels in half precision), the rest as JSON.

    Returns:
        The specification with the SHA-256 of the weights filled in.
    """
    weights = {
        # Kernels only: the running variance behind VGG16 does not fit half precision.
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    write_whole(directory / WEIGHTS_FILE, lambda draft: save_file(weights, draft))
    spec = replace(spec, sha256=sha256(directory / WEIGHTS_FILE))
    write_spec(spec, directory)
    return spec


def write_spec(spec: ModelSpec, directory: Path) -> None:
    """Write the description of a model artefact, at once or not at all."""
    text = json.dumps(spec.to_json(), indent=1, ensure_ascii=False) + "\n"
    write_text(text, directory / SPEC_FILE)


def load_model(directory: Path) -> tuple[ExpressionNetwork, ModelSpec]:
    """Load a model artefact, on the CPU, float32, channels last, in eval mode.

    Raises:
        ModelError: If it is missing, damaged, or the weights are not those described.
    """
    spec = read_spec(directory)
    path = directory / WEIGHTS_FILE
    weights = read_safetensors(path)
    if spec.sha256 and sha256(path) != spec.sha256:
        raise ModelError(
            "the weights are not the ones the description names",
            remedy=f"Export the model again, or restore {WEIGHTS_FILE}.",
            path=path,
        )
    with torch.device("meta"):  # fresh weights would take as long as all else here
        network = ARCHITECTURES[spec.architecture](len(spec.labels.emotions))
    try:
        network.load_state_dict(ready(weights), assign=True)
    except RuntimeError as error:
        raise ModelError(f"the weights do not fit {spec.architecture} ({error})", path=path) from (
            error
        )
    network.eval()
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in network.backbone)
    if len(spec.activation_ranges) not in (0, convolutions):
        raise ModelError(
            f"{len(spec.activation_ranges)} activation ranges for {convolutions} convolutions",
            remedy="Export the model again.",
            path=directory / SPEC_FILE,
        )
    return network, spec


def ready(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are computed with: numbers in float32, kernels channels last."""
    return {
        name: tensor.to(
            dtype=torch.float32 if tensor.is_floating_point() else tensor.dtype,
            memory_format=torch.channels_last if tensor.ndim == 4 else torch.preserve_format,
        )
        for name, tensor in weights.items()
    }


def read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        if not path.is_file():  # a pipe would be waited for without end
            raise FileNotFoundError("there is no such file")
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"cannot read the weights ({error})",
            remedy="Check the file, or fetch it again.",
            path=path,
        ) from error


def load_imagenet(network: ExpressionNetwork, path: Path | None = None) -> None:
    """Load VGG16's ImageNet weights into the backbone of a network.

    Args:
        network: Keeps its other weights.
        path: A safetensors file with torchvision's names (`features.0.weight` ...). Without
            it, `torchvision.models.VGG16_Weights.IMAGENET1K_V1` is downloaded.

    Raises:
        ModelError: If the file cannot be read or lacks a weight.
    """
    if path is None:
        import torchvision

        weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=True)
    else:
        weights = read_safetensors(path)
    wanted = network.backbone.state_dict()
    missing = [f"features.{name}" for name in wanted if f"features.{name}" not in weights]
    if missing:
        raise ModelError(
            f"not VGG16 weights: {missing[0]} is missing",
            remedy="Use torchvision's VGG16 weights with their names (features.0.weight ...).",
            path=path,
        )
    network.backbone.load_state_dict({n: weights[f"features.{n}"].float() for n in wanted})
