"""A Dask cluster: workers that die, lack the recordings, differ, or are all gone."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from poise.batch.run import analyze
from poise.batch.workers.calls import Call, Crash
from poise.batch.workers.cluster import Cluster
from poise.errors import PoiseError, SettingsError
from poise.settings import Settings
from tests.batch.workers.test_pool import INTERVIEW, assert_same_frames
from tests.conftest import ROOT
from tests.processes import wait_until

# It is not loaded when tests are collected: that takes half a second, and most processes of a run
# never need it.
pytestmark = [
    pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

_BLIND = """
import pathlib
exists = pathlib.Path.exists
pathlib.Path.exists = lambda self: "unseen" not in self.parts and exists(self)
"""
_OLD = """
import importlib.metadata
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.9" if name == "poise" else version(name)
"""


@dataclass
class Dask:
    """A scheduler and its workers, each a process of its own."""

    folder: Path
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *oddities: str) -> str:
        """Start a scheduler and a worker for each oddity, Python that it runs first: address."""
        from distributed import Client

        file = self.folder / "scheduler.json"
        local = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(file)]
        self.scheduler = self._python("dask_scheduler", "--port", "0", *local)
        for k, oddity in enumerate(oddities):
            site = self.folder / f"site {k}"
            site.mkdir()
            (site / "sitecustomize.py").write_text(oddity, encoding="utf-8")
            self.workers.append(
                self._python("dask_worker", "--nthreads", "1", "--no-nanny", *local,
                             "--local-directory", str(self.folder / f"worker {k}"), site=site)
            )  # fmt: skip
        wait_until(file.exists)
        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(len(oddities), timeout=120)
            return str(client.scheduler.address)

    def _python(
        self, program: str, *arguments: str, site: Path | None = None
    ) -> subprocess.Popen[bytes]:
        path = [str(p) for p in (site, ROOT) if p] + [os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *arguments],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )  # fmt: skip

    def end(self) -> None:
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                process.kill()
                process.wait()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    made = Dask(tmp_path)
    yield made
    made.end()


def work(seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return os.getpid()


def deadly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _call(function: Callable[..., object], *arguments: object, path: Path = ROOT) -> Call:
    return Call(function, arguments, path)


@pytest.mark.slow
def test_a_recording_that_kills_its_workers_fails_alone(dask: Dask, tmp_path: Path) -> None:
    cluster = Cluster(dask.start(*[""] * 5), tmp_path, print)
    calls = [_call(deadly), *(_call(work, 0.5) for _ in range(12))]
    found = list(cluster.run(calls, 5))
    cluster.close()
    assert len(found) == 13
    crashes = [(call, result) for call, result in found if isinstance(result, Crash)]
    assert [call.function for call, _ in crashes] == [deadly]
    assert "ended 4 workers" in crashes[0][1].cause


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["workers", "its scheduler"])
def test_a_cluster_that_is_lost_ends_the_run_soon(dask: Dask, tmp_path: Path, lost: str) -> None:
    cluster = Cluster(dask.start("", ""), tmp_path, print, without_s=20)
    calls = cluster.run([_call(work), *(_call(work, 300.0) for _ in range(3))], 2)
    next(calls)
    assert dask.scheduler is not None
    for process in dask.workers if lost == "workers" else [dask.scheduler]:
        process.kill()
    started = time.monotonic()
    with pytest.raises(PoiseError, match=f"without {lost}") as caught:
        next(calls)
    assert time.monotonic() - started < 60
    assert "goes on from here" in caught.value.remedy
    cluster.close()
    assert time.monotonic() - started < 75


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_recordings_gets_no_work(dask: Dask, tmp_path: Path) -> None:
    notices: list[str] = []
    recording = tmp_path / "unseen" / "a.mp4"
    recording.parent.mkdir()
    recording.write_bytes(b"")
    cluster = Cluster(dask.start(_BLIND, ""), tmp_path, notices.append)
    calls = [_call(work, 0.2, path=recording) for _ in range(6)]
    calls.append(_call(work, path=tmp_path / "vanished.mp4"))
    results = [result for _, result in cluster.run(calls, 2)]
    cluster.close()
    assert set(results) == {dask.workers[1].pid}
    (notice,) = notices
    assert "does not see" in notice and "mount it there" in notice


@pytest.mark.slow
def test_a_worker_of_another_version_is_refused(dask: Dask, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"1 of 2 workers .* poise 0\.0\.9 instead of"):
        Cluster(dask.start("", _OLD), tmp_path, print)


@pytest.mark.slow
def test_a_cluster_gives_the_same_tables_though_a_worker_is_killed(
    dask: Dask, model_dir: Path, tmp_path: Path
) -> None:
    address = dask.start("", "")
    for k in range(4):
        target = tmp_path / "in" / f"candidate {k}.mp4"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(INTERVIEW, target)
        target.open("ab").write(bytes([k]))  # other bytes, the same video

    def kill_one() -> None:
        while not list((tmp_path / "cluster" / ".poise" / "unfinished").glob("*/*")):
            time.sleep(0.05)
        dask.workers[0].kill()

    killed = threading.Thread(target=kill_one, daemon=True)
    killed.start()
    settings = Settings(model=str(model_dir), device="cpu", jobs=2)
    far = analyze(
        tmp_path / "in",
        tmp_path / "cluster",
        Settings(model=str(model_dir), device="cpu", cluster=address),
    )
    killed.join(5)
    assert dask.workers[0].poll() is not None
    here = analyze(tmp_path / "in", tmp_path / "local", settings)
    assert far.exit_code == here.exit_code == 0
    for a, b in zip(far.outcomes, here.outcomes, strict=True):
        assert a.result is not None and b.result is not None
        assert_same_frames(a.result.read_frames(), b.result.read_frames())


def test_what_is_no_scheduler_is_refused_quickly(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started = time.monotonic()
    try:
        for address in (f"tcp://127.0.0.1:{server.server_port}", "nonsense://nowhere",
                        "tcp://127.0.0.1:1", "tcp://127.0.0.1:port"):  # fmt: skip
            with pytest.raises(SettingsError, match="no Dask scheduler answers"):
                Cluster(address, tmp_path, print)
    finally:
        server.shutdown()
        server.server_close()
    assert time.monotonic() - started < 30
