"""Decoding stage: recordings are read in a process of their own that can be killed.

A decoder may hang for ever on a damaged file (decord does, holding the interpreter's lock); then
the process is killed, the recording gets a clear error, and the next one gets a new process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.decoders import WHOLE, SampleSpan
from pipeline.decoders.server import (
    DescribeRequest,
    FetchRequest,
    Request,
    SampleEnd,
    SampleRequest,
)
from pipeline.decoders.transfer import receive
from pipeline.errors import PipelineError, VideoError
from pipeline.types import FrameBatch, Image, VideoInfo

SAMPLING_BACKEND = "pyav"
_FETCHING_BACKENDS = ("pyav", "decord")
_SERVE = "from pipeline.decoders.server import main; main()"


class DecodingProcess:
    """A decoding process, started when first needed and again after it was killed.

    Args:
        stall_timeout_s: How long a frame may take before the process is killed.
    """

    def __init__(self, *, stall_timeout_s: float = 60.0) -> None:
        self.stall_timeout_s = stall_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

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

        Returns:
            What the container says, and a generator of batches whose last item is the end.

        Raises:
            VideoError: If it cannot be read; from the generator too.
        """
        chosen = SAMPLING_BACKEND if backend == "auto" else backend
        self._request(
            SampleRequest(
                path=path,
                backend=chosen,
                rate_hz=rate_hz,
                short_side_px=short_side_px,
                span=span,
                skip_frames=skip_frames,
            )
        )
        info = self._receive(path)
        assert isinstance(info, VideoInfo)
        return info, self._batches(path)

    def describe(self, path: Path, *, backend: str) -> VideoInfo:
        """What the container says of a recording.

        Raises:
            VideoError: If it cannot be read.
        """
        chosen = SAMPLING_BACKEND if backend == "auto" else backend
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
        backends = _FETCHING_BACKENDS if backend == "auto" else (backend,)
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
            except PipelineError:
                if chosen == backends[-1]:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _batches(self, path: Path) -> Iterator[FrameBatch | SampleEnd]:
        complete = False
        try:
            while not complete:
                item = self._receive(path)
                complete = isinstance(item, SampleEnd)
                yield item
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
            raise VideoError(
                "the decoder died before reading", remedy="Try again.", path=request.path
            ) from error

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        package_parent = str(Path(__file__).resolve().parent.parent)
        search_path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": search_path, "OMP_NUM_THREADS": "1"},
        )
        theirs.close()

    def _receive(self, path: Path) -> Any:
        assert self._connection is not None
        try:
            if not self._connection.poll(self.stall_timeout_s):
                raise TimeoutError
            item = receive(self._connection)
        except TimeoutError:
            self.close()
            raise VideoError(
                f"the decoder made no progress for {self.stall_timeout_s:.0f} s and was stopped",
                remedy="Export the recording again, or try the other decoder with --decoder.",
                path=path,
            ) from None
        except (EOFError, OSError) as error:
            self.close()
            raise VideoError(
                "the decoder died while reading",
                remedy="Export the recording again, or try the other decoder with --decoder.",
                path=path,
            ) from error
        if isinstance(item, Exception):
            raise item
        return item
