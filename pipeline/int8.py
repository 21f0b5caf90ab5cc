"""The backbone in eight bits, for processors that multiply bytes fast (VNNI) but not bfloat16.

Quantisation after training: kernels symmetric and by output channel; activations, which a ReLU has
made non-negative, by layer, up to the greatest that was measured when the model was exported. The
first convolution, which sees the picture, and what follows the backbone stay in float32.

Source: Jacob et al., arXiv:1712.05877, section 2; Krishnamoorthi, arXiv:1806.08342, section 3.
The convolutions are oneDNN's, by the operators that torch.compile uses for quantised models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

_ACTIVATION_STEPS, _KERNEL_STEPS = 255, 127


def quantised(features: nn.Sequential, ranges: Sequence[float]) -> nn.Sequential:
    """A slice of VGG16's features that computes in bytes; on the CPU, for inference only.

    Args:
        features: Convolutions with their ReLUs, and pooling; float32; ends with a ReLU.
        ranges: Greatest activation behind each ReLU, positive; the last one's is not needed.

    Returns:
        Takes and gives what `features` does, float32 both.
    """
    first, *later = [layer for layer in features if isinstance(layer, nn.Conv2d)]
    steps = [greatest / _ACTIVATION_STEPS for greatest in ranges[: len(later)]]
    convolutions: Iterator[nn.Module] = iter([
        _FirstConvolution(first, steps[0]),
        *map(_Convolution, later, steps, [*steps[1:], None]),
    ])  # fmt: skip
    layers = [
        _Pooling() if isinstance(layer, nn.MaxPool2d) else next(convolutions)
        for layer in features
        if not isinstance(layer, nn.ReLU)
    ]
    return nn.Sequential(*layers)


class _FirstConvolution(nn.Module):
    """Convolution and ReLU from float32 to bytes."""

    def __init__(self, convolution: nn.Conv2d, step: float) -> None:
        super().__init__()
        assert convolution.bias is not None
        # Counted in steps, and half of one more, so that cutting off is rounding.
        self.kernels, self.bias = convolution.weight / step, convolution.bias / step + 0.5

    def forward(self, images: Tensor) -> Tensor:
        counted = nn.functional.conv2d(images, self.kernels, self.bias, padding=1)
        return counted.clamp_(0, _ACTIVATION_STEPS + 0.5).to(torch.uint8)


class _Convolution(nn.Module):
    """3x3 convolution and ReLU from bytes to bytes, or to float32 where `step_out` is None."""

    def __init__(self, convolution: nn.Conv2d, step_in: float, step_out: float | None) -> None:
        super().__init__()
        weight = convolution.weight
        steps = weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / _KERNEL_STEPS
        kernels = (weight / steps[:, None, None, None]).round().to(torch.int8)
        self.step_in, self.step_out = step_in, step_out
        self.steps, self.bias = steps, convolution.bias
        self.zeros = torch.zeros(len(steps), dtype=torch.int32)
        self.kernels = torch.ops.onednn.qconv_prepack(
            kernels, steps, step_in, 0, [1, 1], [1, 1], [1, 1], 1
        )

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = torch.ops.onednn.qconv2d_pointwise(
            maps, self.step_in, 0, self.kernels, self.steps, self.zeros, self.bias,
            [1, 1], [1, 1], [1, 1], 1,
            self.step_out or 1.0, 0, torch.uint8 if self.step_out else torch.float32,
            "relu", [], "",
        )  # fmt: skip
        return result


class _Pooling(nn.Module):
    """2x2 maxima of bytes, which torch's own pooling does not take."""

    def forward(self, maps: Tensor) -> Tensor:
        rows = torch.maximum(maps[:, :, :-1:2], maps[:, :, 1::2])
        return torch.maximum(rows[..., :-1:2], rows[..., 1::2])
