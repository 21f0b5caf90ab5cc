"""Many recordings at once: in processes of this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from poise.batch.workers.calls import Call, Crash, InThisProcess, Runner
from poise.batch.workers.capacity import crowding, suitable_jobs
from poise.batch.workers.cluster import Cluster
from poise.batch.workers.processes import LocalProcesses
from poise.batch.workers.worker import Done, Parts, Task, Worker
from poise.errors import VideoError
from poise.expression.device_name import device_name
from poise.settings import Settings
from poise.storage.results.store import ResultStore
from poise.system.directory_lock import holder

_LEAST_SILENCE_S, _LEAST_IDLE_S = 60.0, 900.0


class Pool:
    """Runs tasks in parallel; a process that crashes costs only the recording that crashed it.

    With the setting `jobs` 1 they run in this very process, where nobody can end what never ends.
    Leaving it ends all processes.

    Args:
        settings: Say how many processes, and where.
        store: Takes the results.
        notice: Told what the user should know.
        worker: Does the work; made from the settings if None.

    Attributes:
        jobs: Recordings analysed at the same time.

    Raises:
        SettingsError: On entering, if the cluster does not answer or does not fit.
    """

    def __init__(
        self,
        settings: Settings,
        store: ResultStore,
        notice: Callable[[str], None] = lambda text: None,
        *,
        worker: Worker | None = None,
    ) -> None:
        self.settings, self._store, self._notice = settings, store, notice
        self.jobs = settings.jobs or suitable_jobs()
        found = holder(store.root)
        token = found.token if found and found.pid == os.getpid() else ""
        self._worker = worker or Worker(settings, store, parent=os.getpid(), token=token)
        self._stack = ExitStack()
        self._runner: Runner = InThisProcess()

    def __enter__(self) -> Pool:
        settings = self.settings
        self._stack.callback(_release_context)
        if settings.cluster:
            cluster = Cluster(settings.cluster, self._store.root, self._notice)
            self._runner, self.jobs = cluster, cluster.jobs
        else:
            for warning in crowding(settings.jobs):
                self._notice(warning)
            if self._has_gpu_server():
                self._start_gpu_servers()
            if self.jobs > 1 or not settings.jobs:  # one core: watched as well
                stall_s = settings.stall_timeout_s
                self._runner = LocalProcesses(
                    silence_limit_s=max(_LEAST_SILENCE_S, stall_s),
                    idle_limit_s=_LEAST_IDLE_S + 3 * stall_s,
                )
        self._stack.callback(self._runner.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def execute(
        self, tasks: Sequence[Task], more: Callable[[], Sequence[Task]] | None = None
    ) -> Iterator[Done]:
        """Do the tasks; they are started in the order given, and come as they are done.

        With fewer tasks than processes, long recordings are cut into parts.

        Args:
            tasks: To begin with.
            more: Asked now and then for further tasks; None: these are all.
        """
        cut = self._cut(tasks) if more is None and len(tasks) < self.jobs else []
        in_parts = {parts.task.recording.recording_id for parts in cut}
        worker = self._worker
        looks = [
            _call(worker.observe, parts.task, parts, k)
            for parts in cut
            for k in range(len(parts.spans))
        ]
        wholes = [
            _call(worker.analyse, task, task)
            for task in tasks
            if task.recording.recording_id not in in_parts
        ]

        def further() -> Sequence[Call]:
            return [_call(worker.analyse, task, task) for task in (more() if more else ())]

        most = self.jobs if more else min(self.jobs, max(1, len(looks) + len(wholes)))
        looked: dict[str, list[Done]] = {}
        with closing(self._runner.run([*looks, *wholes], most, further)) as results:
            for call, result in results:
                if call.function != worker.observe:
                    yield self._done(call, result)
                elif isinstance(result, Done):
                    looked.setdefault(result.task.key, []).append(result)
        with closing(self._run([_call(worker.join, p.task, p) for p in cut])) as results:
            for call, result in results:
                done = self._done(call, result)
                yield _with_parts(done, looked.get(done.task.key, []))

    def _cut(self, tasks: Sequence[Task]) -> list[Parts]:
        """How the long ones among the tasks are cut, so that every process has something to do."""
        count = self.jobs // max(1, len(tasks))
        found = [
            result for _, result in self._run([_call(self._worker.cut, t, t, count) for t in tasks])
        ]
        return [parts for parts in found if isinstance(parts, Parts)]

    def _run(self, calls: Sequence[Call]) -> Generator[tuple[Call, Any], None, None]:
        return self._runner.run(calls, min(self.jobs, max(1, len(calls))))

    def _done(self, call: Call, result: Any) -> Done:
        first = call.arguments[0]
        task = first.task if isinstance(first, Parts) else first
        self._store.finish(task.key)
        if not isinstance(result, Crash):
            return result  # type: ignore[no-any-return]
        error = VideoError(
            result.cause,
            remedy=result.remedy,
            path=task.recording.path,
            code=result.code,
        )
        return Done(task=task, seconds=0.0, error=error)

    def _start_gpu_servers(self) -> None:
        from poise.analysis.gpu.supervisor import GpuServerProcess
        from poise.expression.device import all_devices

        servers = [
            self._stack.enter_context(GpuServerProcess(self.settings, device, self._notice))
            for device in all_devices(self.settings.device)
        ]
        self._worker = replace(self._worker, servers=tuple(server.address for server in servers))

    def _has_gpu_server(self) -> bool:
        if self.settings.gpu_server == "auto":
            return device_name(self.settings.device).startswith("cuda")
        return self.settings.gpu_server == "always"


def _release_context() -> None:
    """What this process keeps from one recording to the next, if it has analysed any itself."""
    loaded = sys.modules.get("poise.analysis.context")
    if loaded is not None:
        loaded.release_context()


def _with_parts(joined: Done, looked: Sequence[Done]) -> Done:
    """What became of a recording whose parts were looked at together: it took as long as the
    longest of them and the rest, and all their work."""
    pieces = [*looked, joined]
    stages = dict.fromkeys((name for piece in pieces for name in piece.stages), 0.0)
    for piece in pieces:
        for name, seconds in piece.stages.items():
            stages[name] += seconds
    seconds = joined.seconds + max((part.seconds for part in looked), default=0.0)
    return replace(joined, seconds=seconds, stages=stages)


def _call(function: Callable[..., Any], task: Task, *arguments: Any) -> Call:
    return Call(function, arguments, task.recording.path)
