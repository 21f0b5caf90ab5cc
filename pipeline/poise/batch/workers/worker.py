"""What a worker does: it analyses whole recordings, or parts of long ones, and stores the result.

Nothing here imports pandas, Jinja or matplotlib: a worker is small and starts quickly. What loads
torch (`load`) is imported where work is done: the process that only hands it out does without.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from poise.errors import DiskFullError, PoiseError, UnfinishedError, VideoError
from poise.media.decoders.sampling import SampleSpan
from poise.settings import Settings
from poise.storage.results.format import write_result
from poise.storage.results.store import ResultStore
from poise.system.atomic_files import PRIVATE_UMASK, Stamp, not_written, stamp_of
from poise.system.directory_lock import holder
from poise.types import Recording

if TYPE_CHECKING:
    from poise.analysis.context import AnalysisContext
    from poise.analysis.gpu.protocol import Address
    from poise.analysis.views import Look

LEAST_PART_S = 60.0  # shorter parts are not worth their joining
_Result = TypeVar("_Result")


def load() -> None:
    """Import what analyses: the networks, and torch with them."""
    import poise.analysis.recording  # noqa: F401


@dataclass(frozen=True, kw_only=True)
class Task:
    """A recording to analyse.

    Args:
        recording: With an absolute path.
        key: Name of its result.
        stamp: Size and time of change (ns) when its hash was made; None if unknown.
    """

    recording: Recording
    key: str
    stamp: Stamp | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a task.

    Args:
        task: Which.
        seconds: How long it took.
        error: Why it failed; None if its result is stored.
        stages: Seconds spent in each stage.
        warnings: What went wrong without costing the result.
    """

    task: Task
    seconds: float
    error: PoiseError | None = None
    stages: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """How a long recording is cut.

    Args:
        task: Which.
        spans: Its parts, in order.
        short_side_px: Of the frames in which faces are looked for.
    """

    task: Task
    spans: tuple[SampleSpan, ...]
    look: Look


@dataclass(frozen=True)
class Worker:
    """The work on one recording; sent to the processes that do it.

    Args:
        settings: Of the run.
        store: Takes the results.
        servers: GPU servers to ask; none where each process computes by itself.
        parent: The process that runs the batch.
        token: Of the run that holds the directory of reports; results are only stored while it
            does. Empty: not checked.
    """

    settings: Settings
    store: ResultStore
    servers: tuple[Address, ...] = ()
    parent: int = 0
    token: str = ""

    def analyse(self, task: Task) -> Done:
        """Analyse a recording; a failure is returned, not raised."""
        from poise.analysis.origin import origin_of
        from poise.analysis.recording import analyse_recording

        self.store.begin(task.key)

        def work(context: AnalysisContext) -> None:
            context.progress.tell = partial(self.store.note_seen, task.key, 0)
            with self.store.writing(task.key) as directory:
                analysis = analyse_recording(
                    task.recording.path,
                    context,
                    directory,
                    neutral_span_s=task.recording.neutral_span_s,
                    portrait=task.recording.portrait,
                    segments=task.recording.segments or (),
                )
                write_result(
                    analysis, directory, recording=task.recording, origin=origin_of(context)
                )
                self._check_wanted(task)

        _, done = self._attempt(task, work)
        return done

    def cut(self, task: Task, count: int) -> Parts | None:
        """Decide how to cut a recording into so many parts; None where it is better left whole."""
        from poise.analysis.crop_file import CropFile
        from poise.analysis.observe import glance

        self.store.begin(task.key)  # to look at it may take long, too

        def work(context: AnalysisContext) -> Parts | None:
            path, rate_hz = task.recording.path, self.settings.sample_rate_hz
            info = context.decoding.describe(path, backend=self.settings.decoder)
            length_s = (info.duration_s or 0.0) - info.start_offset_s
            spans = spans_of(length_s, rate_hz, count)
            if len(spans) < 2:
                return None
            with (
                TemporaryDirectory(dir=self.store.scratch()) as folder,
                CropFile(Path(folder), context.spec.input_px) as crops,
            ):
                _, look = glance(path, context, crops)
            return Parts(task=task, spans=spans, look=look)

        return self._attempt(task, work)[0]

    def observe(self, parts: Parts, number: int) -> Done:
        """Look at one part of a recording."""
        from poise.analysis.recording import observe_part

        def work(context: AnalysisContext) -> None:
            context.progress.tell = partial(self.store.note_seen, parts.task.key, number)
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
        from poise.analysis.origin import origin_of
        from poise.analysis.recording import analyse_parts

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
                    portrait=recording.portrait,
                    segments=recording.segments or (),
                )
                write_result(analysis, directory, recording=recording, origin=origin_of(context))
                self._check_wanted(parts.task)
            shutil.rmtree(folder, ignore_errors=True)

        _, done = self._attempt(parts.task, work)
        return self.analyse(parts.task) if done.error else done

    def _check_wanted(self, task: Task) -> None:
        """Whether a result may be stored.

        Raises:
            UnfinishedError: If the recording has changed since its hash was made.
            PoiseError: If the run that asked for it no longer holds the directory.
        """
        path = task.recording.path
        if task.stamp is not None and stamp_of(path) != task.stamp:
            raise UnfinishedError(
                "it changed while it was read, as if it were still being copied",
                remedy="Run the same command again when it is all there.",
                path=path,
            )
        if self.token:
            found = holder(self.store.root)
            if found is None or found.token != self.token:
                raise PoiseError("the run that asked for this has ended", path=path)

    def _attempt(
        self, task: Task, work: Callable[[AnalysisContext], _Result]
    ) -> tuple[_Result | None, Done]:
        from poise.analysis.context import close_context, started_context
        from poise.analysis.gpu.protocol import GpuServerGone

        started = time.monotonic()
        error: PoiseError | None = None
        result = None
        stages: dict[str, float] = {}
        warnings: list[str] = []
        try:
            with _at_work:
                if self.settings.private and os.getpid() != self.parent:  # a worker of a cluster
                    os.umask(PRIVATE_UMASK)
                for again in (True, False):
                    context = started_context(self.settings, self.servers)
                    stages, warnings = context.timing.seconds, context.decoding.warnings
                    warnings[:] = context.notes
                    context.progress.tell = None
                    try:
                        result = work(context)
                        break
                    except GpuServerGone:
                        if not again:
                            raise
                        close_context()  # the next one computes here
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
    """An unforeseen failure as a `PoiseError`."""
    if isinstance(failure, MemoryError):
        return VideoError(
            "there was not enough memory to analyse it",
            remedy="Try fewer --jobs, or close other programs.",
            path=task.recording.path,
        )
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


_at_work = threading.Lock()  # a Dask worker may have several threads; the context is one


def spans_of(duration_s: float, rate_hz: float, count: int) -> tuple[SampleSpan, ...]:
    """Cut a duration into at most so many parts of at least `LEAST_PART_S`.

    Cuts lie where a period of key frames begins (`poise.faces.detection.keyframes`), so that the
    parts give the same faces as the whole.
    """
    from poise.faces.detection.keyframes import PERIOD_S, PERIOD_SAMPLES

    count = min(count, int(duration_s / LEAST_PART_S))
    step_s = 10 * min(PERIOD_S, PERIOD_SAMPLES / rate_hz)
    cuts = [
        round(round(duration_s * k / count / step_s) * step_s * rate_hz) for k in range(1, count)
    ]
    return tuple(
        SampleSpan(first=first, last=last)
        for first, last in zip([0, *cuts], [*cuts, None], strict=True)
    )
