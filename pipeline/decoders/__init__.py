"""Decoding backends behind one protocol: PyAV and decord.

Both deliver upright frames with the container's presentation time stamps. `open_decoder` is used
inside the decoding process (`pipeline.decoders.server`) only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import SettingsError, VideoError
from pipeline.types import FrameBatch, Image, VideoInfo

BACKENDS = ("pyav", "decord")
MAX_PIXELS = 2**26  # of a frame; 8K has half as many
_BATCH_FRAMES, _BATCH_BYTES = 16, 6_000_000


@dataclass(frozen=True, kw_only=True)
class SampleSpan:
    """A part of a recording, in multiples of the sampling interval from the first frame.

    Args:
        first: Multiple from which on frames are sampled.
        last: First multiple that belongs to the next part; None goes to the end.
        beyond: Multiples of the next part that are sampled as well.
        resume: Multiples before this one were sampled already, by a decoder that was stopped.
    """

    first: int = 0
    last: int | None = None
    beyond: int = 0
    resume: int = 0


WHOLE = SampleSpan()
TOLERANCE_S = 1e-6  # of time stamps, which are multiples of a time base


class VideoDecoder(Protocol):
    """One opened recording.

    Attributes:
        info: What the container says.
        loss: What could not be read, in plain words; complete once `sample` has ended.
        span_frames: Frames of the recording in the sampled span; complete likewise.
    """

    info: VideoInfo
    loss: str
    span_frames: int

    def sample(
        self,
        rate_hz: float,
        short_side_px: int | None,
        *,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> Iterator[FrameBatch]:
        """Frames by presentation time stamp, at most `rate_hz` per second, in order.

        The first frame is taken, then the first at or after each multiple of `1 / rate_hz`.

        Args:
            rate_hz: Samples per second.
            short_side_px: Reduce frames so that the short side has this length; None keeps them.
            span: Sample only this part; `frame_index` then counts from its beginning.
            skip_frames: Allow not to decode frames that no other frame refers to, where a sample
                moves by half a sampling interval at most. Its time stamp is its own all the same.

        Raises:
            VideoError: If not a single frame can be read.
        """

    def fetch(self, pts_s: Sequence[float]) -> Iterator[Image]:
        """The full-resolution frames shown at the given times, uint8 [H, W, 3], in order.

        Raises:
            VideoError: If one cannot be read.
        """


def open_decoder(path: Path, backend: str) -> VideoDecoder:
    """Open a recording with one of `BACKENDS`.

    Raises:
        VideoError: If it is no video or cannot be opened.
        SettingsError: If the backend is not installed.
    """
    try:
        from pipeline.decoders.pyav import PyAVDecoder

        decoder = PyAVDecoder(path)
        if backend == "decord":  # which takes whatever FFmpeg takes, of any size
            from pipeline.decoders.decord import DecordDecoder

            return DecordDecoder(path)
        return decoder
    except ImportError as error:
        raise SettingsError(
            f"the decoder {backend!r} is not installed ({error})",
            remedy="Install it, or choose another with --decoder.",
        ) from error


class SampleClock:
    """Decides by time stamp which frames are sampled.

    Multiples of the interval are counted from the first frame of the recording, so that neither a
    variable frame rate nor a gap shifts what follows, nor where a part of it begins.

    Args:
        rate_hz: Samples per second.
        span: The part to sample.
    """

    def __init__(self, rate_hz: float, span: SampleSpan = WHOLE) -> None:
        self.rate_hz, self.span = rate_hz, span
        self._next = max(span.first, span.resume)

    @property
    def start_s(self) -> float:
        """Where the span begins."""
        return self.span.first / self.rate_hz - TOLERANCE_S

    @property
    def end_s(self) -> float:
        """Where the next span begins."""
        last = self.span.last
        return math.inf if last is None else last / self.rate_hz - TOLERANCE_S

    @property
    def stop_s(self) -> float:
        """Where sampling stops."""
        return self.end_s + self.span.beyond / self.rate_hz

    def takes(self, pts_s: float) -> bool:
        """Whether the frame with this time, counted from the first frame's, is a sample."""
        multiple = math.floor((pts_s + TOLERANCE_S) * self.rate_hz)
        if multiple < self._next:
            return False
        self._next = multiple + 1
        return True


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse frames that would take too much memory.

    Raises:
        VideoError: If they are too large.
    """
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"its frames are too large ({width} x {height} pixels)",
            remedy="Export it with smaller frames, such as 3840 x 2160.",
            path=path,
        )


def frames_per_batch(size: tuple[int, int]) -> int:
    """How many frames of that width and height go into one batch."""
    return max(1, min(_BATCH_FRAMES, _BATCH_BYTES // (size[0] * size[1] * 3)))


def reduced_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    """Width and height after reduction to a short side; even, never enlarged."""
    if short_side_px is None or min(width, height) <= short_side_px:
        return width, height
    factor = short_side_px / min(width, height)
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


def describe_end(
    last_s: float, duration_s: float | None, damaged: int, again_s: float | None = None
) -> str:
    """What was lost, in plain words.

    Args:
        last_s: Where reading ended.
        duration_s: What the container says, if it does.
        damaged: Packets that were skipped.
        again_s: Where time started again, and frames were left out, if it did.
    """
    parts = []
    if again_s is not None:
        parts.append(
            f"its time starts again at {again_s:.1f} s; frames were left out from there on"
        )
    if damaged:
        packets = "packet was" if damaged == 1 else "packets were"
        parts.append(f"{damaged} damaged {packets} skipped")
    if duration_s is not None and duration_s - last_s > max(1.0, 0.02 * duration_s):
        parts.append(f"the recording breaks off at {last_s:.1f} s of {duration_s:.1f} s")
    return "; ".join(parts)
