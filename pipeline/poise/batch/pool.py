"""Many recordings at once: processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from poise.analysis.gpu_server import GpuServerProcess
from poise.batch.worker import Done, Parts, Task, Worker, close_context
from poise.errors import SettingsError, VideoError
from poise.expression.device import all_devices, choose_device
from poise.settings import Settings
from poise.storage.result_store import ResultStore
from poise.system.interrupts import deaf_children

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
        self._worker = Worker(settings, store, parent=os.getpid())
        self._died: tuple[type[Exception], ...] = (TerminatedWorkerError,)
        self._stack = ExitStack()

    def __enter__(self) -> Pool:
        if self.settings.cluster:
            self._join_cluster(self.settings.cluster)
        elif self._has_owner():
            owners = [
                self._stack.enter_context(GpuServerProcess(self.settings, device))
                for device in all_devices(self.settings.device)
            ]
            addresses = tuple(owner.address for owner in owners)
            self._worker = replace(self._worker, owners=addresses)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if kind is not None and not self.settings.cluster:
            self._kill_workers()  # what they do is of no use any more
            close_context()

    def execute(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Do the tasks, in the order given as far as workers are free.

        With fewer tasks than processes, long recordings are cut into parts. When a process dies
        (out of memory, a crash in a library), those that were being worked on are done one at a
        time, each in a process of its own, so that the culprit is known and fails alone; then the
        rest goes on in parallel.
        """
        left = {task.recording.recording_id: task for task in tasks}
        while left:
            try:
                with closing(self._in_parallel(list(left.values()))) as results:
                    for done in results:
                        left.pop(done.task.recording.recording_id)
                        self._store.finish(done.task.key)
                        yield done
            except self._died:
                begun = [task for task in left.values() if self._store.is_begun(task.key)]
                for task in begun or list(left.values()):
                    left.pop(task.recording.recording_id)
                    yield self._alone(task)
                    self._store.finish(task.key)

    def _in_parallel(self, tasks: Sequence[Task]) -> Generator[Done, None, None]:
        worker = self._worker
        cut = self._cut(tasks) if len(tasks) < self.jobs else []
        in_parts = {parts.task.recording.recording_id for parts in cut}
        for parts in cut:
            self._store.begin(parts.task.key)
        looks = [(worker.observe, parts, k) for parts in cut for k in range(len(parts.spans))]
        wholes = [
            (_begun, worker, task) for task in tasks if task.recording.recording_id not in in_parts
        ]
        processes = min(self.jobs, max(1, len(looks) + len(wholes)))
        with closing(self._run([*looks, *wholes], processes)) as results:
            for done in results:
                if done.task.recording.recording_id not in in_parts:
                    yield done
        yield from self._run([(worker.join, parts) for parts in cut], processes)

    def _cut(self, tasks: Sequence[Task]) -> list[Parts]:
        """How the long ones among the tasks are cut, so that every process has something to do."""
        count = self.jobs // max(1, len(tasks))
        found = self._run([(self._worker.cut, task, count) for task in tasks], len(tasks))
        return [parts for parts in found if parts]

    def _run(self, calls: Sequence[tuple[Any, ...]], processes: int) -> Generator[Any, None, None]:
        """Results of functions, each with its arguments, as they come."""
        if calls:
            with deaf_children():  # they are started here
                results = Parallel(n_jobs=processes, return_as="generator_unordered", batch_size=1)(
                    delayed(function)(*arguments) for function, *arguments in calls
                )
            try:
                for result in results:  # noqa: UP028  (`yield from` would close it with a warning)
                    yield result
            except GeneratorExit:
                with warnings.catch_warnings():  # joblib's, that not all was waited for
                    warnings.simplefilter("ignore")
                    results.close()
                raise

    def _alone(self, task: Task) -> Done:
        try:
            return next(self._run([(self._worker.analyse, task)], 2))  # type: ignore[no-any-return]
        except self._died:
            error = VideoError(
                "the process that analysed it died, for lack of memory or of a fault in a library",
                remedy="Try fewer --jobs, or export the recording again.",
                path=task.recording.path,
            )
            return Done(task=task, seconds=0.0, error=error)

    def _kill_workers(self) -> None:
        executor = reusable_executor._executor
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)

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


def _begun(worker: Worker, task: Task) -> Done:
    worker.store.begin(task.key)
    return worker.analyse(task)


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1
