"""How a moment of a recording is written."""

from __future__ import annotations

import pytest

from poise.timeline.timecodes import timecode


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "00:00:00.000"), (61_001, "00:01:01.001"), (3_600_000, "01:00:00.000"),
     (359_999_999, "99:59:59.999"), (-1_500, "-00:00:01.500")],
)  # fmt: skip
def test_timecodes(ms: int, text: str) -> None:
    assert timecode(ms) == text
