"""Seconds of each stage, those of an inner stage apart."""

from __future__ import annotations

import time

import pytest

from poise.system.timing import Progress, StageTiming


def test_seconds_add_up_by_stage() -> None:
    timing = StageTiming()
    for _ in range(2):
        with timing("decode"):
            time.sleep(0.02)
    with pytest.raises(ZeroDivisionError), timing("failed"):
        raise ZeroDivisionError
    assert 0.04 <= timing.seconds["decode"] < 5 and timing.seconds["failed"] >= 0


def test_the_time_until_an_item_comes_counts_without_that_of_its_source() -> None:
    timing = StageTiming()

    def source() -> object:
        for item in timing.timing("decode", range(3)):
            time.sleep(0.02)  # of the outer stage
            yield item

    assert list(timing.timing("detect", source(), inner="decode")) == [0, 1, 2]
    assert timing.seconds["detect"] >= 0.06 > timing.seconds["decode"]


def test_progress_is_told_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    progress = Progress()
    progress(0.1)  # nobody listens
    progress.tell = told.append
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for share in (0.2, 0.3):
        progress(share)
    now += 1.0
    progress(0.4)
    assert told == [0.2, 0.4]
