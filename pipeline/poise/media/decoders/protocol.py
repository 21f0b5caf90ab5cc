"""What every decoding backend offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from poise.media.decoders.sampling import WHOLE, SampleSpan
from poise.remarks import ReadingRemark
from poise.types import FrameBatch, Image, VideoInfo


@dataclass(frozen=True, kw_only=True)
class View:
    """What of a recording is looked at, and how its frames are laid down.

    Args:
        stream: Index of the video stream; None takes the likeliest.
        turn_deg: Clockwise turn of the frames, 0, 90, 180 or 270, beyond what the recording asks
            for.
        canvas_px: Width and height of upright, full-resolution frames, into which frames of other
            sizes are fitted; None takes the first frame's.
    """

    stream: int | None = None
    turn_deg: int = 0
    canvas_px: tuple[int, int] | None = None


AS_IT_IS = View()


class VideoDecoder(Protocol):
    """One opened recording.

    Attributes:
        info: What the container says, and how it is read.
        loss: What could not be read, in plain words; complete once `sample` has ended.
        remarks: What was unusual; complete likewise.
        span_frames: Frames of the recording in the sampled span; complete likewise.
        wanted_canvas_px: Width and height of the smallest frame into which all fit without losing
            detail; complete likewise.
    """

    info: VideoInfo
    loss: str
    span_frames: int

    @property
    def remarks(self) -> tuple[ReadingRemark, ...]:
        """See the attributes."""

    @property
    def wanted_canvas_px(self) -> tuple[int, int]:
        """See the attributes."""

    def sample(
        self,
        rate_hz: float,
        short_side_px: int | None,
        *,
        span: SampleSpan = WHOLE,
        skip_frames: bool = False,
    ) -> Iterator[FrameBatch]:
        """Frames by presentation time stamp, at most `rate_hz` per second, in order.

        The first frame is taken, then the first at or after each multiple of `1 / rate_hz`, counted
        from the first frame.

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
