"""Parallel work: processes that die, recordings in parts, a GPU server."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poise.analysis.recording import SIGHTINGS_FILE
from poise.analysis.sightings import Sightings
from poise.batch.workers import pool, worker
from poise.batch.workers.pool import Pool
from poise.batch.workers.processes import LocalProcesses
from poise.batch.workers.worker import Done, Parts, Task, Worker, spans_of
from poise.settings import Settings
from poise.storage.results.format import StoredResult
from poise.storage.results.store import ResultStore
from poise.types import Recording
from tests.batch.workers.light_process import Mortal
from tests.clips import TICKS, frames_at, write_clip
from tests.conftest import ROOT, SAMPLES, made_once
from tests.processes import descendants, with_python_path

INTERVIEW = SAMPLES / "Sample A" / "interview 1.mp4"


@pytest.fixture
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes find this module."""
    monkeypatch.setenv("PYTHONPATH", with_python_path(ROOT))


@pytest.fixture
def settings(model_dir: Path) -> Settings:
    return replace(_settings(model_dir), jobs=2)


def _settings(model_dir: Path, device: str = "cpu") -> Settings:
    """Without moments: it is frames that parts and wholes are compared by."""
    return Settings(model=str(model_dir), device=device, frames_per_class=0)


def _task(path: Path, name: str = "a") -> Task:
    recording = Recording(path=path, recording_id=name, candidate_id=name, display_name=name)
    return Task(recording=recording, key=name)


# Processes that die


@pytest.fixture
def light(findable: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes load no networks."""
    program = "tests.batch.workers.light_process"
    monkeypatch.setattr(pool, "LocalProcesses", partial(LocalProcesses, program=program))


def test_a_process_that_dies_costs_the_recording_it_died_of(
    tmp_path: Path, settings: Settings, light: None
) -> None:
    for name, data in (("a", b"1" * 30), ("b", b"deadly 12"), ("c", b"1")):
        (tmp_path / name).write_bytes(data)
    store = ResultStore(tmp_path / "out")
    with Pool(settings, store, worker=Mortal(settings, store)) as made:
        done = list(made.execute([_task(tmp_path / name, name) for name in "abc"]))
    failed = {d.task.key: d.error for d in done if d.error}
    assert sorted(d.task.key for d in done) == ["a", "b", "c"]
    assert list(failed) == ["b"]
    assert "was killed" in failed["b"].cause and "--jobs" in failed["b"].remedy
    assert store.has("a") and store.has("c") and not store.has("b")


def test_where_there_is_one_core_its_worker_is_watched_too(
    tmp_path: Path, settings: Settings, light: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "suitable_jobs", lambda: 1)
    settings = replace(settings, jobs=0)
    for name, data in (("a", b"deadly 12"), ("b", b"1")):
        (tmp_path / name).write_bytes(data)
    store = ResultStore(tmp_path / "out")
    with Pool(settings, store, worker=Mortal(settings, store)) as made:
        done = {d.task.key: d.error for d in made.execute([_task(tmp_path / n, n) for n in "ab"])}
    assert made.jobs == 1 and done["a"] is not None and done["b"] is None and store.has("b")


# Parts


@pytest.mark.parametrize("rate_hz", [0.3, 1.0, 4.0, 5.0, 7.5, 30.0])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_cuts_lie_between_long_parts_where_key_frames_do(rate_hz: float, count: int) -> None:
    spans = spans_of(1000.0, rate_hz, count)
    assert spans[0].first == 0 and spans[-1].last is None
    assert [s.last for s in spans[:-1]] == [s.first for s in spans[1:]]
    assert len(spans) == count
    period_s = min(1.0, 5 / rate_hz)
    for span in spans[1:]:
        assert span.first / rate_hz / period_s == pytest.approx(
            round(span.first / rate_hz / period_s), abs=0.01
        )


def test_short_recordings_are_not_cut() -> None:
    assert len(spans_of(100.0, 5.0, 4)) == 1
    assert len(spans_of(130.0, 5.0, 4)) == 2
    assert len(spans_of(0.0, 5.0, 4)) == 1


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample recording, twice, small, at ten frames per second: 12 s."""

    def made(folder: Path) -> Path:
        times = np.arange(0, 6, 0.1)
        images = frames_at(INTERVIEW, times.tolist())[:, ::2, ::2]
        twice = (images[k % len(images)] for k in range(2 * len(images)))
        options = {"preset": "veryfast", "g": "20"}
        return write_clip(folder / "long.mp4", twice, range(0, 12 * TICKS, 100), options=options)

    return made_once(tmp_path_factory, "long clip", made)


def _frames(store: ResultStore, key: str) -> pd.DataFrame:
    return StoredResult.read(store.directory(key)).read_frames()


def assert_same_frames(a: pd.DataFrame, b: pd.DataFrame) -> None:
    """The same but for rounding: labels equal in 99.5 % of the frames, posteriors within 0.02."""
    exact = ["frame_index", "pts_ms", "timecode", "face_found", "other_faces"]
    pd.testing.assert_frame_equal(a[exact], b[exact])
    assert (a["usable"] == b["usable"]).mean() >= 0.995
    both = (a["usable"] & b["usable"]).to_numpy(bool)
    assert (a["label"][both] == b["label"][both]).mean() >= 0.995
    for name in ("p_positive", "p_neutral", "p_negative"):
        difference = (a[name][both] - b[name][both]).astype(float).abs()
        assert difference.max() <= 0.02


@pytest.fixture(scope="module")
def whole(
    long_clip: Path, model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """Frames of the recording analysed at once."""
    return made_once(
        tmp_path_factory, "whole", lambda folder: _analysed(long_clip, model_dir, "cpu", folder)
    )


def _analysed(path: Path, model_dir: Path, device: str, folder: Path) -> pd.DataFrame:
    store = ResultStore(folder)
    own = Worker(_settings(model_dir, device), store, parent=os.getpid())
    assert own.analyse(_task(path)).error is None
    return _frames(store, "a")


@pytest.mark.parametrize("decoder", ["auto", pytest.param("decord", marks=pytest.mark.slow)])
def test_parts_give_the_same_frames_as_the_whole(
    long_clip: Path,
    whole: pd.DataFrame,
    settings: Settings,
    decoder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "LEAST_PART_S", 3.9)
    store = ResultStore(tmp_path)
    own = Worker(replace(settings, decoder=decoder), store, parent=os.getpid())
    task = _task(long_clip)
    parts = own.cut(task, 3)
    assert parts is not None and len(parts.spans) == 3
    for number in (2, 0, 1):
        assert own.observe(parts, number).error is None
    assert own.join(parts).error is None
    assert not store.parts("a").exists()
    frames = _frames(store, "a")
    if decoder == "decord":  # decodes every frame, as the whole was not
        assert len(frames) == len(whole)
    else:
        assert_same_frames(frames, whole)


def test_a_part_that_fails_does_not_cost_the_recording(
    long_clip: Path, whole: pd.DataFrame, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(worker, "LEAST_PART_S", 5.5)
    store = ResultStore(tmp_path)
    own = Worker(settings, store, parent=os.getpid())
    parts = own.cut(_task(long_clip), 2)
    assert parts is not None
    own.observe(parts, 0)  # and the other part is never looked at
    assert own.join(parts).error is None
    assert_same_frames(_frames(store, "a"), whole)


@pytest.mark.slow
def test_a_recording_with_a_damaged_part_is_analysed_whole(
    long_clip: Path, whole: pd.DataFrame, settings: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(worker, "LEAST_PART_S", 5.5)
    store = ResultStore(tmp_path)
    own = Worker(settings, store, parent=os.getpid())
    parts = own.cut(_task(long_clip), 2)
    assert parts is not None
    for number in range(2):
        own.observe(parts, number)
    file = store.parts("a") / "1" / SIGHTINGS_FILE
    replace(Sightings.load(file), loss="1 damaged packet was skipped", span_frames=0).save(file)
    asked: list[str] = []
    analyse = Worker.analyse
    monkeypatch.setattr(Worker, "analyse", lambda self, task: (asked.append("whole"),
                                                               analyse(self, task))[1])  # fmt: skip
    assert own.join(parts).error is None
    assert asked == ["whole"]
    assert_same_frames(_frames(store, "a"), whole)


class Cutting(Worker):
    """A worker that cuts short recordings too, and notes which parts it looked at."""

    def cut(self, task: Task, count: int) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "LEAST_PART_S", 5.5)
            return super().cut(task, count)

    def observe(self, parts: Parts, number: int) -> Done:
        (self.store.root / f"looked-{number}").touch()
        return super().observe(parts, number)


def test_a_pool_with_spare_processes_cuts(
    long_clip: Path, whole: pd.DataFrame, settings: Settings, tmp_path: Path, findable: None
) -> None:
    store = ResultStore(tmp_path)
    with Pool(settings, store, worker=Cutting(settings, store)) as made:
        (done,) = made.execute([_task(long_clip)])
    assert done.error is None
    assert sorted(path.name for path in store.root.glob("looked-*")) == ["looked-0", "looked-1"]
    written = json.loads((store.directory("a") / "result.json").read_text(encoding="utf-8"))
    assert done.stages == pytest.approx(written["stages"], abs=0.01)  # of its parts, too
    assert done.seconds > sum(done.stages.values()) / 2
    assert_same_frames(_frames(store, "a"), whole)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 200])
def test_the_batch_size_does_not_matter(
    long_clip: Path, whole: pd.DataFrame, settings: Settings, tmp_path: Path, batch_size: int
) -> None:
    store = ResultStore(tmp_path)
    own = Worker(replace(settings, batch_size=batch_size), store, parent=os.getpid())
    assert own.analyse(_task(long_clip)).error is None
    assert_same_frames(_frames(store, "a"), whole)


class Noting(Worker):
    """A worker that notes when each recording began and ended."""

    def analyse(self, task: Task) -> Done:
        began = time.time()
        done = super().analyse(task)
        note = {"process": os.getpid(), "began": began, "ended": time.time()}
        (self.store.directory(task.key) / "note.json").write_text(json.dumps(note))
        return done


@pytest.mark.slow
def test_a_worker_goes_on_at_once_with_the_next_recording(
    settings: Settings, tmp_path: Path, findable: None
) -> None:
    source = SAMPLES / "표본 B.mp4"
    store = ResultStore(tmp_path)
    keys = [f"recording {k}" for k in range(6)]
    with Pool(settings, store, worker=Noting(settings, store)) as made:
        done = list(made.execute([_task(source, key) for key in keys]))
    assert [one.error for one in done] == [None] * 6
    notes = [json.loads((store.directory(key) / "note.json").read_text()) for key in keys]
    notes.sort(key=lambda note: (note["process"], note["began"]))
    gaps = [
        later["began"] - earlier["ended"]
        for earlier, later in pairwise(notes)
        if later["process"] == earlier["process"]
    ]
    assert len(gaps) >= 4
    assert np.median(gaps) < 0.1


# A GPU server


@pytest.mark.slow
@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda:0", marks=pytest.mark.needs_cuda)])
def test_workers_of_a_gpu_server_give_the_same_frames(
    device: str,
    kills: int,
    long_clip: Path,
    whole: pd.DataFrame,
    model_dir: Path,
    settings: Settings,
    tmp_path: Path,
) -> None:
    store = ResultStore(tmp_path / "out")
    names = "abc" if device == "cpu" else "abcdefgh"  # a GPU is quick
    killed: list[int] = []

    def kill() -> None:
        while not any(path.is_dir() for path in store.scratch().glob("*")):  # a worker has begun
            time.sleep(0.05)
        while len(killed) < kills:
            time.sleep(0.3)
            found = descendants(os.getpid())
            servers = [pid for pid, line in found.items() if "gpu.server" in line]
            if servers and servers[0] not in killed:
                time.sleep(3.0)  # so that it has begun to answer
                os.kill(servers[0], signal.SIGKILL)
                killed.append(servers[0])

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with Pool(replace(settings, gpu_server="always", device=device), store) as made:
        done = list(made.execute([_task(long_clip, name) for name in names]))
    assert [one.error for one in done] == [None] * len(names)
    assert len(killed) == kills
    if device != "cpu":  # which computes in another precision
        whole = _analysed(long_clip, model_dir, device, tmp_path / "whole")
    for name in names:
        assert_same_frames(_frames(store, name), whole)
