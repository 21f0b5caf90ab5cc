"""Covered faces: whether a mask, a hand, a microphone or dark glasses hide the eyes or the mouth.

A small network sees the aligned face in gray. It was trained on clear faces over which such things
are drawn (`poise_training.covering`); its 5,000 weights lie beside this file.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import cv2
import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from poise.types import FloatArray, Image

PARTS = ("eyes", "mouth")
SIDE_PX = 48
_WEIGHTS = "covering.safetensors"
_AT_ONCE = 16


class CoveringNetwork(nn.Sequential):
    """Three convolutions and a linear layer: faces [M, 1, 48, 48] to logits of `PARTS`, [M, 2]."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 36, len(PARTS)),
        )  # fmt: skip


def as_input(faces: Image) -> Tensor:
    """Gray faces uint8 [M, 48, 48], each at its own mean and contrast: float32 [M, 1, 48, 48]."""
    levels = torch.from_numpy(faces).float()
    spread = levels.std(dim=(1, 2), keepdim=True).clamp(min=4)
    return ((levels - levels.mean(dim=(1, 2), keepdim=True)) / spread)[:, None]


@torch.inference_mode()
def covering(crops: Image) -> FloatArray:
    """How surely each of `PARTS` is covered.

    Args:
        crops: Aligned crops, uint8 [M, S, S, 3].

    Returns:
        float32 [M, 2], 0 to 1.
    """
    network = _network()
    parts: list[FloatArray] = [np.zeros((0, len(PARTS)), np.float32)]
    for start in range(0, len(crops), _AT_ONCE):
        gray = [cv2.cvtColor(c, cv2.COLOR_RGB2GRAY) for c in crops[start : start + _AT_ONCE]]
        small = [cv2.resize(g, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for g in gray]
        parts.append(torch.sigmoid(network(as_input(np.stack(small)))).numpy())
    return np.concatenate(parts)


@cache
def _network() -> CoveringNetwork:
    network = CoveringNetwork()
    weights = load(files("poise.faces").joinpath(_WEIGHTS).read_bytes())
    network.load_state_dict(weights)
    return network.eval()
