"""The expression networks, and the artefact (safetensors and JSON) that a model is shipped as."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipeline.errors import ModelError
from pipeline.files import sha256
from pipeline.labels import LabelScheme

WEIGHTS_FILE = "model.safetensors"
SPEC_FILE = "model.json"
_MAX_SPEC_BYTES = 4_000_000
_MOST_INPUT_PX = 1024
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)  # 0: pool
_RELU4_3, _RELU5_3 = 23, 30  # ends of slices of torchvision's vgg16().features
_FROZEN = 10  # conv1_1 .. pool2


def _vgg16_features(end: int) -> nn.Sequential:
    """The first layers of VGG16, numbered as in torchvision, which is not imported for them.

    It would bring torch's compiler into every worker: 150 MB and more than a second each.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width in _VGG16:
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers[:end])


class DenseLayer(nn.Module):
    """Norm, 1x1 convolution, norm, 3x3 convolution: `growth` new maps from all earlier ones."""

    def __init__(self, channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        inner = bottleneck * growth
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        reduced = self.conv1(self.norm1(maps).relu_())
        return self.conv2(self.norm2(reduced).relu_())  # type: ignore[no-any-return]


class DenseBlock(nn.Module):
    """Each layer sees the maps of all before it; names of weights as in torchvision."""

    def __init__(self, channels: int, layers: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        for k in range(layers):
            layer = DenseLayer(channels + k * growth, growth, bottleneck)
            self.add_module(f"denselayer{k + 1}", layer)

    def forward(self, maps: Tensor) -> Tensor:
        features = [maps]
        for layer in self.children():
            features.append(layer(torch.cat(features, dim=1)))
        return torch.cat(features, dim=1)


class ExpressionNetwork(nn.Module):
    """Base of both networks: convolutional maps, global average pooling, one linear layer.

    With this head Grad-CAM on the last maps has a closed form (`pipeline.explain`).

    Attributes:
        backbone: The slice of VGG16's features that starts from ImageNet.
        head: What follows it up to the last maps; the identity in the baseline.
    """

    backbone: nn.Sequential
    head: nn.Module
    classifier: nn.Linear
    dropout: nn.Dropout

    def maps(self, images: Tensor) -> Tensor:
        """Last feature maps, non-negative.

        Args:
            images: Normalised images, float [N, 3, S, S].

        Returns:
            float [N, K, S/8, S/8] (`VGG16DenseNet`) or [N, K, S/16, S/16] (`VGG16Baseline`).
        """
        return torch.relu(self.head(self.backbone(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Logits float [N, C] of normalised images, float [N, 3, S, S]."""
        logits: Tensor = self.classifier(self.dropout(self.maps(images).mean(dim=(2, 3))))
        return logits

    def load_imagenet(self, path: Path | None = None) -> None:
        """Load VGG16's ImageNet weights into the backbone.

        Args:
            path: A safetensors file with torchvision's names (`features.0.weight` ...). Without
                it, `torchvision.models.VGG16_Weights.IMAGENET1K_V1` is downloaded.

        Raises:
            ModelError: If the file cannot be read or lacks a weight.
        """
        if path is None:
            import torchvision

            weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=True)
        else:
            weights = _read_safetensors(path)
        wanted = self.backbone.state_dict()
        missing = [f"features.{name}" for name in wanted if f"features.{name}" not in weights]
        if missing:
            raise ModelError(
                f"not VGG16 weights: {missing[0]} is missing",
                remedy="Use torchvision's VGG16 weights with their names (features.0.weight ...).",
                path=path,
            )
        self.backbone.load_state_dict({n: weights[f"features.{n}"].float() for n in wanted})

    def freeze_stem(self) -> None:
        """Keep conv1 and conv2, which learn nothing new from small gray faces, as ImageNet's."""
        for parameter in self.backbone[:_FROZEN].parameters():
            parameter.requires_grad = False


class VGG16DenseNet(ExpressionNetwork):
    """VGG16 up to relu4_3, joined to DenseNet121's last dense block.

    The features of VGG16 enter the dense block without an adapter: both have 512 channels.

    Source: Kim and Park (Myongji University), transfer learning-based facial expression
        recognition for interview coaching; Simonyan and Zisserman, arXiv:1409.1556;
        Huang et al., arXiv:1608.06993.
    """

    head: nn.Sequential

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        block = DenseBlock(channels=512, layers=16, growth=32, bottleneck=4)
        channels = 512 + 16 * 32
        self.backbone = _vgg16_features(_RELU4_3)
        self.head = nn.Sequential(OrderedDict(denseblock4=block, norm5=nn.BatchNorm2d(channels)))
        for module in self.head.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(channels, n_classes)


class VGG16Baseline(ExpressionNetwork):
    """The pretrained network alone: VGG16 up to relu5_3, global average pooling, classifier.

    Source: Simonyan and Zisserman, arXiv:1409.1556, with the pooling head of Kim and Park.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.backbone = _vgg16_features(_RELU5_3)
        self.head = nn.Identity()
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(512, n_classes)


ARCHITECTURES: dict[str, type[VGG16DenseNet] | type[VGG16Baseline]] = {
    "VGG16DenseNet": VGG16DenseNet,
    "VGG16Baseline": VGG16Baseline,
}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """All that must be known beside the weights to use a model, and where it came from.

    Args:
        name: Name of the model, for provenance.
        architecture: A key of `ARCHITECTURES`.
        labels: Emotion classes and their valence.
        input_px: Side S of the aligned crop.
        template_px: Where the five landmarks (left eye, right eye, nose, left and right corner
            of the mouth, as seen in the picture) come to lie in the aligned crop, float [5, 2].
        grayscale: Whether the network was trained on gray pictures and is given gray ones.
        mean, std: Normalisation of RGB in 0..1.
        temperature: Divides the logits, measured on the validation split.
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
    activation_ranges: tuple[float, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ModelError(
                f"unknown architecture {self.architecture!r}",
                remedy=f"Known: {', '.join(ARCHITECTURES)}.",
            )
        if self.template_px.shape != (5, 2):
            raise ModelError(f"the alignment template is {self.template_px.shape}, not (5, 2)")
        if not 16 <= self.input_px <= _MOST_INPUT_PX:
            raise ModelError(f"the input size is {self.input_px}, not 16 to {_MOST_INPUT_PX}")
        if not self.temperature > 0:
            raise ModelError(f"the temperature is {self.temperature}, not above 0")
        if not all(greatest > 0 for greatest in self.activation_ranges):
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
            return cls(
                name=plain["name"],
                architecture=plain["architecture"],
                labels=LabelScheme.from_json(plain["labels"]),
                input_px=int(plain["input_px"]),
                template_px=np.array(plain["template_px"], dtype=np.float32),
                grayscale=bool(plain["grayscale"]),
                mean=tuple(plain["mean"]),
                std=tuple(plain["std"]),
                temperature=float(plain["temperature"]),
                activation_ranges=tuple(float(v) for v in plain.get("activation_ranges", ())),
                training=plain.get("training", {}),
                metrics=plain.get("metrics", {}),
                sha256=plain.get("sha256", ""),
            )
        except KeyError as error:
            raise ModelError(f"{SPEC_FILE} lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise ModelError(f"{SPEC_FILE} cannot be used ({error})") from error


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
    directory.mkdir(parents=True, exist_ok=True)
    weights = {
        # Kernels only: the running variance behind VGG16 does not fit half precision.
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    temporary = directory / (WEIGHTS_FILE + ".tmp")
    save_file(weights, temporary)
    os.replace(temporary, directory / WEIGHTS_FILE)
    spec = replace(spec, sha256=sha256(directory / WEIGHTS_FILE))
    text = json.dumps(spec.to_json(), indent=1, ensure_ascii=False) + "\n"
    temporary = directory / (SPEC_FILE + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, directory / SPEC_FILE)
    return spec


def read_spec(directory: Path) -> ModelSpec:
    """Read the description of a model artefact without its weights.

    Raises:
        ModelError: If it is missing or broken.
    """
    path = directory / SPEC_FILE
    try:
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


def load_model(directory: Path) -> tuple[ExpressionNetwork, ModelSpec]:
    """Load a model artefact, on the CPU, float32, channels last, in eval mode.

    Raises:
        ModelError: If it is missing, damaged, or the weights are not those described.
    """
    spec = read_spec(directory)
    path = directory / WEIGHTS_FILE
    weights = _read_safetensors(path)
    if spec.sha256 and sha256(path) != spec.sha256:
        raise ModelError(
            "the weights are not the ones the description names",
            remedy=f"Export the model again, or restore {WEIGHTS_FILE}.",
            path=path,
        )
    network = build(spec)
    try:
        network.load_state_dict(weights)  # to float32 one by one
    except RuntimeError as error:
        raise ModelError(f"the weights do not fit {spec.architecture} ({error})", path=path) from (
            error
        )
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in network.backbone)
    if len(spec.activation_ranges) not in (0, convolutions):
        raise ModelError(
            f"{len(spec.activation_ranges)} activation ranges for {convolutions} convolutions",
            remedy="Export the model again.",
            path=directory / SPEC_FILE,
        )
    return network, spec


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"cannot read the weights ({error})",
            remedy="Check the file, or fetch it again.",
            path=path,
        ) from error
