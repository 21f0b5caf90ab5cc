"""Decoding backends behind one protocol: PyAV and decord.

Both deliver upright frames with the container's presentation time stamps. `open_decoder` is used
inside the decoding process (`pipeline.decoders.server`) only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.errors import SettingsError
from pipeline.types import FrameBatch, Image, VideoInfo

BACKENDS = ("pyav", "decord")
BATCH_FRAMES = 16


class VideoDecoder(Protocol):
    """One opened recording.

    Attributes:
        info: What the container says.
        loss: What could not be read, in plain words; complete once `sample` has ended.
    """

    info: VideoInfo
    loss: str

    def sample(self, rate_hz: float, short_side_px: int | None) -> Iterator[FrameBatch]:
        """Frames by presentation time stamp, at most `rate_hz` per second, in order.

        The first frame is taken, then the first at or after each multiple of `1 / rate_hz`.

        Args:
            rate_hz: Samples per second.
            short_side_px: Reduce frames so that the short side has this length; None keeps them.

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
        if backend == "decord":
            from pipeline.decoders.decord import DecordDecoder

            return DecordDecoder(path)
        from pipeline.decoders.pyav import PyAVDecoder

        return PyAVDecoder(path)
    except ImportError as error:
        raise SettingsError(
            f"the decoder {backend!r} is not installed ({error})",
            remedy="Install it, or choose another with --decoder.",
        ) from error


class SampleClock:
    """Decides by time stamp which frames are sampled.

    Multiples of the interval are counted from the first frame's time stamp, so that neither a
    variable frame rate nor a gap shifts what follows.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._first_s: float | None = None
        self._next = 0

    def takes(self, pts_s: float) -> bool:
        """Whether the frame with this time stamp is a sample."""
        if self._first_s is None:
            self._first_s = pts_s
        position = (pts_s - self._first_s) * self.rate_hz + 1e-6
        if position < self._next:
            return False
        self._next = int(position) + 1
        return True


def reduced_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    """Width and height after reduction to a short side; even, never enlarged."""
    if short_side_px is None or min(width, height) <= short_side_px:
        return width, height
    factor = short_side_px / min(width, height)
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


def describe_end(last_s: float, duration_s: float | None, damaged: int) -> str:
    """What was lost, in plain words, from where reading ended and how many packets were damaged."""
    parts = []
    if damaged:
        packets = "packet was" if damaged == 1 else "packets were"
        parts.append(f"{damaged} damaged {packets} skipped")
    if duration_s is not None and duration_s - last_s > max(1.0, 0.02 * duration_s):
        parts.append(f"the recording breaks off at {last_s:.1f} s of {duration_s:.1f} s")
    return "; ".join(parts)
