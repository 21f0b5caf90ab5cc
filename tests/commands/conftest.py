"""The command, recordings, and an analysis that only pretends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from poise.batch.workers import worker
from poise.commands import main
from poise.errors import VideoError
from tests.commands.kit import Poise
from tests.conftest import Analysed
from tests.factories import IDLE_CONTEXT, write_owner_only


@pytest.fixture
def poise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Poise:
    """The command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(main, [str(a) for a in arguments])


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, analysed: Analysed) -> list[str]:
    """An analysis that hands out a known result, and fails where a file says so."""
    result = analysed.result.outcomes[-1].result
    assert result is not None
    seen: list[str] = []

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        seen.append(path.name)
        data = path.read_bytes()
        if data.startswith(b"bad"):
            raise VideoError("cannot be opened", remedy="Export it again.", path=path)
        if data.startswith(b"odd"):
            raise ZeroDivisionError("division by zero")
        shutil.copytree(result.directory, directory, dirs_exist_ok=True)

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return seen


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two files that pass for recordings."""
    (tmp_path / "in" / "kim").mkdir(parents=True)
    (tmp_path / "in" / "kim" / "1.mp4").write_bytes(b"1")
    (tmp_path / "in" / "박.mp4").write_bytes(b"22")
    return tmp_path / "in"
