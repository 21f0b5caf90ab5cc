"""A worker stores only what is wanted, and a failure is an answer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from poise.batch.workers.worker import Task, Worker
from poise.errors import UnfinishedError, VideoError
from poise.settings import Settings
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.atomic_files import stamp_of
from poise.system.directory_lock import held, holder
from poise.types import Recording
from tests.clips import counting_clip


@pytest.fixture
def task(tmp_path: Path) -> Task:
    path = counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    recording = Recording(path=path, recording_id="a", candidate_id="a", display_name="a")
    return Task(recording=recording, key="a", stamp=stamp_of(path))


@pytest.fixture
def worker(tmp_path: Path, model_dir: Path, workers_closed: None) -> Worker:
    store = ResultStore(tmp_path / "out")
    return Worker(Settings(model=str(model_dir), device="cpu"), store, parent=os.getpid())


def test_a_result_is_stored(worker: Worker, task: Task) -> None:
    done = worker.analyse(task)
    assert done.error is None and worker.store.has("a")
    assert {"decode", "detect"} <= set(done.stages) and done.seconds > 0


def test_where_it_is_only_seen_how_to_cut_it_a_recording_is_at_work(
    worker: Worker, task: Task
) -> None:
    """Else `poise status` would call one pending whose reader hangs before it is cut."""
    assert worker.cut(task, 2) is None
    assert worker.store.is_begun("a")


def test_a_worker_that_lost_its_run_stores_nothing(
    worker: Worker, task: Task, tmp_path: Path
) -> None:
    """Its run was killed, and purge or another run is at work now, or nobody."""
    house = tmp_path / "out" / HOUSE
    with held(house):
        found = holder(house)
        assert found is not None and found.token
        of_this_run = replace(worker, token=found.token)
        assert of_this_run.analyse(task).error is None
        worker.store.remove("a")
        of_another = replace(worker, token="1234")
        assert "has ended" in str(of_another.analyse(task).error)
        assert not worker.store.has("a")
    assert "has ended" in str(of_this_run.analyse(task).error)
    assert not worker.store.has("a")
    assert list(worker.store.directory("a").parent.iterdir()) == []


def test_a_recording_that_changed_meanwhile_is_not_stored(worker: Worker, task: Task) -> None:
    done = worker.analyse(replace(task, stamp=(1, 1)))
    assert isinstance(done.error, UnfinishedError) and not worker.store.has("a")


@pytest.mark.parametrize(
    ("failure", "said"), [(MemoryError(), "not enough memory"), (ZeroDivisionError("0"), "ZeroDiv")]
)
def test_an_unforeseen_failure_is_an_answer(
    worker: Worker, task: Task, failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise failure

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", fail)
    done = worker.analyse(task)
    assert isinstance(done.error, VideoError) and said in done.error.cause
    assert not worker.store.has("a")
