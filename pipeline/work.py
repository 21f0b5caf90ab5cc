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
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import cv2
import torch

from pipeline.analysis import analyse_parts, analyse_recording, look_at_part
from pipeline.decoders import SampleSpan
from pipeline.engine import Engine
from pipeline.errors import PipelineError, VideoError
from pipeline.follow import PERIOD_S, PERIOD_SAMPLES
from pipeline.look import glance
from pipeline.owner import Address
from pipeline.settings import Settings
from pipeline.spool import CropSpool
from pipeline.store import ResultStore
from pipeline.types import Recording

LEAST_PART_S = 60.0  # shorter parts are not worth their joining
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A recording to analyse, its path absolute, and the name of its result."""

    recording: Recording
    key: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a task; `error` is None where its result is stored."""

    task: Task
    seconds: float
    error: PipelineError | None = None


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
    """

    settings: Settings
    store: ResultStore
    owners: tuple[Address, ...] = ()

    def analyse(self, task: Task) -> Done:
        """Analyse a recording; its failure is an answer, not an exception."""

        def work(engine: Engine) -> None:
            with self.store.writing(task.key) as directory:
                analyse_recording(task.recording.path, engine, directory)

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
            shutil.rmtree(folder, ignore_errors=True)

        _, done = self._attempt(parts.task, work)
        return self.analyse(parts.task) if done.error else done

    def _attempt(
        self, task: Task, work: Callable[[Engine], _Result]
    ) -> tuple[_Result | None, Done]:
        started = time.monotonic()
        error: PipelineError | None = None
        result = None
        try:
            with _engine_lock:
                result = work(_started_engine(self.settings, self.owners))
        except PipelineError as failure:
            error = failure
        except Exception as failure:
            error = VideoError(
                f"the analysis failed ({type(failure).__name__}: {failure})",
                remedy="Please report this, with the recording if you may.",
                path=task.recording.path,
            )
            error.add_note(traceback.format_exc())
        return result, Done(task=task, seconds=time.monotonic() - started, error=error)


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
