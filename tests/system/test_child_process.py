"""Child processes: they find this package, talk to their parent, and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from poise.system.child_process import ChildProcess, start_python
from tests.conftest import ROOT
from tests.processes import is_alive, wait_until, with_python_path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")


def main() -> None:
    """As a child: answer with what is sent, twice over; the first answer says who it is."""
    from poise.system.child_process import channel_to_parent

    parent = channel_to_parent()
    parent.send((os.getpid(), sys.argv[3:]))
    while True:
        parent.send(2 * parent.recv())


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> ChildProcess:
    monkeypatch.setenv("PYTHONPATH", with_python_path(ROOT))
    return ChildProcess("tests.system.test_child_process", "한 글", "b")


def test_it_answers_until_it_is_ended(child: ChildProcess) -> None:
    assert child.connection.recv() == (child.pid, ["한 글", "b"])
    child.connection.send("ab")
    assert child.connection.recv() == "abab"
    os.kill(child.pid, signal.SIGINT)  # which it does not hear
    child.connection.send(21)
    assert child.connection.recv() == 42
    assert child.end() == -signal.SIGKILL
    assert not is_alive(child.pid)
    assert child.end() == -signal.SIGKILL


def test_its_end_is_heard(child: ChildProcess) -> None:
    child.connection.recv()
    os.kill(child.pid, signal.SIGTERM)
    with pytest.raises((EOFError, OSError)):
        child.connection.recv()
    assert child.wait(60) == -signal.SIGTERM


def test_it_ends_with_the_thread_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("the kernel of Linux does it")
    monkeypatch.setenv("PYTHONPATH", with_python_path(ROOT))
    found: list[ChildProcess] = []

    def start() -> None:
        found.append(ChildProcess("tests.system.test_child_process"))
        found[0].connection.recv()

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found[0].wait(60) == -signal.SIGKILL


_PARENT = """
import sys, time
from poise.system.child_process import ChildProcess
children = [ChildProcess("tests.system.test_child_process") for _ in range(3)]
print(*(child.pid for child in children), flush=True)
if sys.argv[1] == "loaded":
    for child in children:
        child.connection.recv()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("moment", ["at once", "loaded"])
@pytest.mark.parametrize("stopped", [False, True])
def test_killed_a_parent_takes_its_children_along(moment: str, stopped: bool) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, moment], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": with_python_path(ROOT)},
    )  # fmt: skip
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert parent.stdout.readline() == "ready\n" and len(children) == 3
    if stopped and moment == "loaded":
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not any(map(is_alive, children)))


def test_a_program_finds_this_package_wherever_it_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poise.py").write_text("raise ImportError('the wrong one')", encoding="utf-8")
    started = time.monotonic()
    process = start_python("import poise.errors, sys; sys.exit(5)")
    assert process.wait(30) == 5 and time.monotonic() - started < 30
