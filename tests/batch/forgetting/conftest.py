"""A run over four recordings of three people, with an analysis that only pretends."""

from __future__ import annotations

import json
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from poise.batch.outcomes import RunResult
from poise.batch.run import analyze
from poise.batch.workers import worker
from poise.settings import Settings
from tests.batch.forgetting.kit import KIM, LEE, Run
from tests.conftest import Analysed
from tests.factories import IDLE_CONTEXT, write_owner_only


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, analysed: Analysed) -> list[str]:
    """An analysis that hands out a known result, and notes what it was asked for."""
    result = analysed.result.outcomes[-1].result
    assert result is not None
    plain = json.loads((result.directory / "result.json").read_text(encoding="utf-8"))
    plain["pictures"] = []
    seen: list[str] = []

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        seen.append(path.name)
        shutil.copy(result.directory / "frames.npz", directory)
        (directory / "result.json").write_text(json.dumps(plain), encoding="utf-8")

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return seen


@pytest.fixture
def run(tmp_path: Path, seen: list[str]) -> Run:
    """A run over four recordings of three people, two of which have the same bytes."""
    for name, data in ((f"{KIM}/1.mp4", b"1"), (f"{KIM}/shared.mp4", b"same"),
                       (f"{unicodedata.normalize('NFD', LEE)}.mp4", b"same"),
                       ("x/1.mp4", b"333")):  # fmt: skip
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def analyse(**changed: object) -> RunResult:
        settings = replace(Settings(device="cpu", jobs=1), **changed)  # type: ignore[arg-type]
        return analyze(tmp_path / "in", tmp_path / "out", settings)

    return analyse
