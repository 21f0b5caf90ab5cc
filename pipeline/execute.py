"""Many recordings at once: processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from pipeline.device import all_devices, choose_device
from pipeline.errors import SettingsError, VideoError
from pipeline.owner import OwnerProcess
from pipeline.settings import Settings
from pipeline.store import ResultStore
from pipeline.work import Done, Parts, Task, Worker

_CONNECTING_S = 20


class Pool:
    """Runs tasks in parallel; a process that dies costs the recording it died of, at most.

    Args:
        settings: Say how many processes, and where.
        store: Takes the results.

    Raises:
        SettingsError: On entering, if the cluster does not answer.
    """

    jobs: int

    def __init__(self, settings: Settings, store: ResultStore) -> None:
        self.settings, self._store = settings, store
        self.jobs = settings.jobs or _cores()
        self._worker = Worker(settings, store)
        self._died: tuple[type[Exception], ...] = (TerminatedWorkerError,)
        self._stack = ExitStack()

    def __enter__(self) -> Pool:
        if self.settings.cluster:
            self._join_cluster(self.settings.cluster)
        elif self._has_owner():
            owners = [
                self._stack.enter_context(OwnerProcess(self.settings, device))
                for device in all_devices(self.settings.device)
            ]
            addresses = tuple(owner.address for owner in owners)
            self._worker = Worker(self.settings, self._store, addresses)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def execute(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Do the tasks, in the order given as far as workers are free.

        With fewer tasks than processes, long recordings are cut into parts. When a process dies
        (out of memory, a crash in a library), what remains is done one recording at a time, each
        in a process of its own, so that the culprit is known and fails alone.
        """
        left = {task.recording.recording_id: task for task in tasks}
        try:
            for done in self._in_parallel(tasks):
                left.pop(done.task.recording.recording_id)
                yield done
        except self._died:
            pass
        for task in left.values():
            yield self._alone(task)

    def _in_parallel(self, tasks: Sequence[Task]) -> Iterator[Done]:
        worker = self._worker
        cut = self._cut(tasks) if len(tasks) < self.jobs else []
        in_parts = {parts.task.recording.recording_id for parts in cut}
        looks = [(worker.look, parts, k) for parts in cut for k in range(len(parts.spans))]
        wholes = [
            (worker.analyse, task) for task in tasks if task.recording.recording_id not in in_parts
        ]
        processes = min(self.jobs, max(1, len(looks) + len(wholes)))
        for done in self._run([*looks, *wholes], processes):
            if done.task.recording.recording_id not in in_parts:
                yield done
        yield from self._run([(worker.join, parts) for parts in cut], processes)

    def _cut(self, tasks: Sequence[Task]) -> list[Parts]:
        """How the long ones among the tasks are cut, so that every process has something to do."""
        count = self.jobs // max(1, len(tasks))
        found = self._run([(self._worker.cut, task, count) for task in tasks], len(tasks))
        return [parts for parts in found if parts]

    def _run(self, calls: Sequence[tuple[Any, ...]], processes: int) -> Iterator[Any]:
        """Results of functions, each with its arguments, as they come."""
        if calls:
            yield from Parallel(n_jobs=processes, return_as="generator_unordered", batch_size=1)(
                delayed(function)(*arguments) for function, *arguments in calls
            )

    def _alone(self, task: Task) -> Done:
        try:
            return Parallel(n_jobs=2)([delayed(self._worker.analyse)(task)])[0]  # type: ignore[no-any-return]
        except self._died:
            error = VideoError(
                "the process that analysed it died, for lack of memory or of a fault in a library",
                remedy="Try fewer --jobs, or export the recording again.",
                path=task.recording.path,
            )
            return Done(task=task, seconds=0.0, error=error)

    def _has_owner(self) -> bool:
        if self.settings.owner == "auto":
            return choose_device(self.settings.device).type == "cuda"
        return self.settings.owner == "always"

    def _join_cluster(self, address: str) -> None:
        """Let joblib hand its calls to the workers of a Dask scheduler."""
        try:
            from distributed import Client, KilledWorker
        except ImportError as error:
            raise SettingsError(
                "Dask is not installed", remedy="Install it: pip install 'poise[cluster]'."
            ) from error
        try:
            client = self._stack.enter_context(Client(address, timeout=_CONNECTING_S))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"no Dask scheduler answers at {address}",
                remedy="Start one with `dask scheduler`, and give its address with --cluster.",
            ) from error
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            raise SettingsError(
                f"the cluster at {address} has no workers",
                remedy=f"Start some on each machine: dask worker {address} --nthreads 1.",
            )
        self.jobs = len(workers)
        self._died = (TerminatedWorkerError, KilledWorker)
        self._stack.enter_context(parallel_config(backend="dask"))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1
