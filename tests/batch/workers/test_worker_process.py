"""The inside of a worker process, on the other end of a pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from poise.batch.workers import worker_process
from poise.batch.workers.calls import Call
from poise.batch.workers.processes import Beat, CannotWork, Result
from poise.system.timing import ALLOWANCE, LEAST_ALLOWED_S


def allowed() -> float:
    return ALLOWANCE.seconds


def fail() -> None:
    raise ZeroDivisionError("division by zero")


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    here, there = Pipe()
    monkeypatch.setattr(worker_process, "channel_to_parent", lambda: there)
    monkeypatch.setattr(worker_process, "prefer_as_victim", lambda score: None)
    monkeypatch.setattr(worker_process, "BEAT_S", 0.05)
    thread = threading.Thread(target=worker_process.serve, args=(lambda: None,), daemon=True)
    thread.start()
    yield here
    here.close()
    thread.join(10)
    assert not thread.is_alive()


def _until(asking: Connection, kind: type) -> object:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if asking.poll(1.0) and isinstance(message := asking.recv(), kind):
            return message
    raise AssertionError(f"no {kind.__name__}")


def test_it_says_that_it_is_ready_and_makes_calls(asking: Connection) -> None:
    assert isinstance(asking.recv(), Beat)
    for number in (-1, -2):
        asking.send(Call(abs, (number,), Path("recording")))
        assert _until(asking, Result) == Result(-number)


def test_every_call_begins_with_an_allowance_of_its_own(asking: Connection) -> None:
    ALLOWANCE.for_samples(1e9)
    asking.send(Call(allowed, (), Path("recording")))
    assert _until(asking, Result) == Result(LEAST_ALLOWED_S)
    while (beat := _until(asking, Beat)).call != 1:  # type: ignore[attr-defined]
        pass
    assert beat.allowed_s == LEAST_ALLOWED_S  # type: ignore[attr-defined]


def test_what_fails_outside_of_its_own_doing_is_said(asking: Connection) -> None:
    asking.send(Call(fail, (), Path("recording")))
    reason = _until(asking, CannotWork)
    assert reason == CannotWork("failed (ZeroDivisionError: division by zero)")
