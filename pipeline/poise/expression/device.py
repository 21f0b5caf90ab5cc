"""Devices: which one, in which precision, and how arrays get there."""

from __future__ import annotations

import platform
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from poise.errors import SettingsError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        SettingsError: If this machine does not have it.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingsError(
            f"unknown device {name!r}", remedy="Use auto, cpu, cuda, cuda:N or mps."
        ) from error
    there = available.get(device.type, False)
    if device.type == "cuda" and there:
        there = (device.index or 0) < torch.cuda.device_count()
    if not there:
        raise SettingsError(
            f"this machine has no device {name!r}", remedy="Use --device auto, or run poise doctor."
        )
    return device


def all_devices(name: str) -> list[str]:
    """Names of the devices that share the recordings: all GPUs unless one is named."""
    device = choose_device(name)
    if device.type == "cuda" and device.index is None:
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(device)]


def computing_type(device: torch.device) -> torch.dtype:
    """Half precision where the device is good at it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if _multiplies_bfloat16() else torch.float32


def prefers_int8(device: torch.device) -> bool:
    """Whether kernels of eight bits are the fastest there: on processors with AVX2.

    With VNNI bytes are multiplied and summed in one instruction, without in three; both beat
    float32.
    """
    return device.type == "cpu" and _has("_is_avx2_supported")


def _multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16.

    oneDNN takes it on every AVX-512 processor; without the instructions it is emulated, and four
    times slower than float32.
    """
    if platform.machine().lower() in ("aarch64", "arm64"):
        try:
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        except (AttributeError, RuntimeError):
            return False
    return _has("_is_avx512_bf16_supported") or _has("_is_amx_tile_supported")


def _has(question: str) -> bool:
    """What `torch.cpu` answers; no where a later torch no longer has the question."""
    return bool(getattr(torch.cpu, question, lambda: False)())


def to_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on the device; through pinned memory where that is faster."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
