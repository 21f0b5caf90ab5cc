"""The workers of a Dask cluster, which make calls instead of processes of this machine."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise.batch.workers.calls import Call, Crash, More, nothing_more
from poise.errors import PoiseError, SettingsError
from poise.storage.results.store import ANALYSIS_VERSION
from poise.system.run_log import versions

_CONNECTING_S = 20.0
_GREETING_S = 5.0  # a scheduler speaks first, at once
_WITHOUT_S = 40.0
_LOOK_S, _CENSUS_S, _COUNTING_S, _ANSWER_S = 0.2, 3.0, 10.0, 60.0
_ALIKE = ("poise", "analysis", "python", "torch", "av", "numpy")  # must not differ


@dataclass(frozen=True)
class NotSeen:
    """A worker's answer in place of a result: it lacks the directory or file."""

    worker: str
    path: Path


@dataclass
class _Asked:
    """A call that a worker makes, and those that it may be made by; None: any."""

    call: Call
    allowed: frozenset[str] | None = None


@dataclass
class _Census:
    """The workers of the cluster.

    Args:
        threads: Threads of each, by its address.
        unfit: Addresses of those that get no work.
        when: Of the last count, by the monotonic clock; likewise `seen`, with a worker there.
    """

    threads: dict[str, int] = field(default_factory=dict)
    unfit: set[str] = field(default_factory=set)
    when: float = 0.0
    seen: float = 0.0

    @property
    def fit(self) -> frozenset[str]:
        """Those that get work."""
        return frozenset(self.threads) - self.unfit


class Cluster:
    """Makes calls on the workers of a Dask scheduler.

    A call that costs several workers their lives fails alone. A worker that does not see the
    recordings or the reports is told of and gets no work. Without the scheduler or any worker for
    a while, the run ends so that it can be resumed.

    Args:
        address: Of the scheduler, tcp://HOST:8786.
        reports: Directory that each worker must see.
        notice: Told what the user should know.
        without_s: How long the scheduler or all workers may be gone.

    Raises:
        SettingsError: If no scheduler answers, there is no worker, or versions differ.
    """

    def __init__(
        self,
        address: str,
        reports: Path,
        notice: Callable[[str], None],
        *,
        without_s: float = _WITHOUT_S,
    ) -> None:
        self._address, self._reports, self._notice = address, reports, notice
        self._without_s = without_s
        self._client: Any = _connected(address)
        self._census = _Census()
        try:
            self._census.seen = time.monotonic()
            self._count()
            self._refuse_strangers()
        except BaseException:
            self.close()
            raise

    @property
    def jobs(self) -> int:
        """Calls that can be made at the same time."""
        return sum(self._census.threads[worker] for worker in self._census.fit)

    def run(
        self, calls: Sequence[Call], most: int, more: More = nothing_more
    ) -> Generator[tuple[Call, Any], None, None]:
        """See `Runner.run`; as many calls at the same time as the workers have threads."""
        queue = deque(_Asked(call) for call in calls)
        running: dict[Any, _Asked] = {}
        try:
            while queue or running:
                self._look_after(running, queue)
                queue.extend(_Asked(call) for call in more())
                while queue and len(running) < max(1, self.jobs) and self._census.threads:
                    asked = queue.popleft()
                    if not self._census.fit:
                        yield (
                            asked.call,
                            Crash("no worker sees it", code="unreadable"),
                        )
                        continue
                    running[self._submit(asked)] = asked
                done = [future for future in running if future.done()]
                for future in done:
                    asked = running.pop(future)
                    result = self._result(future, asked)
                    if result is None:
                        queue.appendleft(asked)
                    else:
                        yield asked.call, result[0]
                if not done:
                    time.sleep(_LOOK_S)
        finally:
            for future in running:
                with suppress(Exception):
                    future.release()

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        client, self._client = self._client, None
        if client is not None:
            _within(10.0, lambda: client.close(timeout=5))

    def _submit(self, asked: _Asked) -> Any:
        asked.allowed = self._census.fit if self._census.unfit else None
        here = asked.call.path.exists()  # else the failure is the recording's, not a worker's
        must_see = [self._reports, asked.call.path] if here else [self._reports]
        workers = {} if asked.allowed is None else {"workers": sorted(asked.allowed)}
        return self._client.submit(_seeing, asked.call, must_see, pure=False, **workers)

    def _result(self, future: Any, asked: _Asked) -> tuple[Any] | None:
        """What a finished future says; None if the call must be made again."""
        try:
            from distributed import KilledWorker

            value = future.result(timeout=_ANSWER_S)
        except KilledWorker as killed:
            return (Crash(f"it ended {killed.allowed_failures + 1} workers of the cluster"),)
        except Exception as error:
            if future.status == "error":
                return (Crash(f"a worker of the cluster failed ({type(error).__name__}: {error})"),)
            return None  # cancelled, or lost with the scheduler
        if isinstance(value, NotSeen):
            if value.worker not in self._census.unfit:
                self._notice(
                    f"The worker {value.worker} does not see {value.path} and gets no work: mount "
                    "it there under the same path."
                )
                self._census.unfit.add(value.worker)
            return None
        return (value,)

    def _look_after(self, running: dict[Any, _Asked], queue: deque[_Asked]) -> None:
        """Count the workers now and then; take back calls that none of those left may make.

        Raises:
            PoiseError: If the scheduler or all workers have been gone for too long.
        """
        if time.monotonic() - self._census.when < _CENSUS_S:
            return
        before = set(self._census.threads)
        self._count()
        now = time.monotonic()
        if now - self._census.seen > self._without_s:
            lost = "workers" if self._is_connected() else "its scheduler"
            raise PoiseError(
                f"the Dask cluster at {self._address} has been without {lost} for "
                f"{self._without_s:.0f} s",
                remedy="Start it again; the same command goes on from here.",
            )
        for worker, trouble in self._strangers(set(self._census.threads) - before).items():
            self._census.unfit.add(worker)
            self._notice(f"The worker {worker} gets no work: {trouble}.")
        for future, asked in list(running.items()):
            if asked.allowed is not None and not asked.allowed & set(self._census.threads):
                del running[future]
                with suppress(Exception):
                    future.release()
                queue.appendleft(asked)

    def _is_connected(self) -> bool:
        return bool(self._client is not None and self._client.status == "running")

    def _count(self) -> None:
        """Count the workers; a scheduler too busy to say leaves them as they were."""
        self._census.when = time.monotonic()
        if not self._is_connected():
            self._census.threads = {}
            return
        found = _within(_COUNTING_S, lambda: self._client.scheduler_info(n_workers=-1))
        if found is not None:
            told = found["workers"]
            self._census.threads = {name: int(one["nthreads"]) for name, one in told.items()}
            if told:
                self._census.seen = time.monotonic()

    def _refuse_strangers(self) -> None:
        if not self._census.threads:
            raise SettingsError(
                f"the cluster at {self._address} has no workers",
                remedy=f"Start some on each machine: dask worker {self._address} --nthreads 1.",
            )
        strangers = self._strangers(set(self._census.threads))
        if strangers:
            worker, trouble = min(strangers.items())
            raise SettingsError(
                f"{len(strangers)} of {len(self._census.threads)} workers of the cluster cannot "
                f"work with this machine: {trouble} on {worker}",
                remedy="Install the same versions of Poise, Python and their libraries everywhere.",
            )

    def _strangers(self, workers: set[str]) -> dict[str, str]:
        """Those of the workers that differ from this machine, and in what."""
        if not workers:
            return {}
        own = _described()
        found = _within(
            _ANSWER_S,
            lambda: self._client.run(_described, workers=sorted(workers), on_error="return"),
        )
        strangers = {}
        for worker in workers:
            told = (found or {}).get(worker)
            if isinstance(told, dict):
                differ = [n for n in _ALIKE if told.get(n) != own.get(n)]
                said = [f"{n} {told.get(n)} instead of {own.get(n)}" for n in differ]
            else:
                said = ["Poise is not installed" if told is not None else "nothing answers"]
            if said:
                strangers[worker] = ", ".join(said)
        return strangers


def _described() -> dict[str, str]:
    return {**versions(), "analysis": str(ANALYSIS_VERSION)}


def _seeing(call: Call, must_see: Sequence[Path]) -> Any:
    """On a worker: make the call, or say what cannot be seen there."""
    from distributed import get_worker

    for path in must_see:
        if not path.exists():
            return NotSeen(str(get_worker().address), path)
    return call()


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise SettingsError(
            "Dask is not installed", remedy="Install it: pip install 'poise[cluster]'."
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say is said here
    try:
        _await_greeting(address)
        return Client(address, timeout=_CONNECTING_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"no Dask scheduler answers at {address}",
            remedy="Start one with `dask scheduler`, and give its address with --cluster.",
        ) from error


def _await_greeting(address: str) -> None:
    """Whether something like a scheduler listens there, which speaks before it is spoken to.

    Raises:
        OSError: If not; a web server, for instance, waits for a request.
        ValueError: If the address is none.
    """
    parts = urlsplit(address)
    if parts.scheme != "tcp":  # encrypted and others: they have time limits of their own
        return
    with socket.create_connection((parts.hostname, parts.port or 8786), _GREETING_S) as connection:
        connection.settimeout(_GREETING_S)
        if not connection.recv(1):
            raise ConnectionError("it hangs up")


def _within(limit_s: float, function: Callable[[], Any]) -> Any:
    """What a function returns; None if it fails or takes longer."""
    answers: list[Any] = []

    def answer() -> None:
        with suppress(Exception):
            answers.append(function())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(limit_s)
    return answers[0] if answers else None
