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

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.analysis.gpu_server import Address
from poise.analysis.observe import glance
from poise.analysis.recording import analyse_parts, analyse_recording, observe_part
from poise.analysis.views import Look
from poise.errors import DiskFullError, PoiseError, UnfinishedError, VideoError
from poise.faces.keyframes import PERIOD_S, PERIOD_SAMPLES
from poise.media.decoders.sampling import SampleSpan
from poise.settings import Settings
from poise.storage.result_format import write_result
from poise.storage.result_store import ResultStore
from poise.system.atomic_files import PRIVATE_UMASK, Stamp, not_written, stamp_of
from poise.system.interrupts import die_with
from poise.types import Recording

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
    error: PoiseError | None = None
    stages: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """How a long recording is cut, and how closely its parts are looked at."""

    task: Task
    spans: tuple[SampleSpan, ...]
    look: Look


@dataclass(frozen=True)
class Worker:
    """A worker's tasks. It is sent to the processes; the context is made there, once.

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

        def work(context: AnalysisContext) -> None:
            with self.store.writing(task.key) as directory:
                analysis = analyse_recording(
                    task.recording.path,
                    context,
                    directory,
                    neutral_span_s=task.recording.neutral_span_s,
                )
                write_result(analysis, directory)
                _check_unchanged(task)

        _, done = self._attempt(task, work)
        return done

    def cut(self, task: Task, count: int) -> Parts | None:
        """Decide how to cut a recording into so many parts; None where it is better left whole."""

        def work(context: AnalysisContext) -> Parts | None:
            path, rate_hz = task.recording.path, self.settings.sample_rate_hz
            info = context.decoding.describe(path, backend=self.settings.decoder)
            length_s = (info.duration_s or 0.0) - info.start_offset_s
            spans = spans_of(length_s, rate_hz, count)
            if len(spans) < 2:
                return None
            with (
                TemporaryDirectory() as folder,
                CropFile(Path(folder), context.spec.input_px) as crops,
            ):
                _, look = glance(path, context, crops)
            return Parts(task=task, spans=spans, look=look)

        return self._attempt(task, work)[0]

    def observe(self, parts: Parts, number: int) -> Done:
        """Look at one part of a recording."""

        def work(context: AnalysisContext) -> None:
            directory = self.store.parts(parts.task.key) / str(number)
            shutil.rmtree(directory, ignore_errors=True)  # of a process that died
            directory.mkdir(parents=True)
            observe_part(
                parts.task.recording.path,
                context,
                parts.spans[number],
                parts.look,
                directory,
            )

        return self._attempt(parts.task, work)[1]

    def join(self, parts: Parts) -> Done:
        """Finish a recording whose parts were all looked at; whole where a part was damaged."""

        def work(context: AnalysisContext) -> None:
            folder = self.store.parts(parts.task.key)
            directories = [folder / str(number) for number in range(len(parts.spans))]
            with self.store.writing(parts.task.key) as directory:
                recording = parts.task.recording
                analysis = analyse_parts(
                    recording.path,
                    context,
                    directories,
                    directory,
                    neutral_span_s=recording.neutral_span_s,
                )
                write_result(analysis, directory)
                _check_unchanged(parts.task)
            shutil.rmtree(folder, ignore_errors=True)

        _, done = self._attempt(parts.task, work)
        return self.analyse(parts.task) if done.error else done

    def _attempt(
        self, task: Task, work: Callable[[AnalysisContext], _Result]
    ) -> tuple[_Result | None, Done]:
        started = time.monotonic()
        error: PoiseError | None = None
        result = None
        stages: dict[str, float] = {}
        warnings: list[str] = []
        try:
            with _context_lock:
                _settle_in(self)
                context = started_context(self.settings, self.owners)
                stages, warnings = context.timing.seconds, context.decoding.warnings
                warnings.clear()
                result = work(context)
        except PoiseError as failure:
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


def _explained(failure: Exception, task: Task) -> PoiseError:
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


def close_context() -> None:
    """End what this process keeps from one recording to the next."""
    global _context
    if _context is not None:
        _context[1].decoding.close()
        _context = None


def spans_of(duration_s: float, rate_hz: float, count: int) -> tuple[SampleSpan, ...]:
    """Cut a duration into at most so many parts of at least `LEAST_PART_S`.

    Cuts lie where a period of key frames begins (`poise.faces.keyframes`), so that the parts give
    the same faces as the whole.
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


_context_lock = threading.Lock()  # a Dask worker may have several threads
_context: tuple[tuple[Settings, tuple[Address, ...]], AnalysisContext] | None = None


def started_context(settings: Settings, owners: tuple[Address, ...]) -> AnalysisContext:
    """The worker's context; networks are loaded for its first recording only."""
    global _context
    made_for = (settings, owners)
    if _context is None or _context[0] != made_for:
        # Processes share the cores; a thread pool in each of them would make all of them wait.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        if _context is not None:
            _context[1].decoding.close()
        owner = owners[os.getpid() % len(owners)] if owners else None
        _context = (made_for, AnalysisContext.start(settings, owner))
        gc.freeze()  # joblib collects garbage after a first task: 0.2 s among torch's objects
    return _context[1]
