"""The network in eight bits, for processors that multiply bytes fast (AVX2, VNNI).

Quantisation after training: kernels symmetric and by output channel; activations, which a ReLU has
made non-negative, from zero up to a greatest value. Of VGG16's features that was measured when the
model was exported, layer by layer. In the dense block every ReLU follows a norm, which says how far
each channel ranges; a factor for each channel is taken out of the activations and put into the
kernels that follow. The first convolution, which sees the picture, stays in float32, and so does
what the dense block's layers add to its maps.

Sources: Jacob et al., arXiv:1712.05877, section 2; Krishnamoorthi, arXiv:1806.08342, section 3;
Nagel et al., arXiv:1906.04721, for ranges from norms and factors of channels. The convolutions are
oneDNN's, by the operators that torch.compile uses for quantised models. torch does not promise that
they stay as they are: `trouble` computes a little with them and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from poise.expression.architectures import DenseBlock, DenseLayer, ExpressionNetwork, VGG16DenseNet

_ACTIVATION_STEPS, _KERNEL_STEPS = 255, 127
_DEVIATIONS = 24  # of a channel from its mean; a few faces reach so far, and to cut them off costs


@torch.no_grad()
def quantise(network: ExpressionNetwork, ranges: Sequence[float]) -> None:
    """Let a network compute in bytes, on the CPU, for inference only.

    It takes and gives what it did, float32 both.

    Args:
        network: Trained, float32.
        ranges: Greatest activation behind each ReLU of its backbone, positive.
    """
    network.backbone = _features(network.backbone, ranges)
    if isinstance(network, VGG16DenseNet):
        network.head[0] = _DenseBlock(cast(DenseBlock, network.head[0]))


@cache
@torch.no_grad()
def trouble() -> str:
    """Why this torch cannot compute in bytes as it should; empty if it can.

    A convolution of known bytes is computed and compared with the same in float32.
    """
    try:
        kernels = torch.linspace(-1, 1, 8 * 4 * 9).reshape(8, 4, 3, 3)
        bias = torch.linspace(0, 3, 8)
        counted = (torch.arange(4 * 6 * 6) % 200).to(torch.uint8).reshape(1, 4, 6, 6)
        counted = counted.contiguous(memory_format=torch.channels_last)
        convolution = _Convolution(kernels, bias, to_bytes=False)
        found = convolution(counted)
        steps = convolution.steps[:, None, None, None]
        rounded = (kernels / steps).round() * steps
        expected = nn.functional.conv2d(counted.float(), rounded, bias, padding=1).relu()
    except Exception as error:  # operators that are missing, renamed, or take other arguments
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if found.shape != expected.shape or not torch.allclose(found, expected, rtol=1e-3, atol=0.05):
        return "a convolution in bytes gives other results than one in float32"
    return ""


def _features(features: nn.Sequential, ranges: Sequence[float]) -> nn.Sequential:
    """A slice of VGG16's features, quantised; the last layer's range is not needed."""
    first, *later = [layer for layer in features if isinstance(layer, nn.Conv2d)]
    steps = [greatest / _ACTIVATION_STEPS for greatest in ranges[: len(later)]]
    convolutions: Iterator[nn.Module] = iter([
        _FirstConvolution(first, steps[0]),
        *map(_of_features, later, steps, [*steps[1:], None]),
    ])  # fmt: skip
    layers = [
        _Pooling() if isinstance(layer, nn.MaxPool2d) else next(convolutions)
        for layer in features
        if not isinstance(layer, nn.ReLU)
    ]
    return nn.Sequential(*layers)


def in_bytes(counted: Tensor) -> Tensor:
    """Activations counted in steps, and half of one more, as uint8 of the same layout.

    So cutting off is rounding. NumPy does it six times as fast as torch.
    """
    cut = counted.clamp_(0, _ACTIVATION_STEPS + 0.5).numpy()
    return torch.from_numpy(cut.astype(np.uint8))


class _FirstConvolution(nn.Module):
    """Convolution and ReLU from float32 to bytes."""

    def __init__(self, convolution: nn.Conv2d, step: float) -> None:
        super().__init__()
        assert convolution.bias is not None
        self.kernels, self.bias = convolution.weight / step, convolution.bias / step + 0.5

    def forward(self, images: Tensor) -> Tensor:
        return in_bytes(nn.functional.conv2d(images, self.kernels, self.bias, padding=1))


class _Convolution(nn.Module):
    """Convolution from bytes to bytes behind a ReLU, or to float32, with or without one.

    Args:
        kernels: float32 [K, C, s, s], for activations counted in steps.
        bias: float32 [K]; like the result counted in steps where that is bytes.
        to_bytes: Whether the result is bytes; a ReLU then belongs to it.
        relu: Whether a ReLU follows.
    """

    def __init__(
        self, kernels: Tensor, bias: Tensor | None, *, to_bytes: bool, relu: bool = True
    ) -> None:
        super().__init__()
        self.steps = kernels.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / _KERNEL_STEPS
        self.zeros = torch.zeros(len(kernels), dtype=torch.int32)
        self.bias, self.padding = bias, [kernels.shape[2] // 2] * 2
        self.result = torch.uint8 if to_bytes else torch.float32
        self.after = "relu" if relu else "none"
        counted = (kernels / self.steps[:, None, None, None]).round().to(torch.int8)
        self.kernels = torch.ops.onednn.qconv_prepack(
            counted, self.steps, 1.0, 0, [1, 1], self.padding, [1, 1], 1
        )

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(
            maps, 1.0, 0, self.kernels, self.steps, self.zeros, self.bias,
            [1, 1], self.padding, [1, 1], 1, 1.0, 0, self.result, self.after, [], "",
        )  # fmt: skip
        return result


def _of_features(convolution: nn.Conv2d, step_in: float, step_out: float | None) -> _Convolution:
    assert convolution.bias is not None
    step = step_out or 1.0
    kernels, bias = convolution.weight * (step_in / step), convolution.bias / step
    return _Convolution(kernels, bias, to_bytes=step_out is not None)


class _Pooling(nn.Module):
    """2x2 maxima of bytes, which torch's own pooling does not take."""

    def forward(self, maps: Tensor) -> Tensor:
        rows = torch.maximum(maps[:, :, :-1:2], maps[:, :, 1::2])
        return torch.maximum(rows[..., :-1:2], rows[..., 1::2])


class _DenseLayer(nn.Module):
    """Norm, 1x1 convolution, norm, 3x3 convolution, as float32 [N, h, w, C] to [N, K, h, w]."""

    def __init__(self, layer: DenseLayer) -> None:
        super().__init__()
        factor, shift, step = _counted(layer.norm1)
        inner_factor, inner_shift, inner_step = _counted(layer.norm2)
        self.factor, self.shift, self.channels = factor, shift + 0.5, len(layer.conv2.weight)
        kernels = layer.conv1.weight * step[:, None, None] * inner_factor[:, None, None, None]
        self.reduce = _Convolution(kernels, inner_shift, to_bytes=True)
        kernels = layer.conv2.weight * inner_step[:, None, None]
        self.grow = _Convolution(kernels, None, to_bytes=False, relu=False)

    def forward(self, maps: Tensor) -> Tensor:
        counted = in_bytes(torch.addcmul(self.shift, maps, self.factor))
        result: Tensor = self.grow(self.reduce(counted.permute(0, 3, 1, 2)))
        return result


def _counted(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor]:
    """Factor and shift of each channel that do what a norm does and count in steps, and its step.

    float32 [C] each.
    """
    greatest = (_DEVIATIONS * norm.weight.abs() + norm.bias).clamp_min(1e-6)
    step = greatest / _ACTIVATION_STEPS
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps) / step
    return factor, norm.bias / step - norm.running_mean * factor, step


class _DenseBlock(nn.Module):
    """Each layer sees the maps of all before it, which lie in one piece of memory."""

    def __init__(self, block: DenseBlock) -> None:
        super().__init__()
        self.layers = [_DenseLayer(cast(DenseLayer, layer)) for layer in block.children()]

    def forward(self, maps: Tensor) -> Tensor:
        count, ready, height, width = maps.shape
        channels = ready + sum(layer.channels for layer in self.layers)
        features = maps.new_empty((count, height, width, channels))
        features[..., :ready] = maps.permute(0, 2, 3, 1)
        for layer in self.layers:
            grown = layer(features[..., :ready]).permute(0, 2, 3, 1)
            features[..., ready : ready + layer.channels] = grown
            ready += layer.channels
        return features.permute(0, 3, 1, 2)
