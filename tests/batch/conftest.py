"""Small recordings that are analysed for real, and an analysis that only pretends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from poise.batch.outcomes import RunResult
from poise.batch.run import analyze
from poise.batch.workers import worker
from poise.errors import VideoError
from poise.settings import Settings
from tests.batch.kit import Pretended, Run, by_id
from tests.clips import cut_off, face_clip, write_audio, write_clip
from tests.conftest import SAMPLES, SampleFaces, made_once
from tests.factories import IDLE_CONTEXT, write_owner_only


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, sample_faces: SampleFaces) -> Path:
    """Five small files of three candidates; one is cut off, one is no video, one has no face."""
    images = sample_faces.images[:, ::2, ::2]

    def made(folder: Path) -> Path:
        face_clip(folder / "kim" / "1.mp4", images)
        face_clip(folder / "lee.mp4", images[::-1], seconds=1.2)
        cut_off(SAMPLES / "Sample A" / "interview 1.mp4", folder / "kim" / "2 cut.mp4", 0.2)
        write_audio(folder / "kim" / "3 sound.mp4")
        write_clip(folder / "nobody.mp4", [images[0] * 0 + 90] * 5, range(0, 1000, 200))
        return folder

    return made_once(tmp_path_factory, "small", made)


@pytest.fixture(scope="session")
def settings(model_dir: Path) -> Settings:
    """Of all small runs: the context in this process is kept as long as they are the same."""
    return Settings(model=str(model_dir), device="cpu", jobs=1)


@pytest.fixture(scope="session")
def small_run(
    tmp_path_factory: pytest.TempPathFactory, small: Path, settings: Settings, workers_closed: None
) -> RunResult:
    """A run over them."""
    return made_once(
        tmp_path_factory, "small reports", lambda folder: analyze(small, folder, settings)
    )


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, small_run: RunResult) -> Pretended:
    """An analysis that hands out a known result; what a file says decides what happens."""
    source = by_id(small_run)["lee.mp4"].result.directory
    pretended = Pretended()

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        pretended.seen.append(path.name)
        if path.read_bytes().startswith(b"bad"):
            raise VideoError("cannot be opened", remedy="Export it again.", path=path)
        if path.read_bytes().startswith(b"odd"):
            raise ZeroDivisionError("division by zero")
        shutil.copytree(source, directory, dirs_exist_ok=True)

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return pretended


@pytest.fixture
def analyse_here(tmp_path: Path, pretended: Pretended, settings: Settings) -> Run:
    """A run from `in` to `out`."""
    return lambda **keywords: analyze(tmp_path / "in", tmp_path / "out", settings, **keywords)
