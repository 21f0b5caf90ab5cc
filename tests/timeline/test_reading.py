"""From what the model says to baseline, smoothed posteriors and episodes, in one go."""

from __future__ import annotations

import numpy as np
import pytest

from poise.settings import Settings
from poise.spoken import Turn
from poise.timeline.reading import Reading, read_through_time
from poise.types import FloatArray

LABELS = ("positive", "neutral", "negative", "surprise")
RATE_HZ = 5.0
SECONDS = 30


def _said(odds_of_negative: float, *, between_s: tuple[float, float]) -> FloatArray:
    """A resting face, but for a stretch with the given log-odds of negative against neutral."""
    times = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    odds = np.where((times >= between_s[0]) & (times < between_s[1]), odds_of_negative, -2.0)
    weights = np.column_stack([0 * times + 0.01, 0 * times + 1, np.exp(odds), 0 * times + 0.01])
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _read(said: FloatArray, *, turns: tuple[Turn, ...] = (), baseline: str = "none") -> Reading:
    sampled_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    return read_through_time(
        said,
        LABELS,
        sampled_s,
        np.arange(len(said)),
        settings=Settings(sample_rate_hz=RATE_HZ, baseline=baseline),
        turns=turns,
        neutral_span_s=(0.0, 6.0),
    )


def _negative(read: Reading) -> list[tuple[float, float]]:
    return [(e.start_s, e.end_s) for e in read.episodes if e.label == "negative"]


def test_without_a_baseline_what_is_clear_is_read() -> None:
    read = _read(_said(2.0, between_s=(10, 14)))
    assert read.baseline.kind == "none"
    assert _negative(read) == [pytest.approx((10, 14), abs=0.4)]


def test_without_a_baseline_what_is_slight_may_be_how_the_face_rests() -> None:
    said = _said(0.6, between_s=(10, 14))
    assert (said[50:70].argmax(axis=1) == 2).all()
    assert _negative(_read(said)) == []


def test_smoothing_lets_no_single_frame_make_an_episode() -> None:
    read = _read(_said(4.0, between_s=(10.0, 10.2)))
    assert read.posterior[50, 2] > 0.9 > read.smoothed[50, 2]
    assert _negative(read) == []


def test_a_slight_expression_shows_against_the_resting_face_that_was_named() -> None:
    slight = _said(0.2, between_s=(10, 14))
    assert _negative(_read(slight)) == []
    read = _read(slight, baseline="given")
    assert read.baseline.kind == "given"
    assert _negative(read) == [pytest.approx((10, 14), abs=0.4)]


@pytest.mark.parametrize(("speaker", "found"), [("candidate", False), ("someone_else", True)])
def test_what_speaking_looks_like_is_no_expression(speaker: str, found: bool) -> None:
    turns = (Turn(start_s=9.0, end_s=15.0, speaker=speaker),)
    read = _read(_said(2.0, between_s=(10, 14)), turns=turns)
    assert bool(_negative(read)) is found


def test_a_gap_ends_an_episode() -> None:
    said = _said(3.0, between_s=(10, 20))
    kept = np.r_[:65, 85:150]  # nothing usable from 13 to 17 s
    read = read_through_time(
        said[kept],
        LABELS,
        np.arange(150) / RATE_HZ,
        kept,
        settings=Settings(sample_rate_hz=RATE_HZ, baseline="none"),
    )
    assert _negative(read) == [pytest.approx((10, 13), abs=0.4), pytest.approx((17, 20), abs=0.4)]


def test_of_no_usable_frame_nothing_is_said() -> None:
    none = np.zeros(0, np.int64)
    read = read_through_time(
        np.zeros((0, 4), np.float32), LABELS, np.arange(150) / RATE_HZ, none, settings=Settings()
    )
    assert read.posterior.shape == read.smoothed.shape == (0, 4)
    assert read.episodes == [] and read.baseline.kind == "none"
