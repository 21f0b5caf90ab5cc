"""Who speaks follows from voices that were heard and a mouth that was seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from poise.spoken import SPEAKING, Turn
from poise.timeline.speech import (
    MOVES,
    RESTS,
    find_turns,
    heard_spans,
    look_pairs,
    mouthed,
    speaking_at,
    unheard,
    voiced_stretches,
)
from poise.types import FloatArray, TimeArray

WINDOW_S = 0.032


def _voice(end_s: float, *spans: tuple[float, float]) -> tuple[TimeArray, FloatArray]:
    times = np.arange(0, end_s, WINDOW_S)
    voiced = np.any([(times >= a) & (times < b) for a, b in spans], axis=0)
    return times, voiced.astype(np.float32)


def _looks(end_s: float, *spans: tuple[float, float, float]) -> tuple[TimeArray, FloatArray]:
    """Looks five times a second; motion 0 but where a span says otherwise."""
    times = np.arange(0.1, end_s, 0.2)
    motion = np.zeros(len(times), np.float32)
    for start, end, value in spans:
        motion[(times >= start) & (times < end)] = value
    return times, motion


def test_short_pauses_do_not_end_a_stretch_and_clicks_are_none() -> None:
    stretches = voiced_stretches(*_voice(10, (1, 2), (2.2, 3), (5, 5.1), (7, 8)), WINDOW_S)
    assert np.array(stretches) == pytest.approx(np.array([(1, 3), (7, 8)]), abs=0.05)


def test_a_hole_in_the_sound_ends_a_stretch() -> None:
    times = np.concatenate([np.arange(0, 1, WINDOW_S), np.arange(5, 6, WINDOW_S)])
    stretches = voiced_stretches(times, np.ones(len(times), np.float32), WINDOW_S)
    assert len(stretches) == 2
    assert heard_spans(times, WINDOW_S) == [pytest.approx(s, abs=0.05) for s in stretches]


@pytest.mark.parametrize(
    ("motion", "speaker"),
    [(2 * MOVES, "candidate"), (0.02, "someone_else"), ((MOVES + RESTS) / 2, "unsure")],
)
def test_a_stretch_of_voice_is_his_whose_mouth_moves(motion: float, speaker: str) -> None:
    for end_s in (3.0, 9.0):  # one short stretch, one long
        turns = find_turns([(1.0, end_s)], *_looks(12, (0, 12, motion)))
        assert turns == [Turn(speaker=speaker, start_s=1.0, end_s=end_s)]


def test_a_mouth_that_moves_in_silence_says_nothing() -> None:
    assert find_turns([], *_looks(10, (0, 10, 0.3))) == []


def test_a_voice_without_a_face_is_unsure() -> None:
    looks = np.zeros(0), np.zeros(0, np.float32)
    assert [turn.speaker for turn in find_turns([(0, 1), (2, 9)], *looks)] == ["unsure"] * 2


def test_two_who_speak_without_a_pause_are_told_apart() -> None:
    turns = find_turns([(0.0, 12.0)], *_looks(12, (0, 6, 0.02), (6, 12, 0.2)))
    assert [turn.speaker for turn in turns if turn.speaker != "unsure"] == [
        "someone_else",
        "candidate",
    ]
    assert turns[0].start_s == 0
    assert turns[-1].end_s == 12
    assert turns[0].end_s == pytest.approx(6, abs=1)
    assert all(before.end_s == after.start_s for before, after in pairwise(turns))


def test_moments_have_the_speaker_of_their_turn() -> None:
    turns = [Turn(speaker="candidate", start_s=1, end_s=2)]
    said = speaking_at(np.array([0.5, 1.0, 1.9, 2.0, 9.0]), turns, [(0.0, 5.0)])
    names = [SPEAKING[k] if k >= 0 else None for k in said]
    assert names == ["silent", "candidate", "candidate", "silent", None]


def test_looks_are_a_fifth_of_a_second_apart_and_of_one_track() -> None:
    for rate_hz in (5, 10, 30):
        pts_s = np.arange(0, 4, 1 / rate_hz)
        track = (pts_s >= 2).astype(np.int64)
        earlier, later = look_pairs(pts_s, track)
        assert pts_s[later] - pts_s[earlier] == pytest.approx(0.2, abs=1e-6)
        assert (track[earlier] == track[later]).all()
        assert len(earlier) > 3 * rate_hz


def test_looks_across_a_hole_are_not_compared() -> None:
    pts_s = np.array([0, 0.2, 0.4, 9.0, 9.2])
    earlier, _ = look_pairs(pts_s, np.zeros(5, np.int64))
    assert earlier.tolist() == [0, 1, 3]
    assert len(look_pairs(pts_s[:1], np.zeros(1, np.int64))[0]) == 0


def test_without_sound_a_mouth_that_keeps_moving_may_speak() -> None:
    looks = _looks(150, (30, 40, 2 * MOVES), (100, 104, 2 * MOVES))
    (first, second) = mouthed(*looks)
    assert first.speaker == second.speaker == "unsure"
    assert (first.start_s, first.end_s) == pytest.approx((30, 40), abs=1.0)
    assert (second.start_s, second.end_s) == pytest.approx((100, 104), abs=1.0)
    assert mouthed(*_looks(0.1)) == []


def test_a_mouth_that_moves_less_clearly_goes_on_speaking_for_three_seconds() -> None:
    unsure = (MOVES + RESTS) / 2
    looks = _looks(40, (10, 20, 2 * MOVES), (20, 40, unsure))
    turns = mouthed(*looks)
    assert (turns[0].start_s, turns[-1].end_s) == pytest.approx((10, 23), abs=1.0)
    assert mouthed(*_looks(40, (0, 40, unsure))) == []


def test_a_picture_that_jumps_now_and_then_does_not_speak() -> None:
    jumps = tuple((start, start + 0.2, 0.5) for start in np.arange(1.0, 30.0, 1.2))
    assert mouthed(*_looks(30, *jumps)) == []


def _spans(turns: list[Turn]) -> list[float]:
    assert {turn.speaker for turn in turns} <= {"unsure"}
    return [edge for turn in turns for edge in (turn.start_s, turn.end_s)]


def test_where_nothing_is_heard_a_mouth_that_keeps_moving_may_speak_unheard() -> None:
    looks = _looks(60, (10, 20, 2 * MOVES))
    assert _spans(unheard([], *looks)) == pytest.approx([10, 20], abs=1.0)
    assert unheard([], *_looks(60)) == []  # who keeps silent


def test_a_microphone_that_dies_says_no_more_that_somebody_is_silent() -> None:
    looks = _looks(60, (2, 55, 2 * MOVES))
    own = [Turn(speaker="candidate", start_s=2.0, end_s=20.0)]
    assert _spans(unheard(own, *looks)) == pytest.approx([25, 55], abs=1.0)


def test_a_breath_or_a_smile_between_two_sentences_is_silent() -> None:
    looks = _looks(60, (2, 55, 2 * MOVES))
    own = [Turn(speaker="candidate", start_s=float(s), end_s=s + 6.0) for s in range(0, 60, 12)]
    assert unheard(own, *looks) == []


def test_where_only_another_voice_is_heard_the_mouth_may_speak_in_its_pauses() -> None:
    looks = _looks(60, (10, 30, 2 * MOVES))
    others = [
        Turn(speaker="someone_else", start_s=2.0, end_s=10.0),
        Turn(speaker="someone_else", start_s=16.0, end_s=18.0),
    ]
    assert _spans(unheard(others, *looks)) == pytest.approx([10, 16, 18, 30], abs=1.0)
