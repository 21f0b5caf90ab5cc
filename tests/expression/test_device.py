"""Devices: which one, and in which precision."""

from __future__ import annotations

import pytest
import torch

from poise.errors import SettingsError
from poise.expression.device import choose_device, computing_type


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:zero", "xpu"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(SettingsError, match="device") as caught:
        choose_device(name)
    assert caught.value.remedy


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no device 'cuda'"):
        choose_device("cuda")


def test_a_second_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0").index == 0
    with pytest.raises(SettingsError, match="cuda:1"):
        choose_device("cuda:1")


def test_auto_takes_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


def test_the_processor_computes_in_a_type_it_has() -> None:
    assert computing_type(torch.device("cpu")) in (torch.float32, torch.bfloat16)
