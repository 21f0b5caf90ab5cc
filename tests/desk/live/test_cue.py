"""The cue: what prevails now, by a rule that looks back only."""

from __future__ import annotations

import numpy as np
import pytest

from poise.desk.live.cue import NOTHING, Cue
from poise.timeline.episodes import ENTER, LEAVE
from poise.timeline.smoothing import GAP_S

CALM, SMILE = np.array([0.1, 0.9], np.float32), np.array([0.9, 0.1], np.float32)


def test_it_turns_only_after_a_while_and_never_before() -> None:
    cue = Cue(0.4)
    told = [cue.after(CALM if t < 10 else SMILE, 0.1 * t)[1] for t in range(20)]
    assert told[:11] == [1] * 11 and told[-1] == 0
    assert told == sorted(told, key=lambda one: (1, NOTHING, 0).index(one))


def test_what_prevails_stays_a_little_longer_than_it_would_come() -> None:
    between = (ENTER + LEAVE) / 2
    first, later = Cue(0.1), Cue(0.1)
    reading = np.array([between, 0.1], np.float32)
    assert first.after(reading, 0.0)[1] == NOTHING
    later.after(SMILE, 0.0)
    assert later.after(reading, 1.0)[1] == 0
    assert later.after(np.array([0.3, 0.3], np.float32), 2.0)[1] == NOTHING


def test_the_mean_weighs_the_newest_most() -> None:
    cue = Cue(0.4)
    cue.after(CALM, 0.0)
    mean, _ = cue.after(SMILE, 0.4)
    weight = float(np.exp(-0.5))
    assert mean[0] == pytest.approx((0.9 + 0.1 * weight) / (1 + weight))


def test_it_begins_anew_after_a_gap_and_when_it_is_told_to() -> None:
    cue = Cue(0.4)
    cue.after(CALM, 0.0)
    assert cue.after(SMILE, GAP_S + 0.1)[0].tolist() == pytest.approx(SMILE.tolist())
    cue.clear()
    assert cue.after(CALM, GAP_S + 0.2)[0].tolist() == pytest.approx(CALM.tolist())
    assert cue.after(SMILE, 0.0)[1] == 0  # a clock that goes backwards
