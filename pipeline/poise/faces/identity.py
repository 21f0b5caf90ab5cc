"""Identity: 128 numbers per face, close together where two pictures show the same person.

The network is dlib's face recognition ResNet (King, dlib 19.3, 2017; a ResNet-29 of He et al., Deep
Residual Learning for Image Recognition, CVPR 2016, with half the filters), trained by its author
with a metric loss. `models/identity/README.md` has its origin, how it was converted, and what was
measured of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from poise.errors import ModelError
from poise.expression.device import computing_type, to_device
from poise.faces.alignment import align_face
from poise.types import FloatArray, Image

CHIP_PX = 96
"""Side of a chip: it is enlarged to what the network takes, without loss (measured)."""

EMBEDDING = 128
IDENTITY_MODEL = Path(__file__).parent / "models" / "identity" / "model.safetensors"

_INPUT_PX = 150
_MEAN = (122.782, 117.001, 104.298)
_AT_ONCE = 16
# Eyes, nose and corners of the mouth of dlib's mean face, and how much is shown around its box:
# 0.18 of its side, which suits MTCNN's landmarks better than dlib's own 0.25 (measured).
_MEAN_FACE = (
    (0.2255, 0.2160),
    (0.7541, 0.2160),
    (0.4901, 0.5156),
    (0.2541, 0.7802),
    (0.7261, 0.7802),
)
_PADDING = 0.18
_TEMPLATE_PX = np.asarray(
    (np.array(_MEAN_FACE) + _PADDING) / (1 + 2 * _PADDING) * CHIP_PX, np.float32
)


class Embedder(Protocol):
    """What tells people apart: `FaceEmbedder`, here or in another process."""

    def embed(self, chips: Image) -> FloatArray:
        """See `FaceEmbedder.embed`."""


def face_chip(image: Image, landmarks_px: FloatArray) -> Image:
    """The picture of a face that the network compares, uint8 [CHIP_PX, CHIP_PX, 3].

    Args:
        image: uint8 [H, W, 3] RGB.
        landmarks_px: float32 [5, 2] in pixels of the image.
    """
    return align_face(image, landmarks_px, _TEMPLATE_PX, CHIP_PX)


class _Convolution(nn.Module):
    """A convolution, and a scale and shift for each of its maps."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.scale = nn.Parameter(torch.ones(outputs))
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.conv(x)
        return torch.addcmul(self.shift[:, None, None], maps, self.scale[:, None, None])


class _Block(nn.Module):
    """Two convolutions beside a shortcut; a block that halves the maps pools its shortcut."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.first = (
            _Convolution(inputs, outputs, 3, 2, 0)
            if halves
            else _Convolution(inputs, outputs, 3, 1, 1)
        )
        self.second = _Convolution(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.second(functional.relu(self.first(x)))
        if self.halves:
            x = functional.avg_pool2d(x, 2)
            maps = functional.pad(
                maps, (0, x.shape[3] - maps.shape[3], 0, x.shape[2] - maps.shape[2])
            )
            x = functional.pad(x, (0, 0, 0, 0, 0, maps.shape[1] - x.shape[1]))
        result: Tensor = functional.relu(maps + x)
        return result


class IdentityNetwork(nn.Module):
    """dlib's face recognition ResNet: float32 [M, 3, 150, 150] to float32 [M, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, 32, 7, 2, 0)
        widths = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)
        halving = (3, 7, 10, 13)
        self.blocks = nn.Sequential(
            *(
                _Block(inputs, outputs, halves=k in halving)
                for k, (inputs, outputs) in enumerate(zip((32, *widths), widths, strict=False))
            )
        )
        self.head = nn.Linear(256, EMBEDDING, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        maps = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        embedding: Tensor = self.head(self.blocks(maps).mean((2, 3)))
        return embedding


class FaceEmbedder:
    """The identity network with its weights.

    Args:
        device: Where it runs.
        path: Its weights; tensors in uint8 have their scale and minimum beside them, as
            `NAME.range`, float32 [2].

    Raises:
        ModelError: If the weights cannot be read.
    """

    def __init__(self, *, device: str = "cpu", path: Path = IDENTITY_MODEL) -> None:
        self.device = torch.device(device)
        with torch.device("meta"):  # fresh weights would take longer than to load these
            network = IdentityNetwork()
        try:
            network.load_state_dict(_read(path), assign=True)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelError(
                f"cannot read the weights of the identity network ({error})",
                remedy="Install Poise again, or leave faces uncompared with --no-identity.",
                path=path,
            ) from error
        self._dtype = computing_type(self.device)
        network.to(self.device, self._dtype)
        self._network = network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    @torch.inference_mode()
    def embed(self, chips: Image) -> FloatArray:
        """The embedding of each face.

        Args:
            chips: From `face_chip`, uint8 [M, CHIP_PX, CHIP_PX, 3].

        Returns:
            float32 [M, 128]; Euclidean distances compare.
        """
        mean = torch.tensor(_MEAN, device=self.device)[:, None, None]
        parts = [torch.zeros((0, EMBEDDING))]
        for start in range(0, len(chips), _AT_ONCE):
            large = np.stack([_enlarged(chip) for chip in chips[start : start + _AT_ONCE]])
            images = to_device(large, self.device).permute(0, 3, 1, 2).float()
            parts.append(self._network(((images - mean) / 256).to(self._dtype)).float().cpu())
        return np.asarray(torch.cat(parts).numpy(), np.float32)


def _enlarged(chip: Image) -> Image:
    size = (_INPUT_PX, _INPUT_PX)
    return np.asarray(cv2.resize(chip, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _read(path: Path) -> dict[str, Tensor]:
    stored = load_file(path)
    weights = {}
    for name, tensor in stored.items():
        if name.endswith(".range"):
            continue
        values = tensor.float()
        if tensor.dtype == torch.uint8:
            scale, minimum = stored[f"{name}.range"].tolist()
            values = values * scale + minimum
        weights[name] = values
    return weights
