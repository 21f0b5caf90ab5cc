"""The engine in a process of its own: it answers, is small to have, and its end is noticed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poise.desk.live.process import ANSWER_S, EngineGone, EngineProcess
from poise.settings import Settings
from poise.types import Baseline
from tests.conftest import SampleFaces
from tests.desk.live.test_engine import as_jpeg


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> Iterator[EngineProcess]:
    engine = EngineProcess(Settings(model=str(model_dir), device="cpu"))
    assert engine.load()[:3] == ["positive", "neutral", "negative"]
    yield engine
    engine.end()


def test_it_answers(engine: EngineProcess, sample_faces: SampleFaces) -> None:
    engine.rest()
    for k in range(6):
        answer = engine.see(as_jpeg(sample_faces.images[0]), 0.1 * k)
        assert answer["state"] == "read" and answer["label"] == "neutral"
        assert answer["spent_ms"] > 0
    assert engine.rested()["kind"] == "given"
    kept = Baseline(kind="given", level=-1.0, spread=0.4, frames=30, certainty=0.9, threshold=-0.5)
    assert engine.use(kept)["threshold"] == -0.5
    assert engine.see(b"no picture", 2.0)["state"] == "refused"
    assert engine.see(as_jpeg(sample_faces.images[1]), 3.0)["label"] == "positive"


def test_its_end_is_noticed() -> None:
    own = EngineProcess(Settings(device="cpu"))
    os.kill(own.pid, signal.SIGKILL)
    began = time.monotonic()
    try:
        with pytest.raises(EngineGone):
            own.see(b"", 0.0)
    finally:
        own.end()
    assert time.monotonic() - began < ANSWER_S  # it was not waited for


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    engine = EngineProcess(Settings(model=str(tmp_path), device="cpu"))
    try:
        with pytest.raises(EngineGone, match="ModelError"):
            engine.load()
    finally:
        engine.end()
