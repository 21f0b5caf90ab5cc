"""Where in a stream a frame stands, counting frames that were not decoded, too."""

from __future__ import annotations

import heapq

_EXACT_S = 1e-6


class Position:
    """Counts the packets that were read, by their time stamps.

    Frames come out in order of presentation: all that are shown earlier have been read before.

    Attributes:
        decoded: Frames that came out of the decoder.
    """

    def __init__(self) -> None:
        self.decoded = 0
        self._ahead: list[float] = []  # a heap: times of packets not yet passed
        self._passed = 0
        self._timed = True

    def read(self, time_s: float | None) -> None:
        """A packet was read; without a time stamp only what is decoded can be counted."""
        if time_s is None:
            self._timed = False
        else:
            heapq.heappush(self._ahead, time_s)

    def before(self, time_s: float) -> int:
        """How many frames since the start of reading are shown before a time that was reached."""
        while self._ahead and self._ahead[0] < time_s - _EXACT_S:
            heapq.heappop(self._ahead)
            self._passed += 1
        return self._passed if self._timed else self.decoded - 1

    def first_from(self, time_s: float) -> float | None:
        """Time of the earliest packet read that is shown at a time or later, not yet passed."""
        if not self._timed:
            return None
        return min((ahead for ahead in self._ahead if ahead >= time_s), default=None)

    def times(self) -> list[float]:
        """Times of the packets read and not passed, in order; empty if one has none."""
        return sorted(self._ahead) if self._timed else []
