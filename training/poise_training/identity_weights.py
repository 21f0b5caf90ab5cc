"""Convert the identity network's weights: dlib's ResNet, as face-api carries it, to safetensors.

`python -m poise_training.identity_weights MODEL.bin MANIFEST.json OUT.safetensors`.
The two files come from the npm package @vladmandic/face-api (1.7.15): one byte per number, with a
scale and a minimum per tensor, which are kept; the few tensors in float32 become float16.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from poise.faces.identity import FaceEmbedder
from poise.system.atomic_files import write_whole
from poise_training.tfjs import stored_tensors

_BLOCKS = (
    "conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3",
    "conv128_down", "conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2",
    "conv256_down_out",
)  # fmt: skip
_PARTS = {
    "conv/filters": "conv.weight",
    "conv/bias": "conv.bias",
    "scale/weights": "scale",
    "scale/biases": "shift",
}


def renamed(name: str) -> str:
    """The name of a tensor in `IdentityNetwork`."""
    if name == "fc":
        return "head.weight"
    layer, _, part = name.partition("/")
    if layer == "conv32_down":
        return f"stem.{_PARTS[part]}"
    convolution, _, part = part.partition("/")
    place = {"conv1": "first", "conv2": "second"}[convolution]
    return f"blocks.{_BLOCKS.index(layer)}.{place}.{_PARTS[part]}"


def convert(binary: bytes, manifest: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Tensors by name, as `FaceEmbedder` reads them.

    Args:
        binary: All numbers, one tensor after the other.
        manifest: Their names, shapes and quantisation (TensorFlow.js weights manifest).

    Raises:
        ValueError: If the two do not belong together.
    """
    tensors: dict[str, Tensor] = {}
    for stored in stored_tensors(binary, manifest):
        values = stored.values
        if values.ndim > 1:  # TensorFlow has the outputs last
            values = np.moveaxis(values, (-1, -2), (0, 1))
        name = renamed(stored.name)
        tensor = torch.from_numpy(np.array(values, order="C"))
        tensors[name] = tensor if stored.scale is not None else tensor.half()
        if stored.scale is not None:
            tensors[f"{name}.range"] = torch.tensor([stored.scale, stored.least])
    return tensors


def main() -> None:
    """Convert the files named on the command line."""
    source, manifest, target = map(Path, sys.argv[1:4])
    tensors = convert(source.read_bytes(), json.loads(manifest.read_text(encoding="utf-8")))
    write_whole(target, lambda draft: save_file(tensors, draft))
    FaceEmbedder(path=target)  # it fits
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
