"""The cue: which expression prevails now, told from what came before alone.

A report looks back on a recording and smooths in both directions; here nothing has come after.
Readings are averaged by the half of the same Gaussian that looks back, and what prevails begins and
ends as episodes do.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from poise.timeline.episodes import ENTER, LEAVE
from poise.timeline.smoothing import GAP_S
from poise.types import FloatArray

NOTHING = -1
"""The column where no label prevails."""


class Cue:
    """What prevails, reading by reading; what it keeps does not grow.

    Args:
        smoothing_s: Standard deviation of the half Gaussian.
    """

    def __init__(self, smoothing_s: float) -> None:
        self._smoothing_s = smoothing_s
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._recent: deque[tuple[float, FloatArray]] = deque()
        self._prevails = NOTHING

    def after(self, reading: FloatArray, time_s: float) -> tuple[FloatArray, int]:
        """The mean of the last readings, and what prevails by it; begins anew after a gap.

        Args:
            reading: Posteriors of the labels, float [L].
            time_s: When it was taken, ascending.

        Returns:
            float32 [L], and the column of the label or `NOTHING`.
        """
        recent = self._recent
        if recent and not 0 <= time_s - recent[-1][0] <= GAP_S:
            self.clear()
            recent = self._recent
        recent.append((time_s, reading))
        while time_s - recent[0][0] > 3 * self._smoothing_s:
            recent.popleft()
        ago = np.array([time_s - then for then, _ in recent])
        weight = np.exp(-0.5 * (ago / max(self._smoothing_s, 1e-6)) ** 2)
        mean = np.asarray(weight @ np.stack([r for _, r in recent]) / weight.sum(), np.float32)
        best = int(mean.argmax())
        if mean[best] >= ENTER:
            self._prevails = best
        elif self._prevails == NOTHING or mean[self._prevails] < LEAVE:
            self._prevails = NOTHING
        return mean, self._prevails
