"""Decoding stage: recordings are read in a process of their own that can be killed.

A decoder may hang for ever on a damaged file (decord does, holding the interpreter's lock), or
die; then the process is killed, and the other decoder goes on from where it stood.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from poise.errors import PoiseError, VideoError
from poise.media.decoders.pipe import receive
from poise.media.decoders.sampling import TOLERANCE_S, WHOLE, SampleSpan
from poise.media.decoders.server import (
    DescribeRequest,
    FetchRequest,
    Request,
    SampleEnd,
    SampleRequest,
)
from poise.system.child_process import start_python
from poise.system.interrupts import deaf_children
from poise.types import FrameBatch, Image, VideoInfo

SAMPLING_BACKEND = "pyav"
_OTHER = {"pyav": "decord", "decord": "pyav"}
SERVER = "from poise.media.decoders.server import main; main()"


class _StoppedError(VideoError):
    """The decoder hung and was killed, or died."""


class DecodingProcess:
    """A decoding process, started when first needed and again after it was killed.

    Args:
        stall_timeout_s: How long a frame may take before the process is killed.

    Attributes:
        warnings: What went wrong and was made good, in plain words; for its user to clear.
    """

    def __init__(self, *, stall_timeout_s: float = 60.0) -> None:
        self.stall_timeout_s = stall_timeout_s
        self.warnings: list[str] = []
        self._distrusted: tuple[Path, str] | None = None  # recording and decoder that stopped on it
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None

    def sample(
        self,
        path: Path,
        *,
        backend: str,
        rate_hz: float,
        short_side_px: int | None,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> tuple[VideoInfo, Iterator[FrameBatch | SampleEnd]]:
        """Sample a recording, or a span of it; see `VideoDecoder.sample`.

        A decoder that hangs or dies is replaced by the other one, once, where it stood.

        Returns:
            What the container says, and a generator of batches whose last item is the end.

        Raises:
            VideoError: If it cannot be read; from the generator too.
        """
        chosen = self._trusted(path, SAMPLING_BACKEND if backend == "auto" else backend)
        request = SampleRequest(
            path=path,
            backend=chosen,
            rate_hz=rate_hz,
            short_side_px=short_side_px,
            span=span,
            skip_frames=skip_frames,
        )
        try:
            return self._opened(request), self._batches(request)
        except _StoppedError as error:
            other = self._other(request, span.first, error)
            return self._opened_instead(other, error), self._batches(other, salvaging=True)

    def describe(self, path: Path, *, backend: str) -> VideoInfo:
        """What the container says of a recording.

        Raises:
            VideoError: If it cannot be read.
        """
        chosen = self._trusted(path, SAMPLING_BACKEND if backend == "auto" else backend)
        self._request(DescribeRequest(path=path, backend=chosen))
        info = self._receive(path)
        assert isinstance(info, VideoInfo)
        return info

    def fetch(self, path: Path, *, backend: str, pts_s: Sequence[float]) -> Iterator[Image]:
        """Full-resolution frames shown at the given times, uint8 [H, W, 3] each, in order.

        Unless a backend is forced, PyAV is asked first, which decodes less on the way to a frame,
        and decord for what PyAV cannot read.

        Raises:
            VideoError: If one cannot be read.
        """
        first = SAMPLING_BACKEND if backend == "auto" else backend
        backends: tuple[str, ...] = (first, _OTHER[first])
        if self._trusted(path, first) != first:
            backends = backends[1:]
        left = list(pts_s)
        for chosen in backends:
            try:
                self._request(FetchRequest(path=path, backend=chosen, pts_s=tuple(left)))
                while left:
                    image = self._receive(path)
                    del left[0]
                    yield image
                return
            except GeneratorExit:
                if left:  # what is still in the pipe answers nobody
                    self.close()
                raise
            except PoiseError as error:
                stopped = isinstance(error, _StoppedError)
                if stopped:
                    self._distrusted = (path, chosen)
                if chosen == backends[-1] or (backend != "auto" and not stopped):
                    raise

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> DecodingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _trusted(self, path: Path, backend: str) -> str:
        """The decoder, or the other one where it stopped on this recording before."""
        return _OTHER[backend] if (path, backend) == self._distrusted else backend

    def _opened(self, request: SampleRequest) -> VideoInfo:
        self._request(request)
        info = self._receive(request.path)
        assert isinstance(info, VideoInfo)
        return info

    def _other(self, request: SampleRequest, resume: int, error: VideoError) -> SampleRequest:
        """The same of the other decoder, from a multiple of the sampling interval on."""
        other = _OTHER[request.backend]
        self._distrusted = (request.path, request.backend)
        self.warnings.append(
            f"{request.backend}: {error.cause}; {other} read it from "
            f"{resume / request.rate_hz:.1f} s on"
        )
        return replace(request, backend=other, span=replace(request.span, resume=resume))

    def _opened_instead(self, request: SampleRequest, error: VideoError) -> VideoInfo:
        try:
            return self._opened(request)
        except VideoError:  # what the first one met is what there is to say
            self.warnings.pop()
            raise error from None

    def _batches(
        self, request: SampleRequest, *, salvaging: bool = False
    ) -> Iterator[FrameBatch | SampleEnd]:
        complete = False
        resume = request.span.first
        try:
            while not complete:
                item = self._receive(request.path)
                if isinstance(item, FrameBatch):
                    resume = math.floor((item.pts_s[-1] + TOLERANCE_S) * request.rate_hz) + 1
                complete = isinstance(item, SampleEnd)
                yield item
        except _StoppedError as error:
            if salvaging:
                raise
            complete = True
            other = self._other(request, resume, error)
            self._opened_instead(other, error)
            yield from self._batches(other, salvaging=True)
        finally:
            if not complete:  # left in the middle: what is still in the pipe answers nobody
                self.close()

    def _request(self, request: Request) -> None:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it died while idle
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            self._connection.send(request)
        except OSError as error:
            self.close()
            raise _StoppedError(
                "the decoder died before reading", remedy="Try again.", path=request.path
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
            raise _StoppedError(
                "the decoder died while reading",
                remedy="Export the recording again, or try the other decoder with --decoder.",
                path=path,
            ) from error
        if isinstance(item, Exception):
            raise item
        return item
