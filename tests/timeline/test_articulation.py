"""What speaking does to a face does not count as an expression; what is clear still does."""

from __future__ import annotations

import numpy as np
import pytest

from poise.spoken import Turn
from poise.timeline.articulation import (
    APART_MARGIN,
    NEGATIVE_MARGIN,
    REACH_S,
    SYLLABLES_S,
    articulating,
    bandwidths,
    while_speaking,
)
from poise.timeline.episodes import find_episodes
from poise.timeline.smoothing import smooth
from poise.types import FloatArray

LABELS = ("positive", "neutral", "negative", "surprise")
PTS_S = np.arange(0, 30, 0.2).round(3)


def _turn(start_s: float, end_s: float, speaker: str = "candidate") -> Turn:
    return Turn(speaker=speaker, start_s=start_s, end_s=end_s)


def _rows(*row: float) -> FloatArray:
    return np.tile(np.array(row, np.float32), (len(PTS_S), 1))


def _odds(reading: FloatArray, label: str) -> float:
    row = reading[0].astype(np.float64)
    return float(np.log(row[LABELS.index(label)] / row[1]))


EVERYWHERE = np.ones(len(PTS_S), np.bool_)


def test_a_mouth_articulates_where_the_candidate_speaks_or_may_and_a_little_around() -> None:
    found = articulating(
        PTS_S, [_turn(5, 8), _turn(10, 12, "someone_else"), _turn(15, 16, "unsure")]
    )
    expected = ((PTS_S >= 5 - REACH_S) & (PTS_S < 8 + REACH_S)) | (
        (PTS_S >= 15 - REACH_S) & (PTS_S < 16 + REACH_S)
    )
    assert (found == expected).all() and found.any()


def test_without_any_voice_or_any_frame_nothing_articulates() -> None:
    assert not articulating(PTS_S, []).any()
    assert len(articulating(np.zeros(0), [_turn(0, 1)])) == 0
    assert while_speaking(np.zeros((0, 4), np.float32), np.zeros(0, np.bool_)).shape == (0, 4)


def test_what_articulation_imitates_counts_from_a_margin() -> None:
    reading = _rows(0.1, 0.3, 0.4, 0.2)
    heard = while_speaking(reading, EVERYWHERE)
    assert heard.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert _odds(heard, "negative") == pytest.approx(_odds(reading, "negative") - NEGATIVE_MARGIN)
    assert _odds(heard, "surprise") == pytest.approx(_odds(reading, "surprise") - APART_MARGIN)
    assert _odds(heard, "positive") == pytest.approx(_odds(reading, "positive"))


def test_who_listens_is_read_as_before() -> None:
    reading = _rows(0.1, 0.3, 0.4, 0.2)
    half = PTS_S < 15
    heard = while_speaking(reading, half)
    assert (heard[~half] == reading[~half]).all() and (heard[half] != reading[half]).all()


def test_a_smile_is_kept_and_gains_where_another_expression_loses() -> None:
    smiling = _rows(0.6, 0.3, 0.05, 0.05)
    assert (while_speaking(smiling, EVERYWHERE)[:, 0] >= smiling[:, 0]).all()


def test_a_low_threshold_of_the_resting_face_does_not_hold_while_speaking() -> None:
    """A calm listener's face would make every vowel look negative."""
    plain, lowered = _rows(0.1, 0.7, 0.1, 0.1), _rows(0.1, 0.7, 0.1, 0.1)
    lowered[:, 2] *= np.exp(2.0)  # as a threshold of -2 reads it
    lowered /= lowered.sum(axis=1, keepdims=True)
    same = while_speaking(plain, EVERYWHERE)
    assert while_speaking(lowered, EVERYWHERE, -2.0) == pytest.approx(same, abs=1e-6)


def test_a_high_threshold_of_the_resting_face_still_holds() -> None:
    reading = _rows(0.1, 0.3, 0.4, 0.2)
    assert (while_speaking(reading, EVERYWHERE, 1.0) == while_speaking(reading, EVERYWHERE)).all()


def test_readings_are_averaged_over_syllables_while_the_candidate_speaks() -> None:
    turns = [_turn(5, 8), _turn(10, 12, "someone_else")]
    widths = bandwidths(PTS_S, turns, 0.4)
    assert (widths == np.where(articulating(PTS_S, turns), SYLLABLES_S, 0.4)).all()
    assert (bandwidths(PTS_S, turns, 2.0) == 2.0).all()  # never shorter than was asked for
    assert not bandwidths(PTS_S, turns, 0.0).any()  # nor where none was asked for


def _episodes(reading: FloatArray) -> set[str]:
    found = find_episodes(
        PTS_S, smooth(PTS_S, reading, 0.4), LABELS, interval_s=0.2, min_duration_s=0.8
    )
    return {episode.label for episode in found}


@pytest.mark.parametrize(("label", "column"), [("negative", 2), ("surprise", 3)])
def test_syllables_make_no_episode_but_a_clear_expression_does(label: str, column: int) -> None:
    """One looks so for most syllables, the other all along and clearly."""
    syllables = np.where((np.arange(len(PTS_S)) % 4 < 3)[:, None], 0.7, 0.1)
    speaking = _rows(0.05, 0.0, 0.0, 0.0)
    speaking[:, column] = syllables[:, 0]
    speaking[:, 1] = 1 - speaking.sum(axis=1)
    assert label in _episodes(speaking)
    assert label not in _episodes(while_speaking(speaking, EVERYWHERE))
    clear = _rows(0.01, 0.04, 0.0, 0.0)
    clear[:, column] = 0.95
    assert label in _episodes(while_speaking(clear, EVERYWHERE))
