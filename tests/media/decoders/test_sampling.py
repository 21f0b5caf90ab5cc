"""The sampling clock: which frames are sampled, and where a recording may be cut."""

from __future__ import annotations

import numpy as np
import pytest

from poise.media.decoders.sampling import SampleClock, cut_samples, window_start

UNEVEN_MS = (0, 40, 80, 250, 290, 330, 800, 840, 1390, 1410, 1430, 1900, 1960, 2500)


def test_the_clock_takes_the_first_frame_at_or_after_each_multiple() -> None:
    clock = SampleClock(5.0)
    taken = [ms for ms in UNEVEN_MS if clock.takes(ms / 1000)]
    assert taken == [0, 250, 800, 1390, 1410, 1900, 2500]


def test_the_clock_does_not_drift() -> None:
    clock = SampleClock(5.0)
    taken = [k for k in range(30 * 600) if clock.takes(k / 29.97)]
    assert len(taken) == pytest.approx(30 * 600 / 29.97 * 5, abs=1)
    assert max(np.diff(taken)) <= 6


def test_the_clock_counts_from_the_first_frame() -> None:
    clock = SampleClock(5.0)
    assert [t for t in (0.0, 0.07, 0.17, 0.2, 0.37, 0.41) if clock.takes(t)] == [0.0, 0.2, 0.41]


def test_a_rate_above_that_of_the_recording_takes_every_frame() -> None:
    clock = SampleClock(60)
    assert all(clock.takes(k / 25) for k in range(100))


@pytest.mark.parametrize("rate_hz", [0.3, 1.0, 2.5, 5.0, 7.3, 25.0])
def test_windows_begin_where_recordings_are_cut(rate_hz: float) -> None:
    step = cut_samples(rate_hz)
    cuts = [round(k * step) for k in range(40)]
    for multiple in range(cuts[-1]):
        expected = max(cut for cut in cuts if cut <= multiple)
        assert window_start(multiple, rate_hz) == expected
