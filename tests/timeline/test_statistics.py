"""The figures that a report is made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from poise.labels import QUALITY_FLAGS, LabelScheme, display_posterior
from poise.timeline.statistics import ScoredFrames, combine, summarise
from poise.types import Episode, FloatArray, Statistics

SCHEME = LabelScheme(
    name="four",
    emotions=("joy", "calm", "anger", "surprise"),
    valence={"joy": "positive", "calm": "neutral", "anger": "negative"},
)


def _posterior(rng: np.random.Generator, rows: int) -> FloatArray:
    return rng.dirichlet([1, 1, 1, 1], rows).astype(np.float32)


def _statistics(
    emotion: FloatArray, sampled: int, *, episodes: list[Episode] | None = None,
    flags: npt.NDArray[np.bool_] | None = None, others: int = 0,
) -> Statistics:  # fmt: skip
    return summarise(
        scheme=SCHEME,
        scored=ScoredFrames(
            pts_s=np.arange(len(emotion)) * 0.2,
            emotion=emotion,
            reading=display_posterior(SCHEME, emotion),
        ),
        sampled_frames=sampled,
        interval_s=0.2,
        episodes=episodes or [],
        flags=np.zeros((len(emotion), len(QUALITY_FLAGS)), bool) if flags is None else flags,
        other_people=others,
    )


def test_shares_are_those_of_the_usable_frames() -> None:
    emotion = np.array(
        [[0.8, 0.1, 0.1, 0], [0.7, 0.3, 0, 0], [0, 0.9, 0.1, 0], [0, 0.1, 0.1, 0.8]], np.float32
    )
    statistics = _statistics(emotion, 8)
    assert statistics.shares == {
        "positive": 0.5, "neutral": 0.25, "negative": 0.0, "surprise": 0.25
    }  # fmt: skip
    assert (statistics.usable_frames, statistics.sampled_frames) == (4, 8)
    assert statistics.coverage == 0.5
    assert statistics.duration_s == pytest.approx(1.6)
    assert sum(statistics.emotion_shares.values()) == pytest.approx(1)


def test_no_usable_frame_has_no_shares_and_no_rate() -> None:
    statistics = _statistics(np.zeros((0, 4), np.float32), 10)
    assert statistics.coverage == 0
    assert statistics.shares == statistics.emotion_shares == {}
    assert statistics.changes_per_minute is None


def test_no_frame_at_all() -> None:
    assert _statistics(np.zeros((0, 4), np.float32), 0).coverage == 0


def test_changes_per_minute_of_visible_time() -> None:
    episodes = [
        Episode(label=label, start_s=k, end_s=k + 1, peak_s=k, mean_posterior=0.9)
        for k, label in enumerate(("positive", "neutral", "positive"))
    ]
    emotion = _posterior(np.random.default_rng(0), 150)  # half a minute
    assert _statistics(emotion, 300, episodes=episodes).changes_per_minute == pytest.approx(4)


def test_the_longest_episode_of_each_label() -> None:
    def episode(label: str, start: float, end: float) -> Episode:
        return Episode(label=label, start_s=start, end_s=end, peak_s=start, mean_posterior=0.9)

    episodes = [episode("positive", 0, 1), episode("positive", 2, 5), episode("neutral", 5, 6)]
    longest = _statistics(_posterior(np.random.default_rng(0), 9), 9, episodes=episodes).longest
    assert {k: (e.start_s, e.end_s) for k, e in longest.items()} == {
        "positive": (2, 5), "neutral": (5, 6)
    }  # fmt: skip


def test_flag_shares_are_of_the_frames_that_show_the_candidate() -> None:
    flags = np.zeros((4, len(QUALITY_FLAGS)), bool)
    flags[0, QUALITY_FLAGS.index("blurred")] = True
    statistics = _statistics(_posterior(np.random.default_rng(0), 3), 9, flags=flags)
    assert statistics.flag_shares["blurred"] == 0.25
    assert set(statistics.flag_shares) == set(QUALITY_FLAGS)


def test_a_candidate_with_one_recording_has_its_figures() -> None:
    one = _statistics(_posterior(np.random.default_rng(0), 20), 30, others=2)
    both = combine([one], [25])
    assert both is not None
    assert (both.sampled_frames, both.usable_frames, both.other_people) == (30, 20, 2)
    assert both.coverage == one.coverage
    assert both.shares == pytest.approx(one.shares)
    assert both.changes_per_minute == pytest.approx(one.changes_per_minute)


def test_figures_of_two_recordings_are_those_of_one_twice_as_long() -> None:
    rng = np.random.default_rng(5)
    first, second = _posterior(rng, 20), _posterior(rng, 60)
    parts = [_statistics(first, 40), _statistics(second, 60)]
    both = combine(parts, [30, 60])
    whole = _statistics(np.concatenate([first, second]), 100)
    assert both is not None
    assert both.shares == pytest.approx(whole.shares, abs=1e-6)
    assert both.emotion_shares == pytest.approx(whole.emotion_shares, abs=1e-5)
    assert both.coverage == pytest.approx(whole.coverage)
    assert both.duration_s == pytest.approx(whole.duration_s)


def test_a_recording_without_a_face_changes_coverage_only() -> None:
    seen = _statistics(_posterior(np.random.default_rng(0), 20), 20)
    empty = _statistics(np.zeros((0, 4), np.float32), 20)
    both = combine([seen, empty], [20, 0])
    assert both is not None
    assert both.coverage == 0.5
    assert both.shares == pytest.approx(seen.shares)
    assert both.changes_per_minute == pytest.approx(seen.changes_per_minute)


def test_recordings_without_any_face_have_no_shares() -> None:
    empty = _statistics(np.zeros((0, 4), np.float32), 20)
    both = combine([empty, empty], [0, 0])
    assert both is not None
    assert both.shares == {} and both.changes_per_minute is None and both.coverage == 0


def test_no_recording_has_no_figures() -> None:
    assert combine([], []) is None
