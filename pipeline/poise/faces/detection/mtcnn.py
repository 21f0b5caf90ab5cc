"""MTCNN's three networks, with the weights that lie in facenet-pytorch's wheel.

facenet-pytorch itself is not imported: it would bring torchvision and torch's compiler into every
worker, 150 MB and more than a second each.

Source: Zhang et al., Joint Face Detection and Alignment using Multitask Cascaded Convolutional
    Networks, IEEE SPL 23(10), 2016 (arXiv:1604.02878); layers as in facenet-pytorch 2.5 (MIT).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from poise.errors import ModelError

_Network = TypeVar("_Network", bound=nn.Module)


class PNet(nn.Module):
    """Proposes windows of 12x12 pixels all over a picture, at a stride of two."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Last maps [N, 32, h, w], for `correction`, and probability of a face [N, h, w]."""
        x = _halved(_prelu_by_rows(self.conv1(images), self.prelu1.weight))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        # The softmax of two scores is the sigmoid of their difference: one product for two.
        weight, bias = self.conv4_1.weight.flatten(1), self.conv4_1.bias
        assert bias is not None
        score = x.permute(0, 2, 3, 1) @ (weight[1] - weight[0]) + (bias[1] - bias[0])
        return x, torch.sigmoid(score)

    def correction(self, maps: Tensor) -> Tensor:
        """Box regression [..., 4] in places whose maps are given, [..., 32]."""
        return nn.functional.linear(maps, self.conv4_2.weight.flatten(1), self.conv4_2.bias)


class RNet(nn.Module):
    """Judges and corrects windows of 24x24 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Box regression [M, 4] and probability of a face [M]."""
        x = self.pool1(self.prelu1(self.conv1(images)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.dense4(_as_in_caffe(self.prelu3(self.conv3(x)))))
        return self.dense5_2(x), self.dense5_1(x).softmax(dim=1)[:, 1]


class ONet(nn.Module):
    """Judges and corrects windows of 48x48 pixels, and finds five landmarks in them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Box regression [M, 4], landmarks [M, 10] (x of five, y of five), probability [M]."""
        x = self.pool1(self.prelu1(self.conv1(images)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu5(self.dense5(_as_in_caffe(self.prelu4(self.conv4(x)))))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(dim=1)[:, 1]


def load_pretrained(network: _Network, device: torch.device) -> _Network:
    """The network with facenet-pytorch's weights, channels last, in eval mode.

    Raises:
        ModelError: If facenet-pytorch is not installed, or its weights cannot be read.
    """
    spec = find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "MTCNN's weights are missing", remedy="Install them: pip install facenet-pytorch==2.5.3"
        )
    name = f"{type(network).__name__.lower()}.pt"
    path = Path(spec.submodule_search_locations[0], "data", name)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"MTCNN's weights cannot be read ({error})",
            remedy="Install facenet-pytorch==2.5.3 again.",
            path=path,
        ) from error
    return network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _halved(maps: Tensor) -> Tensor:
    """Max pooling 2x2 at a stride of 2, a last odd row or column by itself.

    torch's own is four times as slow on maps of few channels in channels-last order.
    """
    for dim in (2, 3):
        even = maps.shape[dim] // 2 * 2
        first = maps.narrow(dim, 0, even)
        index = [slice(None)] * 4
        index[dim] = slice(0, None, 2)
        other = [slice(None)] * 4
        other[dim] = slice(1, None, 2)
        pooled = torch.maximum(first[tuple(index)], first[tuple(other)])
        rest = maps.narrow(dim, even, maps.shape[dim] - even)
        maps = torch.cat([pooled, rest], dim=dim) if rest.numel() else pooled
    return maps


def _prelu_by_rows(maps: Tensor, weight: Tensor) -> Tensor:
    """PReLU of channels-last maps; torch's own is four times as slow on ten channels."""
    count, channels, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(count * height, width * channels)
    rows = nn.functional.prelu(rows, weight.repeat(width))
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def _as_in_caffe(maps: Tensor) -> Tensor:
    """Maps [M, C, h, w] flattened in the order in which the weights were trained."""
    return maps.permute(0, 3, 2, 1).flatten(1)
