"""How a moment of a recording is written."""

from __future__ import annotations

import pytest

from poise.timeline.timecodes import clock, timecode, whole_seconds


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "00:00:00.000"), (61_001, "00:01:01.001"), (3_600_000, "01:00:00.000"),
     (359_999_999, "99:59:59.999"), (-1_500, "-00:00:01.500")],
)  # fmt: skip
def test_timecodes(ms: int, text: str) -> None:
    assert timecode(ms) == text


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(32.999667, "00:33"), (32.9994, "00:32"), (-0.2, "00:00"), (3600, "1:00:00")],
)
def test_a_clock_shows_the_second_that_tables_say(time_s: float, text: str) -> None:
    assert clock(time_s) == text
    assert whole_seconds(time_s) == max(0, round(time_s * 1000) // 1000)
