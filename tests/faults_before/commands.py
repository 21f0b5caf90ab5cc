"""G. Processes, and what may happen to them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress

from tests.faults_before.cases import case
from tests.faults_before.inputs import people
from tests.faults_before.sides import Side, ended
from tests.processes import descendants, is_alive


@case("G3", "poise status: processor time, and most memory")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    command = ["/usr/bin/time", "-f", "%U %S %M", *side.line("status", side.out)]
    done = subprocess.run(
        command, env=side.environment, capture_output=True, text=True, check=False
    )
    user, system, memory = map(float, done.stderr.splitlines()[-1].split())
    return f"{user + system:.1f} s, {memory / 1024:.0f} MB"


@case("G5", "journal of the ledger")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    (path,) = (side.out / ".poise").glob("ledger.sqlite3")
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute("PRAGMA journal_mode").fetchone()[0]


@case("J4", "workers, ten seconds after the command was killed while they load: processes left")
def _(side: Side) -> object:
    return left_by_a_kill(side, 0.3, "--jobs", 2)


@case("J12", "standard error closed: exit code")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    return side.analyze_in_shell("{} 2>&-").returncode


@case("J12 console", "--json on a console in EUC-KR, a name that it cannot show: exit")
def _(side: Side) -> object:
    people(side, "José 🙂/1.mp4")
    return ended(side.analyze("--json", PYTHONIOENCODING="euc-kr"))


@case("J12 memory", "two gigabytes of address space (ulimit -v): what is said")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    return ended(side.analyze_in_shell("ulimit -v 2000000; {}"))


@case("J12 name", "a name with an escape sequence, on a terminal")
def _(side: Side) -> object:
    side.write("kim\x1b[31m/1.mp4", "no video" * 1000)
    mine, terminal = os.openpty()
    words = side.line("analyze", side.root, "-o", side.out, "--jobs", 1)
    subprocess.run(
        words, env=side.environment, stdout=subprocess.DEVNULL, stderr=terminal, check=False
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):
        while more := os.read(mine, 10_000):
            shown += more
    os.close(mine)
    return "reaches it" if b"\x1b[31m" in shown else "does not reach it"


def left_by_a_kill(side: Side, after_s: float, *more: object) -> int:
    """Kill the command alone some time after its first child has started; who is left then."""
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    with subprocess.Popen(
        side.line("analyze", side.root, "-o", side.out, *more), env=side.environment,
        cwd=side.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as command:  # fmt: skip
        while command.poll() is None and not descendants(command.pid):
            time.sleep(0.05)
        time.sleep(after_s)
        below = list(descendants(command.pid))
        command.kill()
    time.sleep(10)
    left = [process for process in below if is_alive(process)]
    for process in left:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
    return len(left)
