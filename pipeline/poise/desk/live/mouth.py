"""Whether the face before the camera speaks, as far as its mouth tells: nothing is heard live."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from poise.faces.mouth import mouth_motion, mouth_profiles
from poise.timeline.articulation import articulating
from poise.timeline.smoothing import GAP_S
from poise.timeline.speech import LOOK_S, mouthed
from poise.types import FloatArray, Image

_PAST_S = 1.6  # what counts of it, as much as in recordings
_HELD_S = 0.8  # the mouth rests so long between syllables
_EARLIEST_S, _LATEST_S = 3 * LOOK_S, 0.9 * LOOK_S  # ago, of the look that one is compared with


class Mouth:
    """Looks at a mouth, one after the other; what it keeps does not grow.

    The rule is that of recordings in which nothing is heard (`poise.timeline.speech.mouthed`), on
    the past alone, so that it begins about a second and a half later.
    """

    def __init__(self) -> None:
        self._looks: deque[tuple[float, FloatArray]] = deque()
        self._motion: deque[tuple[float, float]] = deque()
        self._spoke_s = -math.inf

    def speaks(self, crop: Image, time_s: float) -> bool:
        """Whether it may speak now; begins anew after a gap.

        Args:
            crop: Aligned, uint8 [1, S, S, 3].
            time_s: When it was seen, ascending.
        """
        looks, motion = self._looks, self._motion
        if looks and not 0 < time_s - looks[-1][0] <= GAP_S:
            looks.clear()
            motion.clear()
            self._spoke_s = -math.inf
        profile = mouth_profiles(crop)
        while looks and time_s - looks[0][0] > _EARLIEST_S:
            looks.popleft()
        before = [look for look in looks if time_s - look[0] >= _LATEST_S]
        looks.append((time_s, profile))
        if before:
            then_s, earlier = before[-1]
            motion.append(((then_s + time_s) / 2, float(mouth_motion(earlier, profile)[0])))
        while motion and time_s - motion[0][0] > _PAST_S:
            motion.popleft()
        look_s, moved = np.array(motion, np.float64).reshape(-1, 2).T
        turns = mouthed(look_s, moved.astype(np.float32))
        if articulating(np.array([time_s]), turns)[0]:
            self._spoke_s = time_s
        return time_s - self._spoke_s <= _HELD_S
