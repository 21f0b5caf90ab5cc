"""What takes something to happen at a moment: a kill, a file that goes or changes, a slow hash."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from tests.faults_before.cases import case
from tests.faults_before.inputs import people, plain
from tests.faults_before.sides import Side
from tests.processes import descendants

_LONG_S = 120


@case("J4 left", "the whole batch killed while it works: what it leaves in /tmp and /dev/shm")
def _(side: Side) -> object:
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    temporary = side.folder / "tmp"
    temporary.mkdir()
    with side.started("--jobs", 2, TMPDIR=str(temporary)) as command:
        _wait(command, lambda: side.results() > 0)
        ours = [str(process) for process in (command.pid, *descendants(command.pid))]
        os.killpg(command.pid, signal.SIGKILL)
    time.sleep(10)
    shared = [p.name for p in Path("/dev/shm").iterdir() if any(one in p.name for one in ours)]
    left = [*(p.name for p in temporary.iterdir()), *shared]
    return f"{len(left)}, as {left[0]}" if left else "nothing"


@case("J13 worker", "both workers stopped, then two minutes")
def _(side: Side) -> object:
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    with side.started("--jobs", 2, "--stall-timeout-s", 5) as command:
        _wait(command, lambda: side.results() > 0)
        stopped = list(descendants(command.pid))
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        ended = _wait(command, lambda: False)
        for process in [command.pid, *descendants(command.pid)] if not ended else []:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
    return f"ended by itself, {side.results()} of 6 done" if ended else "the batch stands still"


@case("D3", "one of two alike files changes while it is read: rows of the table")
def _(side: Side) -> object:
    paths = [side.add(f"{name}/1.mp4", plain()) for name in ("kim", "lee")]
    for path in paths:
        os.utime(path, (time.time() - 100,) * 2)
    with side.started("--jobs", 1) as command:
        _wait(command, lambda: _begun(side))
        with paths[0].open("ab") as file:
            file.write(b"more")
    return f"{len(pd.read_csv(side.out / 'recordings.csv'))} of 2"


@case("J7 vanished", "deleted while it is read, --anonymous: its path, in pages and tables")
def _(side: Side) -> object:
    path = side.add("kim/1.mp4", plain())
    with side.started("--jobs", 1, "--anonymous") as command:
        _wait(command, lambda: _begun(side))
        path.unlink()
    told = [
        path.name for path in side.out.rglob("*")
        if path.suffix in (".html", ".csv", ".json") and ".poise" not in path.parts
        and str(side.root) in path.read_text(encoding="utf-8-sig")
    ]  # fmt: skip
    return f"in {', '.join(sorted(set(told)))}" if told else "nowhere"


@case("D6", "analysed by one Python, written again by another: which one the page names")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    other = side.folder / "site"
    other.mkdir()
    code = "import platform\nplatform.python_version = lambda: '99.9'\n"
    (other / "sitecustomize.py").write_text(code, encoding="utf-8")
    side.run("report", side.out, PYTHONPATH=os.pathsep.join([str(other), str(side.package)]))
    return "the other" if "99.9" in side.page("report.html") else "the one that analysed"


def _begun(side: Side) -> bool:
    """Whether something lies in the draft of a result."""
    return any((side.out / ".poise" / "unfinished").glob("*/*"))


def _wait(command: subprocess.Popen[bytes], until: Callable[[], bool]) -> bool:
    """Wait until something is so, for two minutes; whether the command has ended before."""
    started = time.monotonic()
    while command.poll() is None and not until() and time.monotonic() - started < _LONG_S:
        time.sleep(0.02)
    return command.poll() is not None
