"""Weights as TensorFlow.js keeps them: numbers one after the other, and a manifest that names them.

Source: the weights manifest of `@tensorflow/tfjs-converter`; a tensor that is quantised has one
    byte per number, with a scale and a minimum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.errors import ModelError
from poise.types import FloatArray


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """A tensor as it is stored.

    Args:
        name: In the network that it was trained in.
        values: uint8 if quantised, else float32; axes in TensorFlow's order, outputs last.
        scale, least: Make numbers of quantised values; None for others.
    """

    name: str
    values: npt.NDArray[Any]
    scale: float | None = None
    least: float | None = None

    @property
    def numbers(self) -> FloatArray:
        """What the values stand for, float32."""
        values = np.asarray(self.values, np.float32)
        if self.scale is None or self.least is None:
            return values
        return np.asarray(values * np.float32(self.scale) + np.float32(self.least))


def stored_tensors(binary: bytes, manifest: list[dict[str, Any]]) -> Iterator[StoredTensor]:
    """The tensors of a file, in its order.

    Args:
        binary: All numbers.
        manifest: Their names, shapes and quantisation.

    Raises:
        ValueError: If the two do not belong together; behind the last tensor if there is more.
    """
    offset = 0
    for entry in manifest[0]["weights"]:
        quantised = entry.get("quantization")
        dtype = np.dtype(np.uint8 if quantised else np.float32)
        count = math.prod(entry["shape"])
        values = np.frombuffer(binary, dtype, count, offset).reshape(entry["shape"])
        offset += count * dtype.itemsize
        yield StoredTensor(
            name=entry["name"],
            values=values,
            scale=float(quantised["scale"]) if quantised else None,
            least=float(quantised["min"]) if quantised else None,
        )
    if offset != len(binary):
        raise ValueError(f"the manifest describes {offset} bytes, the file has {len(binary)}")


def read_weights(manifest: Path) -> dict[str, FloatArray]:
    """Numbers by name, of a manifest and the file beside it that it names.

    Raises:
        ModelError: If one of them cannot be read, or they do not belong together.
    """
    try:
        plain = json.loads(manifest.read_text(encoding="utf-8"))
        binary = b"".join(manifest.with_name(name).read_bytes() for name in plain[0]["paths"])
        return {tensor.name: tensor.numbers for tensor in stored_tensors(binary, plain)}
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelError(
            f"no weights of TensorFlow.js ({error})",
            remedy="Give the manifest, with the file of numbers that it names beside it.",
            path=manifest,
        ) from error
