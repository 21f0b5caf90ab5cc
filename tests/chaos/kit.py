"""What the chaos tests share: tiny recordings, a process that forks runs, tables to compare."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from poise.types import Image
from tests.clips import face_clip
from tests.conftest import contents

_ZYGOTE = """
import json, multiprocessing, os, signal, sys
from pathlib import Path
import matplotlib, pandas
import poise.batch.forgetting.purge
from poise.analysis.context import context_kept, started_context
from poise.batch.workers import pool
from poise.batch.run import analyze
from poise.settings import Settings
from poise.system.interrupts import listening

def made(call):
    return call, call()

def mortal():  # a fork has its parent's handlers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

class Forks:  # in place of LocalProcesses
    def __init__(self, **limits):
        self.pool = multiprocessing.get_context("fork").Pool(2, mortal)
    def run(self, calls, most, more=lambda: ()):
        while calls:
            yield from self.pool.imap_unordered(made, calls)
            calls = more()
    def close(self):
        self.pool.terminate()

pool.LocalProcesses = Forks
settings = Settings(model=sys.argv[1], device="cpu")
print("ready", flush=True)
with context_kept():
    started_context(settings, ())  # one for all: forks have it as it is
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            code = 99
            pool.suitable_jobs = lambda: order["jobs"]
            try:
                with listening():
                    code = analyze(order["recordings"], order["output"], settings).exit_code
            except BaseException as error:
                Path(order["output"] + ".error").write_text(repr(error))
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Zygote:
    """A process with everything loaded; each run is a fork of it, and starts in no time.

    Workers are forks too. What is written, and in which order, is as in a run of the command.

    Args:
        model: Directory of the model.
    """

    def __init__(self, model: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _ZYGOTE, str(model)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._read() == "ready"
        self.running = 0

    def start(self, recordings: Path, output: Path, jobs: int) -> None:
        """Start a run, in a process group of its own."""
        assert self._process.stdin is not None
        order = {"recordings": str(recordings), "output": str(output), "jobs": jobs}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.running = int(self._read())

    def kill(self) -> bool:
        """SIGKILL the whole group of the run; whether it was still running."""
        with suppress(ProcessLookupError):
            os.killpg(self.running, signal.SIGKILL)
        with suppress(ProcessLookupError):  # before it had a group of its own
            os.kill(self.running, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait for the end of the run: its exit code."""
        return int(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.kill()
        self._process.wait()


def tiny_clips(folder: Path, images: Image, count: int) -> Path:
    """So many recordings of half a second with a face, no two alike; two of each candidate."""
    made = [
        face_clip(folder / f"made {k}.mp4", images[[k % 4, (k + 1) % 4], ::2, ::2], seconds=0.6)
        for k in range(4)
    ]
    contents_of = [path.read_bytes() for path in made]
    for path in made:
        path.unlink()
    for k in range(count):
        target = folder / f"candidate {k // 2:04d}" / f"{k % 2}.mp4"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(contents_of[k % 4] + _free_box(k))
    return folder


def _free_box(number: int) -> bytes:
    """A part of an MP4 file that says nothing, but tells one file from another."""
    return (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")


def tables(output: Path) -> dict[str, bytes]:
    """All tables of a run."""
    return {n: d for n, d in contents(output).items() if n.endswith(".csv") and ".poise" not in n}


def command(recordings: Path, output: Path, model: Path, *more: str) -> list[str]:
    """`poise analyze` on the processor."""
    return [
        sys.executable, "-m", "poise", "analyze", str(recordings), "-o", str(output),
        "--model", str(model), "--device", "cpu", *more,
    ]  # fmt: skip
