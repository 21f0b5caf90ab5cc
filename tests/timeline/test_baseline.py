"""The neutral baseline: found where there is one, claimed nowhere else, and what it changes."""

from __future__ import annotations

import numpy as np
import pytest

from poise.timeline.baseline import UNKNOWN, against, find_baseline, resting_odds, shortest_half
from poise.types import Baseline, FloatArray, TimeArray

RATE_HZ = 5.0


def _times(count: int) -> TimeArray:
    return np.arange(count) / RATE_HZ


def _resting(count: int, level: float, spread: float = 0.3, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(level, spread, count).astype(np.float32)


def _found(odds: FloatArray, mode: str = "auto", **more: object) -> Baseline:
    calm = np.ones(len(odds), bool)
    return find_baseline(_times(len(odds)), odds, calm, mode=mode, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [-4.0, -1.5, 0.5])
def test_a_named_span_gives_the_level_of_its_frames(level: float) -> None:
    odds = np.concatenate([_resting(30, level), _resting(300, level + 4, spread=2)])
    found = _found(odds, span_s=(0.0, 6.0))
    assert (found.kind, found.frames) == ("given", 30)
    assert found.level == pytest.approx(level, abs=0.2)
    assert found.spread == pytest.approx(0.3, abs=0.15)
    assert found.certainty > 0.95
    assert found.level + 0.8 < found.threshold < found.level + 1.5


def test_a_recording_that_mostly_rests_has_a_baseline_of_its_own() -> None:
    odds = np.concatenate([_resting(200, -2.5), _resting(100, 1, spread=2, seed=1)])
    found = _found(odds)
    assert found.kind == "auto"
    assert found.level == pytest.approx(-2.5, abs=0.3)


def test_from_a_mix_none_is_claimed() -> None:
    odds = np.random.default_rng(3).uniform(-5, 4, 400).astype(np.float32)
    found = _found(odds)
    assert found == UNKNOWN
    assert found.kind == "none" and found.threshold > 0


def test_a_scowl_for_most_of_the_time_is_no_resting_face() -> None:
    assert _found(_resting(300, 2.5)).kind == "none"


def test_few_frames_are_no_baseline() -> None:
    assert _found(_resting(30, -3)).kind == "none"
    assert _found(_resting(300, -3), mode="given", span_s=(0.0, 0.6)).kind == "none"


def test_smiles_are_not_looked_at() -> None:
    odds = np.concatenate([_resting(100, -2.0), _resting(400, -6.0, seed=5)])
    calm = np.arange(500) < 100
    found = find_baseline(_times(500), odds, calm, mode="auto")
    assert found.level == pytest.approx(-2.0, abs=0.2)


def test_a_named_span_that_shows_a_mix_is_not_believed() -> None:
    mixed = np.random.default_rng(2).uniform(-5, 5, 30).astype(np.float32)
    odds = np.concatenate([mixed, _resting(200, -3)])
    found = _found(odds, span_s=(0.0, 6.0))
    assert found.kind == "auto"
    assert _found(odds, mode="given", span_s=(0.0, 6.0)).kind == "none"


def test_a_named_span_and_a_recording_that_rests_likewise_count_both() -> None:
    odds = np.concatenate([_resting(30, -3.4, 0.1), _resting(300, -2.8, 0.1)])
    found = _found(odds, span_s=(0.0, 6.0))
    assert found.kind == "given"
    assert found.level == pytest.approx(-3.1, abs=0.1)
    assert found.frames > 30
    alone = _found(odds, mode="given", span_s=(0.0, 6.0))
    assert alone.level == pytest.approx(-3.4, abs=0.1)


def test_a_named_span_wins_over_a_recording_that_rests_otherwise() -> None:
    odds = np.concatenate([_resting(30, -3.4, 0.1), _resting(300, -1.0, 0.1)])
    found = _found(odds, span_s=(0.0, 6.0))
    assert (found.kind, found.frames) == ("given", 30)
    assert found.level == pytest.approx(-3.4, abs=0.1)


def test_modes() -> None:
    odds = _resting(300, -3)
    assert _found(odds, mode="none", span_s=(0.0, 6.0)).kind == "none"
    assert _found(odds, mode="given").kind == "none"
    assert _found(odds, mode="given", span_s=(0.0, 6.0)).kind == "given"


def test_a_restless_face_gets_a_wider_margin() -> None:
    calm, restless = _found(_resting(300, -3, 0.1)), _found(_resting(300, -3, 0.6))
    assert restless.kind == "auto"
    assert restless.threshold - restless.level > calm.threshold - calm.level


def test_without_a_baseline_negative_has_to_be_clearer_than_the_model_says() -> None:
    posterior = np.array([[0.1, 0.4, 0.5, 0.0], [0.0, 0.1, 0.8, 0.1]], np.float32)
    read = against(UNKNOWN, posterior)
    assert (posterior.argmax(axis=1) == 2).all()
    assert read.argmax(axis=1).tolist() == [1, 2]
    np.testing.assert_allclose(against(Baseline(), posterior), posterior, atol=1e-6)


def test_at_the_threshold_neutral_and_negative_are_equally_likely() -> None:
    posterior = np.array([[0.0, 0.9, 0.1, 0.0]], np.float32)
    odds, calm = resting_odds(posterior)
    read = against(Baseline(kind="given", threshold=float(odds[0])), posterior)
    assert calm[0]
    assert read[0, 1] == pytest.approx(read[0, 2])
    np.testing.assert_allclose(read.sum(axis=1), 1, atol=1e-6)


def test_smiles_keep_their_odds_against_neutral() -> None:
    posterior = np.array([[0.5, 0.3, 0.15, 0.05]], np.float32)
    read = against(Baseline(kind="given", threshold=-2.0), posterior)
    assert read[0, 0] / read[0, 1] == pytest.approx(0.5 / 0.3)
    assert read[0, 2] > posterior[0, 2]


def test_the_shortest_half() -> None:
    values = np.concatenate([np.full(6, 2.0), [10.0, -10.0, 30.0, 40.0]])
    assert shortest_half(values) == (2.0, 0.0)
    assert shortest_half(np.array([5.0])) == (5.0, 0.0)
