"""What computes is loaded sooner, and nothing of it is missing."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poise.system.quick_loading import TRACING, quick_loading
from tests.processes import with_python_path

_LOAD = """
import gc, sys
from poise.system.quick_loading import quick_loading
with quick_loading():
    collecting = gc.isenabled()
    import torch
    asked = torch.asked() if len(sys.argv) > 1 else ""
print(collecting, gc.isenabled(), "torch._meta_registrations" in sys.modules, asked)
import torch._meta_registrations
print(torch._meta_registrations.real())
"""


@pytest.fixture
def made_torch(tmp_path: Path) -> dict[str, str]:
    """An environment with a small torch that loads its tracing part last, as the true one does."""
    (tmp_path / "torch").mkdir()
    texts = {
        "__init__": "from torch import _meta_registrations\n"
        "def asked():\n    from torch._meta_registrations import real\n    return real()\n",
        "_meta_registrations": "def real():\n    return 'real'\n",
    }
    for name, text in texts.items():
        (tmp_path / "torch" / f"{name}.py").write_text(text, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": with_python_path(tmp_path)}


def _said(environment: dict[str, str], *arguments: str) -> list[str]:
    command = [sys.executable, "-c", _LOAD, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_tracing_part_is_loaded_by_whoever_asks_for_it_later(
    made_torch: dict[str, str],
) -> None:
    assert _said(made_torch) == ["False", "True", "False", "real"]


def test_the_tracing_part_is_loaded_by_torch_itself_where_it_needs_it(
    made_torch: dict[str, str],
) -> None:
    assert _said(made_torch, "asked") == ["False", "True", "True", "real", "real"]


def test_torch_has_such_a_part_and_keeps_it_once_loaded() -> None:
    import torch

    part = sys.modules[TRACING]
    with quick_loading():
        assert sys.modules[TRACING] is part and torch._meta_registrations is part
    assert sys.modules[TRACING] is part and gc.isenabled()


def test_where_no_garbage_is_looked_for_it_stays_so() -> None:
    gc.disable()
    try:
        with quick_loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
