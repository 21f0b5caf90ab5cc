"""Worker processes: what a crash, a hang or a failed start costs, and what is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poise.batch.workers.calls import Call, Crash
from poise.batch.workers.processes import LocalProcesses
from poise.errors import PoiseError
from poise.system.timing import ALLOWANCE
from tests.conftest import ROOT
from tests.processes import is_alive, wait_until, with_python_path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")


def double(number: int) -> int:
    return 2 * number


def who(seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return os.getpid()


def deadly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly_once(note: Path) -> str:
    if not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return "done"


def hang_holding_the_lock() -> None:
    import ctypes

    ctypes.PyDLL(None).sleep(600)


def wait_for_ever() -> None:
    threading.Event().wait()


def spin() -> None:
    ALLOWANCE.seconds = 0.3
    while True:
        pass


def take_long() -> str:
    ALLOWANCE.for_samples(1.0)
    ends = time.process_time() + 1.5
    while time.process_time() < ends:
        pass
    return "done"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProcesses]:
    """They find this module."""
    monkeypatch.setenv("PYTHONPATH", with_python_path(ROOT))
    made = LocalProcesses(
        silence_limit_s=8.0, idle_limit_s=12.0, program="tests.batch.workers.light_process"
    )
    yield made
    made.close()


def _call(function: object, *arguments: object) -> Call:
    return Call(function, arguments, Path("recording"))  # type: ignore[arg-type]


def test_many_calls_are_made_by_few_processes_that_stay(processes: LocalProcesses) -> None:
    found = {
        call.arguments[0]: result
        for call, result in processes.run([_call(double, k) for k in range(40)], 2)
    }
    assert found == {k: 2 * k for k in range(40)}
    before = processes.pids
    assert len(before) == 2
    again = [result for _, result in processes.run([_call(who) for _ in range(9)], 2)]
    assert set(again) <= set(before)
    processes.close()
    assert not any(map(is_alive, before)) and processes.pids == []


def test_a_crash_costs_only_the_call_that_crashed(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    calls = [_call(deadly), _call(deadly_once, tmp_path / "note")]
    calls += [_call(double, k) for k in range(12)]
    found = list(processes.run(calls, 2))
    assert len(found) == 14
    results = {call.function.__name__: result for call, result in found if call in calls[:2]}
    assert results["deadly_once"] == "done"  # a second attempt, alone
    assert isinstance(results["deadly"], Crash) and "was killed" in results["deadly"].cause
    assert sorted(r for c, r in found if c.function is double) == [2 * k for k in range(12)]


def test_a_stopped_process_is_replaced_and_its_call_made_again(processes: LocalProcesses) -> None:
    calls = processes.run([_call(who), *(_call(who, 1.0) for _ in range(4))], 2)
    next(calls)
    stopped = processes.pids
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    rest = [result for _, result in calls]
    assert len(rest) == 4 and not set(rest) & set(stopped)
    assert not any(map(is_alive, stopped))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hang", "said"),
    [(hang_holding_the_lock, "no sign of life for 8 s"), (wait_for_ever, "did nothing for 12 s")],
)
def test_a_hanging_call_has_a_time_limit(
    processes: LocalProcesses, hang: object, said: str
) -> None:
    ((_, crash),) = processes.run([_call(hang)], 2)
    assert isinstance(crash, Crash) and said in crash.cause


def test_a_call_that_computes_without_end_is_given_up_at_once(processes: LocalProcesses) -> None:
    """Unlike one that takes long, for it says how long it may take."""
    calls = [_call(spin), _call(double, 1), _call(take_long), _call(double, 2)]
    found = {call.function.__name__: result for call, result in processes.run(calls, 2)}
    assert found["spin"].code == "endless" and "report it" in found["spin"].remedy
    assert found["double"] == 4 and found["take_long"] == "done"


def test_processes_that_cannot_start_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `ulimit -v`: what a worker needs cannot be imported."""
    processes = LocalProcesses(silence_limit_s=8.0, idle_limit_s=12.0)
    (tmp_path / "cv2.py").write_text("raise MemoryError('no room')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", with_python_path(tmp_path))
    with pytest.raises(PoiseError, match=r"cannot be started: one failed \(MemoryError: no room\)"):
        list(processes.run([_call(double, 1)], 2))


def test_processes_left_in_the_middle_are_ended(processes: LocalProcesses) -> None:
    calls = processes.run([_call(who), _call(who, 600.0), _call(who, 600.0)], 2)
    next(calls)
    pids = processes.pids
    calls.close()
    wait_until(lambda: not all(map(is_alive, pids)))
    processes.close()
    assert not any(map(is_alive, pids))


def test_memory_running_out_takes_a_worker_rather_than_the_run(processes: LocalProcesses) -> None:
    if not Path("/proc/self/oom_score_adj").exists():
        pytest.skip("needs Linux")
    list(processes.run([_call(double, 1)], 1))
    (pid,) = processes.pids
    of_worker = int(Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="utf-8"))
    assert of_worker > int(Path("/proc/self/oom_score_adj").read_text(encoding="utf-8"))


def test_calls_that_come_later_do_not_wait_for_those_before(processes: LocalProcesses) -> None:
    """As when recordings are still hashed while the first are analysed."""
    later = [[], [_call(double, 1)], [_call(double, 2), _call(double, 3)]]
    found = processes.run([_call(who, 4.0)], 2, lambda: later.pop(0) if later else ())
    assert [call.function for call, _ in found] == [double, double, double, who]
