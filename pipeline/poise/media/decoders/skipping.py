"""Which frames need not be decoded, so that no sample moves by more than half an interval."""

from __future__ import annotations

import math

from poise.media.decoders.sampling import TOLERANCE_S, window_start

_EXACT_S = 1e-6


class SkippingPlan:
    """Frames that no other frame refers to are not decoded, except where a sample needs them.

    Whether that is harmless depends on the structure of the stream, which may change at any time.
    So the recording is divided into windows (`sampling.window_start`). Where a sample would move
    by more than half an interval, or would be lost, everything is decoded from there to the end of
    its window. What is decided for a window depends on nothing before it: parts of a recording
    give the same samples as the whole.

    Args:
        rate_hz: Samples per second.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._full_from: dict[int, float] = {}  # by window: from when on all is decoded

    def skips(self, time_s: float) -> bool:
        """Whether a frame of this time may be left out if no other refers to it."""
        return time_s < self._full_from.get(self._window(time_s), math.inf)

    def is_missed(self, due_s: float, found_s: float) -> bool:
        """Whether leaving out frames costs a sample too much.

        Args:
            due_s: Time of the first frame, decoded or not, that is due as a sample.
            found_s: Time of the first decoded frame from there on; infinite where there is none.
        """
        if not self.skips(due_s):
            return False
        moved_s = found_s - due_s
        if moved_s <= _EXACT_S:
            return False
        if moved_s > 0.5 / self.rate_hz + _EXACT_S:
            return True
        return self._multiple(found_s) > self._multiple(due_s)

    def decode_all_from(self, due_s: float) -> None:
        """Decode everything from a sample's interval on to the end of its window."""
        window = self._window(due_s)
        begin_s = self._multiple(due_s) / self.rate_hz - TOLERANCE_S
        self._full_from[window] = min(begin_s, self._full_from.get(window, math.inf))

    def _multiple(self, time_s: float) -> int:
        return math.floor((time_s + TOLERANCE_S) * self.rate_hz)

    def _window(self, time_s: float) -> int:
        return window_start(self._multiple(time_s), self.rate_hz)
