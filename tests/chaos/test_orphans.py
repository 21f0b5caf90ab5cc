"""SIGKILL of every kind of process of a batch, at every stage: nobody and nothing is left."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.kit import command, tables, tiny_clips
from tests.conftest import SampleFaces
from tests.processes import is_alive, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")

_GONE_S = 60.0
_MARK = "POISE_TEST_RUN"
_ROUNDS = int(os.environ.get("POISE_CHAOS_ORPHANS", "12"))
# What the command line of each kind of process tells it by.
_KINDS = {"worker": "worker_process", "reader": "decoders.server", "gpu server": "gpu.server"}


@dataclass
class Run:
    """The command as a process; whatever comes of it is found by a mark in its environment."""

    line: list[str]
    folder: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    seen: set[int] = field(default_factory=set)

    def start(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(exist_ok=True)
        environment = {**os.environ, _MARK: self.mark, "TMPDIR": str(self.folder)}
        return subprocess.Popen(
            self.line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def alive(self, kind: str = "") -> list[int]:
        """All processes of the run, or those of a kind."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    if f"{_MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                        line = (entry / "cmdline").read_bytes().decode(errors="replace")
                        if kind in line and is_alive(int(entry.name)):
                            found.append(int(entry.name))
        self.seen.update(found)
        return found

    def check_nothing_is_left(self) -> None:
        wait_until(lambda: not self.alive(), _GONE_S)
        assert list(self.folder.iterdir()) == []
        shared = [path.name for path in Path("/dev/shm").iterdir()]
        own = [n for n in shared if "poise" in n or any(f"-{pid}" in n for pid in self.seen)]
        assert own == []


def _wait_for(run: Run, process: subprocess.Popen[bytes], kind: str) -> list[int]:
    """Processes of a kind, as soon as there are any; none if the run has ended before."""
    while process.poll() is None:
        if found := run.alive(kind):
            return found
        time.sleep(0.01)
    return []


@pytest.fixture
def clips(tmp_path: Path, sample_faces: SampleFaces) -> Path:
    return tiny_clips(tmp_path / "in", sample_faces.images, 6)


def _line(clips: Path, output: Path, model_dir: Path) -> list[str]:
    return command(clips, output, model_dir, "--jobs", "2", "--gpu-server", "always")


@pytest.mark.parametrize("kind", ["worker", pytest.param("gpu server", marks=pytest.mark.slow),
                                  pytest.param("reader", marks=pytest.mark.slow)])  # fmt: skip
def test_killed_in_the_first_moment_of_a_child_a_batch_leaves_nobody(
    kind: str, clips: Path, tmp_path: Path, model_dir: Path
) -> None:
    """While a child is being loaded, it cannot yet have been told of anything."""
    run = Run(_line(clips, tmp_path / "out", model_dir), tmp_path / "tmp")
    process = run.start()
    assert _wait_for(run, process, _KINDS[kind])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run.check_nothing_is_left()


@pytest.mark.slow
def test_killed_at_any_moment_a_batch_leaves_nothing_and_is_resumed(
    clips: Path, tmp_path: Path, model_dir: Path
) -> None:
    started = time.monotonic()
    whole = Run(_line(clips, tmp_path / "whole", model_dir), tmp_path / "tmp")
    assert whole.start().wait() == 0
    length_s = time.monotonic() - started
    whole.check_nothing_is_left()
    chance = random.Random(14)
    killed, slowest_s = 0, 0.0
    for number in range(_ROUNDS):
        output = tmp_path / f"out {number}"
        run = Run(_line(clips, output, model_dir), tmp_path / "tmp")
        process = run.start()
        first_second = number % 3 == 0
        time.sleep(chance.uniform(0, 1) if first_second else chance.uniform(0, 1.1 * length_s))
        run.alive()
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        began = time.monotonic()
        run.check_nothing_is_left()
        slowest_s = max(slowest_s, time.monotonic() - began)
        if number % 3 == 1:
            assert run.start().wait() == 0
            assert tables(output) == tables(tmp_path / "whole")
            assert not any((output / ".poise" / "unfinished").iterdir())
    print(f"{killed} SIGKILLs of the command alone; everybody gone after {slowest_s:.1f} s at most")
    assert killed >= _ROUNDS // 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_a_child_killed_at_any_moment_costs_nothing(
    kind: str, clips: Path, tmp_path: Path, model_dir: Path
) -> None:
    whole = Run(_line(clips, tmp_path / "whole", model_dir), tmp_path / "tmp")
    assert whole.start().wait() == 0
    chance = random.Random(kind)
    for delay_s in (0.0, 0.3, chance.uniform(1, 5)):  # of its life
        output = tmp_path / f"out {delay_s:.2f}"
        run = Run(_line(clips, output, model_dir), tmp_path / "tmp")
        process = run.start()
        victims = _wait_for(run, process, _KINDS[kind])
        time.sleep(delay_s)
        for victim in victims[:1]:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        assert process.wait() == 0
        run.check_nothing_is_left()
        assert tables(output) == tables(tmp_path / "whole")
