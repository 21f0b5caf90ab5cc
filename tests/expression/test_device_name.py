"""Which device a run computes on, told without torch where there is only a processor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from poise.errors import SettingsError
from poise.expression.device_name import device_name


def test_without_a_driver_torch_is_not_asked() -> None:
    program = """
import sys
from poise.expression import device_name
device_name.may_have_gpu = lambda: False
print(device_name.device_name("auto"), device_name.device_name("cpu"), "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["cpu", "cpu", "False"]


def test_with_one_torch_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.expression.device_name.may_have_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_name("auto") == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert device_name("auto") == "cpu"


def test_a_device_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SettingsError, match="no device"):
        device_name("cuda")
