"""The context: made once, kept while wanted, and everything given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from poise.analysis.context import (
    close_context,
    context_kept,
    engines_for,
    release_context,
    started_context,
)
from poise.errors import ModelError
from poise.settings import Settings
from tests.clips import counting_clip
from tests.conftest import ROOT
from tests.processes import with_python_path


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """As in a notebook; nothing is kept from other tests, and nothing frozen."""
    close_context()
    gc.unfreeze()
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    yield
    close_context()
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.fixture
def settings(model_dir: Path) -> Settings:
    return Settings(model=str(model_dir), device="cpu", jobs=1)


def _state() -> tuple[int, int, int]:
    return torch.get_num_threads(), cv2.getNumThreads(), gc.get_freeze_count()


def test_it_is_made_once_and_given_back(settings: Settings) -> None:
    before = _state()
    context = started_context(settings)
    assert started_context(settings) is context
    assert _state()[:2] == (1, 1) and _state()[2] > before[2]
    assert started_context(replace(settings, batch_size=3)) is not context
    close_context()
    assert _state() == before
    with context_kept():
        context = started_context(settings)
        release_context()
        assert started_context(settings) is context


def test_a_context_that_cannot_be_made_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    before = _state()
    with pytest.raises(ModelError):
        started_context(replace(settings, model=str(tmp_path)))
    assert _state() == before


_NOTEBOOK = """
import gc, sys, cv2, torch
from pathlib import Path
from poise import Settings, analyze
from tests.processes import descendants
import os
torch.set_num_threads(3); cv2.setNumThreads(3)
frozen = gc.get_freeze_count()
settings = Settings(model=sys.argv[3], device="cpu", jobs=int(sys.argv[4]))
assert analyze(sys.argv[1], sys.argv[2], settings).exit_code == 0
assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
assert gc.get_freeze_count() == frozen
assert descendants(os.getpid()) == {}, descendants(os.getpid())
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_analysis_in_a_notebook_leaves_nothing_behind(
    jobs: int, model_dir: Path, tmp_path: Path
) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    subprocess.run(
        [sys.executable, "-c", _NOTEBOOK, tmp_path / "in", tmp_path / "out", model_dir, str(jobs)],
        check=True, env={**os.environ, "PYTHONPATH": with_python_path(ROOT)}, timeout=120,
    )  # fmt: skip


def test_a_gpu_decodes_where_networks_run_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.analysis.context.device_name", lambda name: name)
    monkeypatch.setattr("poise.analysis.context.all_devices", lambda name: ["cuda:0", "cuda:1"])
    assert engines_for(Settings(device="cpu")) is None
    assert engines_for(Settings(device="cuda", decode="cpu")) is None
    assert engines_for(Settings(device="cuda")) is not None
    assert engines_for(Settings(device="cuda", decode="gpu")) is not None
