"""What every decoding backend offers, and what it says of a loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from poise.media.decoders.sampling import WHOLE, SampleSpan
from poise.types import FrameBatch, Image, VideoInfo


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
