"""The conversion of the identity network's weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.faces.identity import IdentityNetwork
from poise_training.identity_weights import convert, renamed


def test_names_are_those_of_the_network() -> None:
    known = set(IdentityNetwork().state_dict())
    names = ["conv32_down/conv/filters", "conv64_down/conv2/scale/biases", "fc",
             "conv256_down_out/conv1/conv/bias"]  # fmt: skip
    assert {renamed(name) for name in names} <= known
    assert renamed("conv32_1/conv1/scale/weights") == "blocks.0.first.scale"


def test_quantised_and_plain_tensors_are_converted() -> None:
    filters = np.arange(2 * 2 * 3 * 4, dtype=np.uint8).reshape(2, 2, 3, 4)
    plain = np.array([1.5, -2.0], np.float32)
    manifest = [
        {
            "weights": [
                {
                    "name": "conv32_down/conv/filters",
                    "shape": [2, 2, 3, 4],
                    "quantization": {"scale": 0.5, "min": -3.0},
                },
                {"name": "conv32_down/conv/bias", "shape": [2]},
            ]
        }
    ]
    tensors = convert(filters.tobytes() + plain.tobytes(), manifest)
    weight = tensors["stem.conv.weight"]
    assert weight.shape == (4, 3, 2, 2) and weight.dtype == torch.uint8
    assert int(weight[1, 2, 0, 1]) == filters[0, 1, 2, 1]
    assert tensors["stem.conv.weight.range"].tolist() == [0.5, -3.0]
    assert tensors["stem.conv.bias"].tolist() == [1.5, -2.0]


def test_what_does_not_belong_together_is_refused() -> None:
    manifest = [{"weights": [{"name": "fc", "shape": [1, 1]}]}]
    with pytest.raises(ValueError, match="bytes"):
        convert(b"\0" * 9, manifest)
