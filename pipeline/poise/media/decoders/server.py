"""The decoding process: opens recordings on request and sends frames through a pipe.

It imports neither torch nor anything else that is slow to load, and it may be killed at any time.
Started by `poise.media.reader`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from poise.errors import PoiseError, VideoError
from poise.media.decoders import open_decoder
from poise.media.decoders.pipe import send
from poise.media.decoders.protocol import View
from poise.media.decoders.sampling import SampleSpan
from poise.remarks import ReadingRemark
from poise.system.interrupts import die_with_parent
from poise.system.platform import limit_own_memory

_MAX_BYTES = 2**31  # 8K with sixteen reference frames takes half of it


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """Answered by `VideoInfo`, then `FrameBatch`es, then `SampleEnd`."""

    path: Path
    backend: str
    rate_hz: float
    short_side_px: int | None
    span: SampleSpan
    skip_frames: bool
    view: View


@dataclass(frozen=True, kw_only=True)
class SampleEnd:
    """The sampled span is read.

    Args:
        loss: What could not be read, in plain words; empty if nothing.
        span_frames: Frames of the recording in the span, sampled or not.
        remarks: What was unusual about it.
        wanted_canvas_px: Width and height into which all frames fit without losing detail; None
            where it is not known.
    """

    loss: str
    span_frames: int
    remarks: tuple[ReadingRemark, ...] = ()
    wanted_canvas_px: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """Answered by one picture, uint8 [H, W, 3], for each time."""

    path: Path
    backend: str
    pts_s: Sequence[float]
    view: View


@dataclass(frozen=True, kw_only=True)
class DescribeRequest:
    """Answered by `VideoInfo`."""

    path: Path
    backend: str
    view: View


@dataclass(frozen=True, kw_only=True)
class AudioRequest:
    """Answered by `SoundBlock`s, then `SoundEnd` (`poise.media.audio`)."""

    path: Path


Request = SampleRequest | FetchRequest | DescribeRequest | AudioRequest


def serve(connection: Connection) -> None:
    """Answer requests until the other side closes; a failure is answered with the exception."""
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        try:
            answer(connection, request)
        except BrokenPipeError:
            return
        except PoiseError as error:
            connection.send(error)
        except Exception as error:  # the one that asked must hear of it, whatever it is
            connection.send(
                VideoError(
                    f"the decoder failed ({type(error).__name__}: {error})",
                    remedy="Try the other decoder with --decoder, or export the recording again.",
                    path=request.path,
                )
            )


def answer(connection: Connection, request: Request) -> None:
    """Answer one request.

    Raises:
        PoiseError: If the recording cannot be read.
    """
    if isinstance(request, AudioRequest):
        from poise.media.listening import listen

        for item in listen(request.path):
            send(connection, item)
        return
    decoder = open_decoder(request.path, request.backend, request.view)
    if isinstance(request, FetchRequest):
        for image in decoder.fetch(request.pts_s):
            send(connection, image)
        return
    connection.send(decoder.info)
    if isinstance(request, DescribeRequest):
        return
    batches = decoder.sample(
        request.rate_hz,
        request.short_side_px,
        span=request.span,
        skip_frames=request.skip_frames,
    )
    for batch in batches:
        send(connection, batch)
    connection.send(
        SampleEnd(
            loss=decoder.loss,
            span_frames=decoder.span_frames,
            remarks=decoder.remarks,
            wanted_canvas_px=decoder.wanted_canvas_px,
        )
    )


def limit_memory() -> None:
    """Let what a recording claims fail for want of memory, before it takes that of the machine."""
    limit_own_memory(_MAX_BYTES)


def main() -> None:
    """Serve the connection of that file descriptor, and end with the process of that number."""
    die_with_parent(int(sys.argv[2]))
    limit_memory()
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    serve(Connection(int(sys.argv[1])))
