"""The expression network of face-api, which may have a say in the targets of training.

Source: npm's `@vladmandic/face-api` 1.7.15 (MIT), after face-api.js by Vincent Mühler:
    `FaceExpressionNet`, 330,000 parameters, trained by him on faces of his own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.errors import ModelError
from poise.types import FloatArray, Image
from poise_training.tfjs import read_weights

EMOTIONS = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
_INPUT_PX = 112
_MEAN = 122.782, 117.001, 104.298
_WIDTHS = 32, 64, 128, 256
_AT_ONCE = 16


class Separable(nn.Module):
    """A convolution of each map on its own, 3x3, and one of all maps, 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(_bordered(maps, self.stride)))  # type: ignore[no-any-return]


class First(nn.Conv2d):
    """The first convolution, which is a common one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, 2)

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(_bordered(maps, 2))


class Block(nn.Module):
    """Four convolutions, each of which sees the sum of all before it."""

    def __init__(self, inputs: int, width: int, *, first: bool) -> None:
        super().__init__()
        self.conv0 = First(inputs, width) if first else Separable(inputs, width, 2)
        self.conv1, self.conv2, self.conv3 = (Separable(width, width) for _ in range(3))

    def forward(self, maps: Tensor) -> Tensor:
        total: Tensor = self.conv0(maps).relu()
        seen = total
        for layer in (self.conv1, self.conv2, self.conv3):
            total = total + layer(seen)
            seen = total.relu()
        return seen


class FaceApiNetwork(nn.Module):
    """`FaceExpressionNet`: four blocks, the mean of the maps, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_WIDTHS[:-1])
        for k, (before, width) in enumerate(zip(inputs, _WIDTHS, strict=True)):
            self.add_module(f"dense{k}", Block(before, width, first=k == 0))
        self.fc = nn.Linear(_WIDTHS[-1], len(EMOTIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """Logits float [N, 7] of `EMOTIONS`, of faces float [N, 3, 112, 112], RGB 0..255."""
        maps = (faces - torch.tensor(_MEAN)[:, None, None]) / 255
        for k in range(len(_WIDTHS)):
            maps = self.get_submodule(f"dense{k}")(maps)
        logits: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits


class FaceApi:
    """Asks the network about gray faces.

    Args:
        manifest: `face_expression_model-weights_manifest.json` of the package, with
            `face_expression_model.bin` beside it.

    Raises:
        ModelError: If these cannot be read or are of another network.
    """

    def __init__(self, manifest: Path) -> None:
        self.network = FaceApiNetwork().eval().to(memory_format=torch.channels_last)
        try:
            self.network.load_state_dict(renamed(read_weights(manifest)))
        except RuntimeError as error:
            raise ModelError(
                f"not the expression network of face-api ({error})",
                remedy="Give the manifest of its expression model.",
                path=manifest,
            ) from error

    @torch.inference_mode()
    def __call__(self, faces: Image) -> FloatArray:
        """Posteriors float32 [N, 7] of `EMOTIONS`, of faces uint8 [N, S, S] gray."""
        fitted = np.stack([_fitted(face) for face in faces])
        parts = [
            F.softmax(self.network(part[:, None].expand(-1, 3, -1, -1)), dim=1)
            for part in torch.split(torch.from_numpy(fitted), _AT_ONCE)
        ]
        return np.asarray(torch.cat(parts).numpy(), np.float32)


def _fitted(face: Image) -> FloatArray:
    size = (_INPUT_PX, _INPUT_PX)
    return np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_LINEAR), np.float32)


def renamed(weights: Mapping[str, FloatArray]) -> dict[str, Tensor]:
    """Tensors of `FaceApiNetwork` by name, with their axes as torch has them.

    Args:
        weights: By the names of face-api, with TensorFlow's order of axes.
    """
    tensors = {}
    for name, numbers in weights.items():
        *place, kind = name.split("/")
        if kind == "depthwise_filter":  # height, width, maps, 1
            numbers, place = numbers.transpose(2, 3, 0, 1), [*place, "depthwise"]
        elif kind in ("pointwise_filter", "filters"):  # height, width, inputs, outputs
            numbers = numbers.transpose(3, 2, 0, 1)
            place = [*place, "pointwise"] if kind == "pointwise_filter" else place
        elif kind == "weights":
            numbers = numbers.T
        elif kind == "bias" and f"{'/'.join(place)}/pointwise_filter" in weights:
            place = [*place, "pointwise"]
        part = "bias" if kind == "bias" else "weight"
        tensors[".".join([*place, part])] = torch.from_numpy(np.array(numbers, order="C"))
    return tensors


def _bordered(maps: Tensor, stride: int) -> Tensor:
    """Zeros around, as TensorFlow pads for a 3x3 convolution: less in front where it strides."""
    return F.pad(maps, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
