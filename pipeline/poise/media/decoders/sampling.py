"""The sampling clock: which frames are sampled, by presentation time stamp."""

from __future__ import annotations

import math
from dataclasses import dataclass


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


_WINDOW_S, _WINDOW_SAMPLES = 20.0, 100  # whichever is shorter


def cut_samples(rate_hz: float) -> float:
    """Samples from one place at which a recording may be cut to the next."""
    return min(_WINDOW_S * rate_hz, _WINDOW_SAMPLES)


def window_start(multiple: int, rate_hz: float) -> int:
    """The last place at or before a multiple at which a recording may be cut, as a multiple."""
    step = cut_samples(rate_hz)
    number = math.floor((multiple + 0.5) / step)
    if round((number + 1) * step) <= multiple:
        number += 1
    return round(number * step)


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
    def due_s(self) -> float:
        """The first time at which a frame is a sample, given those that were taken."""
        return self._next / self.rate_hz - TOLERANCE_S

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
