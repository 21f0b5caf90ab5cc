"""J3. A Dask cluster that is broken: no scheduler, other versions, no recordings, nobody left."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults_before.cases import case
from tests.faults_before.inputs import people
from tests.faults_before.sides import Side, ended
from tests.processes import wait_until

_OTHER_VERSION = """
import importlib.metadata
version = importlib.metadata.version
importlib.metadata.version = lambda name: "0.0.9" if name == "poise" else version(name)
"""


@case("J3", "the address of a web server: within 45 s")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = side.analyze("--cluster", f"tcp://127.0.0.1:{server.server_port}", limit_s=45)
    server.shutdown()
    return "nothing" if done.returncode == 124 else ended(done)


@case("J3 version", "a Dask worker with another version of Poise: what comes of it")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    site = side.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_OTHER_VERSION, encoding="utf-8")
    with _cluster(side, [[]], path=site) as cluster:
        return ended(side.analyze("--cluster", cluster.address))


@case("J3 folder", "one of two Dask workers does not see the recordings: recordings done of six")
def _(side: Side) -> object:
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    hidden = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none "{side.root}" && exec "$@"', "sh"]
    with _cluster(side, [hidden, []]) as cluster:
        side.analyze("--cluster", cluster.address)
    return side.results()


@case("J3 lost", "all Dask workers killed while they work: what the command does within 100 s")
def _(side: Side) -> object:
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    with (
        _cluster(side, [[], []]) as cluster,
        side.started("--cluster", cluster.address) as command,
    ):
        wait_until(lambda: side.results() > 0 or command.poll() is not None)
        for worker in cluster.workers:
            worker.kill()
        try:
            return f"ends with {command.wait(100)}"
        except subprocess.TimeoutExpired:
            command.kill()
            return "waits"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class _Cluster:
    address: str
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def _cluster(
    side: Side, workers: Sequence[Sequence[str]], *, path: Path | None = None
) -> Iterator[_Cluster]:
    """A scheduler and workers, each started by a command; `path` is where Python looks first."""
    from distributed import Client

    file = side.folder / "scheduler.json"
    local = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(file)]
    python_path = os.pathsep.join(map(str, filter(None, [path, side.package])))

    def start(program: str, *words: str, by: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*by, sys.executable, "-m", f"distributed.cli.{program}", *words, *local],
            env=side.environment | {"PYTHONPATH": python_path}, cwd=side.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    started = [start("dask_scheduler", "--port", "0")]
    try:
        wait_until(file.exists)
        for k, by in enumerate(workers):
            own = ("--nthreads", "1", "--no-nanny", "--local-directory", f"worker{k}")
            started.append(start("dask_worker", *own, by=by))
        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(len(workers), timeout=120)
            address = str(client.scheduler.address)
        yield _Cluster(address, started[1:])
    finally:
        for process in started:
            process.kill()
            process.wait()
