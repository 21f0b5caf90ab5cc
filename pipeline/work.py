"""What a worker process does: whole recordings, or parts of long ones.

Nothing here imports pandas, Jinja or matplotlib: a worker is to be small, and quick to start.
"""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import cv2
import torch

from pipeline.analysis import analyse_parts, analyse_recording, look_at_part
from pipeline.decoders import SampleSpan
from pipeline.engine import Engine
from pipeline.errors import DiskFullError, PipelineError, UnfinishedError, VideoError
from pipeline.files import PRIVATE_UMASK, Stamp, not_written, stamp_of
from pipeline.follow import PERIOD_S, PERIOD_SAMPLES
from pipeline.look import glance
from pipeline.owner import Address
from pipeline.settings import Settings
from pipeline.signals import die_with
from pipeline.spool import CropSpool
from pipeline.store import ResultStore
from pipeline.types import Recording

LEAST_PART_S = 60.0  # shorter parts are not worth their joining
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A recording to analyse.

    Args:
        recording: Its path is absolute.
        key: Name of its result.
        stamp: Size and time of change (ns) when its hash was made; None if not known.
    """

    recording: Recording
    key: str
    stamp: Stamp | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a task.

    Args:
        task: Which.
        seconds: It took.
        error: None where its result is stored.
        stages: Seconds of each stage.
        warnings: What went wrong and was made good.
    """

    task: Task
    seconds: float
    error: PipelineError | None = None
    stages: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """How a long recording is cut, and how closely its parts are looked at."""

    task: Task
    spans: tuple[SampleSpan, ...]
    short_side_px: int


@dataclass(frozen=True)
class Worker:
    """A worker's tasks. It is sent to the processes; the engine is made there, once.

    Args:
        settings: Of the run.
        store: Takes the results.
        owners: Where the processes listen that own the devices; none where networks run here.
        parent: The process that runs the batch; its workers do not outlive it.
    """

    settings: Settings
    store: ResultStore
    owners: tuple[Address, ...] = ()
    parent: int = 0

    def analyse(self, task: Task) -> Done:
        """Analyse a recording; its failure is an answer, not an exception."""

        def work(engine: Engine) -> None:
            with self.store.writing(task.key) as directory:
                analyse_recording(task.recording.path, engine, directory)
                _check_unchanged(task)

        _, done = self._attempt(task, work)
        return done

    def cut(self, task: Task, count: int) -> Parts | None:
        """Decide how to cut a recording into so many parts; None where it is better left whole."""

        def work(engine: Engine) -> Parts | None:
            path, rate_hz = task.recording.path, self.settings.sample_rate_hz
            info = engine.decoding.describe(path, backend=self.settings.decoder)
            spans = spans_of(info.duration_s or 0.0, rate_hz, count)
            if len(spans) < 2:
                return None
            with (
                TemporaryDirectory() as folder,
                CropSpool(Path(folder), engine.spec.input_px) as spool,
            ):
                _, short_side_px = glance(path, engine, spool)
            return Parts(task=task, spans=spans, short_side_px=short_side_px)

        return self._attempt(task, work)[0]

    def look(self, parts: Parts, number: int) -> Done:
        """Look at one part of a recording."""

        def work(engine: Engine) -> None:
            directory = self.store.parts(parts.task.key) / str(number)
            shutil.rmtree(directory, ignore_errors=True)  # of a process that died
            directory.mkdir(parents=True)
            look_at_part(
                parts.task.recording.path,
                engine,
                parts.spans[number],
                parts.short_side_px,
                directory,
            )

        return self._attempt(parts.task, work)[1]

    def join(self, parts: Parts) -> Done:
        """Finish a recording whose parts were all looked at; whole where a part was damaged."""

        def work(engine: Engine) -> None:
            folder = self.store.parts(parts.task.key)
            directories = [folder / str(number) for number in range(len(parts.spans))]
            with self.store.writing(parts.task.key) as directory:
                analyse_parts(parts.task.recording.path, engine, directories, directory)
                _check_unchanged(parts.task)
            shutil.rmtree(folder, ignore_errors=True)

        _, done = self._attempt(parts.task, work)
        return self.analyse(parts.task) if done.error else done

    def _attempt(
        self, task: Task, work: Callable[[Engine], _Result]
    ) -> tuple[_Result | None, Done]:
        started = time.monotonic()
        error: PipelineError | None = None
        result = None
        stages: dict[str, float] = {}
        warnings: list[str] = []
        try:
            with _engine_lock:
                _settle_in(self)
                engine = _started_engine(self.settings, self.owners)
                stages, warnings = engine.stopwatch.seconds, engine.decoding.warnings
                warnings.clear()
                result = work(engine)
        except PipelineError as failure:
            error = failure
        except Exception as failure:
            error = _explained(failure, task)
        done = Done(
            task=task,
            seconds=time.monotonic() - started,
            error=error,
            stages=dict(stages),
            warnings=tuple(warnings),
        )
        return result, done


def _explained(failure: Exception, task: Task) -> PipelineError:
    """A failure that was not foreseen, as one of this house."""
    if isinstance(failure, OSError):
        known = not_written(failure, Path())
        if isinstance(known, DiskFullError):
            return DiskFullError(known.cause, remedy=known.remedy)
    error = VideoError(
        f"the analysis failed ({type(failure).__name__}: {failure})",
        remedy="Please report this, with the recording if you may.",
        path=task.recording.path,
    )
    error.add_note("".join(traceback.format_exception(failure)))
    return error


def _check_unchanged(task: Task) -> None:
    """A result belongs to the bytes that were hashed, and to no others.

    Raises:
        UnfinishedError: If the recording has changed since.
    """
    path = task.recording.path
    if task.stamp is not None and stamp_of(path) != task.stamp:
        raise UnfinishedError(
            "it changed while it was read, as if it were still being copied",
            remedy="Run the same command again when it is all there.",
            path=path,
        )


_settled = False


def _settle_in(worker: Worker) -> None:
    """What a worker process does once: see to it that it ends with the batch, and keep private."""
    global _settled
    if _settled or os.getpid() == worker.parent:
        return
    _settled = True
    if worker.settings.private:
        os.umask(PRIVATE_UMASK)
    if worker.parent and os.getppid() == worker.parent:  # not a worker of a cluster
        die_with(worker.parent)


def close_engine() -> None:
    """End what this process keeps from one recording to the next."""
    global _engine
    if _engine is not None:
        _engine[1].decoding.close()
        _engine = None


def spans_of(duration_s: float, rate_hz: float, count: int) -> tuple[SampleSpan, ...]:
    """Cut a duration into at most so many parts of at least `LEAST_PART_S`.

    Cuts lie where a period of key frames begins (`pipeline.follow`), so that the parts give the
    same faces as the whole.
    """
    count = min(count, int(duration_s / LEAST_PART_S))
    step_s = 10 * min(PERIOD_S, PERIOD_SAMPLES / rate_hz)
    cuts = [
        round(round(duration_s * k / count / step_s) * step_s * rate_hz) for k in range(1, count)
    ]
    return tuple(
        SampleSpan(first=first, last=last)
        for first, last in zip([0, *cuts], [*cuts, None], strict=True)
    )


_engine_lock = threading.Lock()  # a Dask worker may have several threads
_engine: tuple[tuple[Settings, tuple[Address, ...]], Engine] | None = None


def _started_engine(settings: Settings, owners: tuple[Address, ...]) -> Engine:
    """The worker's engine; networks are loaded for its first recording only."""
    global _engine
    made_for = (settings, owners)
    if _engine is None or _engine[0] != made_for:
        # Processes share the cores; a thread pool in each of them would make all of them wait.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        if _engine is not None:
            _engine[1].decoding.close()
        owner = owners[os.getpid() % len(owners)] if owners else None
        _engine = (made_for, Engine.start(settings, owner))
        gc.freeze()  # joblib collects garbage after a first task: 0.2 s among torch's objects
    return _engine[1]
