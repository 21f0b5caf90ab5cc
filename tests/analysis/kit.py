"""What the tests of the analysis share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from poise.types import RecordingAnalysis

Analyse = Callable[[Path], RecordingAnalysis]


TIMES = range(0, 4000, 100)


def codes_of(analysis: RecordingAnalysis) -> list[str]:
    return [remark.code for remark in analysis.remarks]


def assert_as_the_control(analysis: RecordingAnalysis) -> None:
    assert analysis.statistics.coverage == 1
    assert analysis.statistics.shares["positive"] == pytest.approx(0.5, abs=0.06)
    neutral, smile = analysis.episodes
    assert (neutral.label, smile.label) == ("neutral", "positive")
    assert smile.start_s - neutral.start_s == pytest.approx(2.0, abs=0.21)
