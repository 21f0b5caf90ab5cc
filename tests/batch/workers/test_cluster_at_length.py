"""A Dask cluster at length, by the very commands of the README: workers join and leave, and the
scheduler is killed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from tests.chaos.kit import tiny_clips
from tests.conftest import ROOT, SampleFaces
from tests.processes import wait_until

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

_RECORDINGS = int(os.environ.get("POISE_DASK_RECORDINGS", "200"))
_WORKERS = int(os.environ.get("POISE_DASK_WORKERS", "10"))


def _commands() -> list[str]:
    """The three commands of the README's section about more than one machine."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("**More than one machine.**")[2]
    lines = re.findall(r"^    (\S.*)$", section, re.MULTILINE)[:3]
    return [line.partition("  #")[0].strip() for line in lines]


@dataclass
class Centre:
    """A machine on which somebody types the commands of the README.

    Args:
        folder: Of recordings, reports, and what programs print.
    """

    folder: Path
    port: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]

    def types(self, command: str, *more: str) -> subprocess.Popen[bytes]:
        """Start a command with this machine's names and numbers in it."""
        for word, meant in (
            ("HOST:8786", f"127.0.0.1:{self.port}"),
            ("RECORDINGS", str(self.folder / "in")),
            ("REPORTS", str(self.folder / "out")),
        ):
            command = command.replace(word, meant)
        program, *words = shlex.split(command)
        output = self.folder / f"printed {len(self.running)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *words, *more],
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        self.running.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        started = self.types(_commands()[0], "--port", str(self.port), "--no-dashboard")
        wait_until(self._answers)
        return started

    def workers(self, count: int) -> subprocess.Popen[bytes]:
        command = re.sub(r"--nworkers \d+", f"--nworkers {count}", _commands()[1])
        return self.types(command, "--no-dashboard", "--local-directory", str(self.folder))

    def analyse(self) -> subprocess.Popen[bytes]:
        return self.types(_commands()[2], "--device", "cpu")

    def printed(self, process: subprocess.Popen[bytes]) -> str:
        number = self.running.index(process)
        return (self.folder / f"printed {number}.txt").read_text(encoding="utf-8")

    def results(self) -> int:
        with suppress(OSError):
            return len(list((self.folder / "out" / ".poise" / "results").iterdir()))
        return 0

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a command with all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    for process in made.running:
        made.end(process)


def test_workers_come_and_go_and_the_scheduler_dies(
    centre: Centre, sample_faces: SampleFaces
) -> None:
    tiny_clips(centre.folder / "in", sample_faces.images, _RECORDINGS)
    half = _WORKERS // 2
    started = time.monotonic()
    scheduler, first = centre.scheduler(), centre.workers(half)
    wait_until(lambda: _known_to(centre) >= half, 300)
    run = centre.analyse()
    wait_until(lambda: centre.results() >= _RECORDINGS // 10 or run.poll() is not None, 900)
    assert run.poll() is None, centre.printed(run)
    joining = centre.workers(_WORKERS - half)
    wait_until(lambda: _known_to(centre) == _WORKERS, 300)
    wait_until(lambda: centre.results() >= _RECORDINGS // 3 or run.poll() is not None, 900)
    assert run.poll() is None, centre.printed(run)
    centre.end(first)
    wait_until(lambda: centre.results() >= _RECORDINGS // 2 or run.poll() is not None, 900)
    assert run.poll() is None, centre.printed(run)

    killed = time.monotonic()
    centre.end(scheduler)
    code = run.wait(120)
    gone_s = time.monotonic() - killed
    there = centre.results()
    said = centre.printed(run)
    assert code == 1 and "without its scheduler" in said and "goes on from here" in said, said
    assert gone_s < 60
    assert _RECORDINGS // 2 <= there < _RECORDINGS
    centre.end(joining)

    centre.scheduler()
    centre.workers(_WORKERS)
    wait_until(lambda: _known_to(centre) == _WORKERS, 300)
    again = centre.analyse()
    assert again.wait(1800) == 0, centre.printed(again)
    told = re.search(r"(\d+) done before", centre.printed(again))
    assert told is not None and int(told.group(1)) >= there - _WORKERS
    rows = pd.read_csv(centre.folder / "out" / "recordings.csv")
    assert len(rows) == _RECORDINGS and (rows["status"] == "done").all()
    print(
        f"{_RECORDINGS} recordings on {half} to {_WORKERS} workers in "
        f"{time.monotonic() - started:.0f} s; {gone_s:.0f} s after the scheduler was killed the "
        f"command said so and ended, with {there} done"
    )


def _known_to(centre: Centre) -> int:
    """Workers that the scheduler knows."""
    from distributed import Client

    with (
        suppress(OSError),
        Client(f"tcp://127.0.0.1:{centre.port}", timeout=30, set_as_default=False) as client,
    ):
        return len(client.scheduler_info(n_workers=-1)["workers"])
    return 0
