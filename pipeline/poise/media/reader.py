"""Decoding stage: recordings are read in a process of their own that can be killed.

A decoder may hang for ever on a damaged file (decord does, holding the interpreter's lock), or
crash. One that crashes is started again where it stood, and gives what it would have given. One
that hangs, crashes at the same place again, or refuses a recording is replaced by the other one,
and the end of the samples says so.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from poise.errors import PoiseError, VideoError
from poise.media.audio import SoundBlock, SoundEnd
from poise.media.container_types import UnreadableError
from poise.media.decoders import ENGINE
from poise.media.decoders.pipe import receive
from poise.media.decoders.protocol import AS_IT_IS, View
from poise.media.decoders.sampling import TOLERANCE_S, WHOLE, SampleSpan
from poise.media.decoders.server import (
    AudioRequest,
    DescribeRequest,
    FetchRequest,
    Request,
    SampleEnd,
    SampleRequest,
)
from poise.media.engines.slots import EngineSlots
from poise.remarks import ReadingRemark
from poise.system.child_process import start_python
from poise.system.interrupts import deaf_children
from poise.types import FrameBatch, Image, VideoInfo

SAMPLING_BACKEND = "pyav"
_OTHER = {"pyav": "decord", "decord": "pyav"}
_MAX_RESTARTS = 5  # of a decoder that crashes on one recording, each further on
SERVER = "from poise.media.decoders.server import main; main()"


class _StoppedError(VideoError):
    """The decoder hung and was killed, or crashed."""


class _CrashedError(_StoppedError):
    """The decoder crashed."""


@dataclass
class _Attempts:
    """Which decoder reads a recording next, after one failed.

    Args:
        path: The recording.
        backend: The decoder that reads now.

    Attributes:
        remark: Which decoder took over from which, and why, if one did.
    """

    path: Path
    backend: str
    remark: ReadingRemark | None = None
    _restarts: list[int] = field(default_factory=list)

    def after(self, error: PoiseError, place: int, from_s: float) -> str | None:
        """What to tell the user of the next attempt, which `backend` then names; None: give up.

        Args:
            error: How the last attempt failed.
            place: How far it came; a decoder that crashes twice at one place is given up.
            from_s: The same as a time.
        """
        if isinstance(error, UnreadableError) or not isinstance(error, VideoError):
            return None
        again = (
            isinstance(error, _CrashedError)
            and not self.backend.startswith(ENGINE)
            and place not in self._restarts
            and len(self._restarts) < _MAX_RESTARTS
        )
        if again:
            self._restarts.append(place)
            return f"{self.backend}: {error.cause}; it was started again at {from_s:.1f} s"
        if self.backend.startswith(ENGINE):  # as good as without one
            self.backend = SAMPLING_BACKEND
            return f"{error.cause}; read by software from {from_s:.1f} s on"
        if self.remark:
            return None
        self.take_other(error.cause, from_s)
        assert self.remark is not None
        return self.remark.text

    def take_other(self, cause: str, from_s: float) -> None:
        """Go on with the other decoder."""
        other = _OTHER[self.backend]
        self.remark = ReadingRemark(
            code="other_decoder",
            values={"decoder": self.backend, "cause": cause, "other": other, "from_s": from_s},
        )
        self.backend = other


class DecodingProcess:
    """A decoding process, started when first needed and again after it was killed.

    Args:
        stall_timeout_s: How long a frame may take before the process is killed.
        engines: Decoding engines of GPUs, which sample what they can; None: software alone.

    Attributes:
        warnings: What went wrong and was made good, in plain words; for its user to clear.
    """

    def __init__(
        self, *, stall_timeout_s: float = 60.0, engines: EngineSlots | None = None
    ) -> None:
        self.stall_timeout_s, self._engines = stall_timeout_s, engines
        self.warnings: list[str] = []
        self._distrusted: dict[tuple[Path, str], str] = {}  # the last recording's: decoder, cause
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._answering = False  # whether more is to come of what was asked for
        self._slot = ExitStack()  # of an engine, held while it is sampled with

    @property
    def pid(self) -> int | None:
        """Process identifier; None while there is no process."""
        return None if self._process is None else self._process.pid

    def sample(
        self,
        path: Path,
        *,
        backend: str,
        rate_hz: float,
        short_side_px: int | None,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
        view: View = AS_IT_IS,
    ) -> tuple[VideoInfo, Generator[FrameBatch | SampleEnd, None, None]]:
        """Sample a recording, or a span of it; see `VideoDecoder.sample`.

        Returns:
            What the container says, and a generator of batches whose last item is the end.

        Raises:
            VideoError: If no decoder can read it; from the generator too.
        """
        attempts = self._attempts(path, backend, self._engine())
        request = SampleRequest(
            path=path,
            backend=attempts.backend,
            rate_hz=rate_hz,
            short_side_px=short_side_px,
            span=span,
            skip_frames=skip_frames,
            view=view,
        )
        info, request = self._opened(request, attempts)
        return info, self._batches(request, info, attempts)

    def describe(self, path: Path, *, backend: str, view: View = AS_IT_IS) -> VideoInfo:
        """What the container says of a recording, and how it is read.

        Raises:
            VideoError: If it cannot be read.
        """
        attempts = self._attempts(path, backend)
        first_error: PoiseError | None = None
        while True:
            try:
                self._request(DescribeRequest(path=path, backend=attempts.backend, view=view))
                info = self._receive(path)
                self._answering = False
                assert isinstance(info, VideoInfo)
                return info
            except PoiseError as error:
                first_error = first_error or error
                if not self._try_again(attempts, error, 0, 0.0):
                    raise first_error from None

    def fetch(
        self, path: Path, *, backend: str, pts_s: Sequence[float], view: View = AS_IT_IS
    ) -> Iterator[Image]:
        """Full-resolution frames shown at the given times, uint8 [H, W, 3] each, in order.

        Raises:
            VideoError: If one cannot be read.
        """
        attempts = self._attempts(path, backend)
        left = list(pts_s)
        first_error: PoiseError | None = None
        while True:
            try:
                self._request(
                    FetchRequest(path=path, backend=attempts.backend, pts_s=tuple(left), view=view)
                )
                while left:
                    image = self._receive(path)
                    del left[0]
                    self._answering = bool(left)
                    yield image
                self._answering = False
                return
            except PoiseError as error:
                first_error = first_error or error
                at_s = left[0] if left else 0.0
                if not self._try_again(attempts, error, -len(left), at_s):
                    raise first_error from None

    def listen(self, path: Path) -> Iterator[SoundBlock | SoundEnd]:
        """The sound of a recording, block by block, and last its end; see `poise.media.audio`.

        Raises:
            VideoError: From the generator, if the file cannot be opened, or if reading hung or
                crashed and was stopped.
        """
        self._request(AudioRequest(path=path))
        while True:
            item = self._receive(path)
            if isinstance(item, SoundEnd):
                self._answering = False
            yield item
            if isinstance(item, SoundEnd):
                return

    def prepare(self) -> None:
        """Start the process, so that it is ready by the time something is asked of it."""
        if self._connection is None:
            try:
                self._start()
            except OSError:  # met again, and said, when something is asked
                self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._slot.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._answering = False

    def __enter__(self) -> DecodingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _engine(self) -> str:
        """The decoder of a GPU that has an engine free, which is held from now on; else none."""
        self._slot.close()
        if self._engines is None:
            return ""
        if self._answering:
            self.close()
        gpu = self._slot.enter_context(self._engines.taken())
        return "" if gpu is None else f"{ENGINE}{gpu}"

    def _attempts(self, path: Path, backend: str, engine: str = "") -> _Attempts:
        """The first attempt on a recording: not by a decoder that failed on it before."""
        chosen = SAMPLING_BACKEND if backend == "auto" else backend
        if engine and chosen == SAMPLING_BACKEND and (path, engine) not in self._distrusted:
            chosen = engine
        attempts = _Attempts(path, chosen)
        cause = self._distrusted.get((path, chosen))
        if cause is not None:
            attempts.take_other(cause, 0.0)
        return attempts

    def _try_again(self, attempts: _Attempts, error: PoiseError, place: int, from_s: float) -> bool:
        """Whether there is another attempt to make after one failed; then the user is told."""
        failed = attempts.backend
        told = attempts.after(error, place, from_s)
        if told is None:
            return False
        self.warnings.append(told)
        if attempts.backend != failed:
            self._distrusted = {(attempts.path, failed): error.cause}
        return True

    def _opened(
        self, request: SampleRequest, attempts: _Attempts
    ) -> tuple[VideoInfo, SampleRequest]:
        """What the container says, and the request of the decoder that could open it."""
        first_error: PoiseError | None = None
        told = len(self.warnings)
        while True:
            try:
                self._request(request)
                info = self._receive(request.path)
                assert isinstance(info, VideoInfo)
                return info, request
            except PoiseError as error:
                first_error = first_error or error
                first = max(request.span.first, request.span.resume)
                from_s = first / request.rate_hz
                if not self._try_again(attempts, error, first, from_s):
                    del self.warnings[told:]  # nothing was made good
                    raise first_error from None
                request = replace(request, backend=attempts.backend)

    def _batches(
        self, request: SampleRequest, info: VideoInfo, attempts: _Attempts
    ) -> Generator[FrameBatch | SampleEnd, None, None]:
        resume = request.span.first
        while True:
            try:
                item = self._receive(request.path)
            except PoiseError as error:
                from_s = resume / request.rate_hz + info.start_offset_s
                if not self._try_again(attempts, error, resume, from_s):
                    raise
                span = replace(request.span, resume=resume)
                request = replace(request, backend=attempts.backend, span=span)
                try:
                    _, request = self._opened(request, attempts)
                except PoiseError:  # what the first one met is what there is to say
                    raise error from None
                continue
            if isinstance(item, SampleEnd):
                self._answering = False
                self._slot.close()
                told = (attempts.remark,) if attempts.remark else ()
                yield replace(item, remarks=(*told, *item.remarks))
                return
            last_s = float(item.pts_s[-1]) - info.start_offset_s
            resume = math.floor((last_s + TOLERANCE_S) * request.rate_hz) + 1
            yield item

    def _request(self, request: Request) -> None:
        crashed = self._process is not None and self._process.poll() is not None
        if crashed or self._answering:  # what is still in the pipe answers nobody
            self.close()
        if self._connection is None:
            self._start()
        assert self._connection is not None
        self._answering = True
        try:
            self._connection.send(request)
        except OSError as error:
            self.close()
            raise _CrashedError(
                "the decoder crashed before reading", remedy="Try again.", path=request.path
            ) from error

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        with deaf_children():
            self._process = start_python(
                SERVER,
                str(theirs.fileno()),
                str(os.getpid()),
                stderr=subprocess.DEVNULL,
                descriptors=[theirs.fileno()],
                environment={"OMP_NUM_THREADS": "1"},
            )
        theirs.close()

    def _receive(self, path: Path) -> Any:
        assert self._connection is not None
        try:
            item = receive(self._connection, self.stall_timeout_s)
        except TimeoutError:
            self.close()
            raise _StoppedError(
                f"the decoder made no progress for {self.stall_timeout_s:.0f} s and was stopped",
                remedy="Export the recording again, or try the other decoder with --decoder.",
                path=path,
            ) from None
        except (EOFError, OSError) as error:
            self.close()
            raise _CrashedError(
                "the decoder crashed while reading",
                remedy="Export the recording again, or try the other decoder with --decoder.",
                path=path,
            ) from error
        if isinstance(item, Exception):
            self._answering = False
            raise item
        return item
