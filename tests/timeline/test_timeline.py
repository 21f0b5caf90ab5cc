"""Timeline: smoothing, episodes and figures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.labels import QUALITY_FLAGS, LabelScheme, display_labels, display_posterior
from poise.timeline.episodes import ENTER, LEAVE, count_changes, find_episodes
from poise.timeline.smoothing import GAP_S, continuous_runs, smooth
from poise.timeline.statistics import ScoredFrames, combine, summarise
from poise.types import Episode, FloatArray, Statistics

SCHEME = LabelScheme(
    name="four",
    emotions=("joy", "calm", "anger", "surprise"),
    valence={"joy": "positive", "calm": "neutral", "anger": "negative"},
)
LABELS = ("positive", "neutral", "negative", "surprise")

times = st.lists(st.floats(0.001, 3), min_size=1, max_size=60).map(np.cumsum)


def _posterior(rng: np.random.Generator, rows: int) -> FloatArray:
    return rng.dirichlet([1, 1, 1, 1], rows).astype(np.float32)


def _episodes(
    pts_s: npt.NDArray, column: list[float], *, minimum: float = 0.0, other: int = 1
) -> list[tuple[str, float, float]]:
    """Episodes of a first label with that posterior; the rest goes to another one."""
    smoothed = np.zeros((len(pts_s), 4), np.float32)
    smoothed[:, 0] = column
    smoothed[:, other] = 1 - smoothed[:, 0]
    found = find_episodes(pts_s, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum)
    return [(e.label, round(e.start_s, 6), round(e.end_s, 6)) for e in found]


# Labels


def test_what_has_no_valence_is_shown_last() -> None:
    assert display_labels(SCHEME) == LABELS


def test_shown_posteriors_sum_to_one() -> None:
    emotion = _posterior(np.random.default_rng(0), 7)
    shown = display_posterior(SCHEME, emotion)
    np.testing.assert_allclose(shown.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(shown[:, 3], emotion[:, 3], atol=1e-6)


# Smoothing


@given(times, st.floats(0.01, 5))
def test_what_does_not_change_stays(pts_s: npt.NDArray, bandwidth_s: float) -> None:
    constant = np.tile(np.array([[0.2, 0.3, 0.5]], np.float32), (len(pts_s), 1))
    np.testing.assert_allclose(smooth(pts_s, constant, bandwidth_s), constant, atol=1e-5)


@given(times, st.floats(0, 5), st.integers(0, 1000))
def test_rows_still_sum_to_one_and_stay_in_range(
    pts_s: npt.NDArray, bandwidth_s: float, seed: int
) -> None:
    values = _posterior(np.random.default_rng(seed), len(pts_s))
    smoothed = smooth(pts_s, values, bandwidth_s)
    np.testing.assert_allclose(smoothed.sum(axis=1), 1, atol=1e-5)
    assert (smoothed >= -1e-6).all() and (smoothed <= values.max(axis=0) + 1e-5).all()


def test_no_bandwidth_smooths_nothing_and_gives_a_copy() -> None:
    values = _posterior(np.random.default_rng(0), 5)
    result = smooth(np.arange(5.0), values, 0)
    np.testing.assert_array_equal(result, values)
    assert result is not values


def test_smoothing_is_the_kernel_average_it_is_said_to_be() -> None:
    rng = np.random.default_rng(4)
    pts_s = np.cumsum(rng.uniform(0.05, 0.4, 40))
    values = _posterior(rng, 40)
    distance = (pts_s[:, None] - pts_s) / 0.5
    weight = np.where(np.abs(distance) <= 3, np.exp(-0.5 * distance**2), 0)
    expected = weight @ values / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(smooth(pts_s, values, 0.5), expected, atol=1e-5)


def test_what_is_nearer_in_time_weighs_more() -> None:
    values = np.array([[0], [0.5], [1]], np.float32)
    near_the_first = smooth(np.array([0.0, 0.1, 0.9]), values, 0.4)[1, 0]
    near_the_last = smooth(np.array([0.0, 0.8, 0.9]), values, 0.4)[1, 0]
    assert near_the_first < 0.5 < near_the_last


def test_nothing_is_carried_across_a_gap() -> None:
    pts_s = np.array([0.0, 0.2, 0.4, 0.4 + GAP_S + 0.1, 0.6 + GAP_S + 0.1])
    values = np.array([[1], [1], [1], [0], [0]], np.float32)
    np.testing.assert_array_equal(smooth(pts_s, values, 5.0), values)


def test_a_spike_is_damped_and_a_stretch_is_kept() -> None:
    pts_s = np.arange(0, 10, 0.2)
    spike = np.zeros((50, 1), np.float32)
    spike[25] = 1
    stretch = np.zeros((50, 1), np.float32)
    stretch[15:35] = 1
    assert smooth(pts_s, spike, 0.4).max() < 0.25
    assert smooth(pts_s, stretch, 0.4)[25, 0] > 0.99


def test_nothing_to_smooth() -> None:
    assert smooth(np.zeros(0), np.zeros((0, 3), np.float32), 0.4).shape == (0, 3)


def test_segments_end_where_a_gap_is_too_long() -> None:
    assert continuous_runs(np.array([0, 0.2, 0.2 + GAP_S, 3, 9])) == [(0, 3), (3, 4), (4, 5)]
    assert continuous_runs(np.zeros(0)) == []
    assert continuous_runs(np.zeros(1)) == [(0, 1)]


# Episodes


def test_an_episode_lasts_from_its_first_frame_to_the_end_of_its_last() -> None:
    found = _episodes(np.arange(6) * 0.2, [0.1, 0.9, 0.9, 0.9, 0.1, 0.1])
    assert found == [("neutral", 0, 0.2), ("positive", 0.2, 0.8), ("neutral", 0.8, 1.2)]


def test_hysteresis_an_episode_survives_a_weakness() -> None:
    weak = (ENTER + LEAVE) / 2
    column = [0.9, weak - 0.03, 0.9, weak, 0.9]
    smoothed = np.full((5, 4), 0.1, np.float32)
    smoothed[:, 0] = column
    found = find_episodes(np.arange(5) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0)
    assert [(e.label, e.start_s, round(e.end_s, 6)) for e in found] == [("positive", 0, 1.0)]


def test_hysteresis_a_weak_beginning_does_not_count() -> None:
    smoothed = np.zeros((5, 4), np.float32)
    smoothed[:, 0] = [0.45, 0.5, 0.54, 0.6, 0.5]
    found = find_episodes(np.arange(5) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0)
    assert [round(e.start_s, 6) for e in found] == [0.6]


def test_an_episode_ends_where_its_label_falls_below_leave() -> None:
    smoothed = np.zeros((4, 4), np.float32)
    smoothed[:, 0] = [0.9, 0.9, LEAVE - 0.01, 0.3]
    (episode,) = find_episodes(
        np.arange(4) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0
    )
    assert episode.end_s == pytest.approx(0.4)


@pytest.mark.parametrize(("minimum", "count"), [(0.0, 1), (0.6, 1), (0.61, 0)])
def test_short_episodes_are_dropped(minimum: float, count: int) -> None:
    smoothed = np.zeros((10, 4), np.float32)
    smoothed[3:6, 2] = 0.8
    found = find_episodes(
        np.arange(10) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum
    )
    assert len(found) == count


def test_a_gap_ends_an_episode() -> None:
    pts_s = np.array([0.0, 0.2, 0.4, 5.0, 5.2])
    assert _episodes(pts_s, [0.9] * 5) == [("positive", 0, 0.6), ("positive", 5.0, 5.4)]


def test_an_episode_never_reaches_into_the_next_frame() -> None:
    """Frames may lie closer than the interval that is asked for."""
    pts_s = np.array([0.0, 0.05, 0.1, 0.15])
    found = _episodes(pts_s, [0.9, 0.9, 0.1, 0.1])
    assert found == [("positive", 0, 0.1), ("neutral", 0.1, 0.35)]


def test_the_peak_lies_in_the_episode_and_the_mean_is_its_mean() -> None:
    smoothed = np.zeros((4, 4), np.float32)
    smoothed[:, 0] = [0.6, 0.9, 0.7, 0.8]
    (episode,) = find_episodes(
        np.arange(4) * 0.2, smoothed, LABELS, interval_s=0.2, min_duration_s=0
    )
    assert episode.peak_s == pytest.approx(0.2)
    assert episode.mean_posterior == pytest.approx(0.75)


@given(times, st.integers(0, 1000), st.floats(0, 1))
def test_episodes_are_in_order_and_do_not_overlap(
    pts_s: npt.NDArray, seed: int, minimum: float
) -> None:
    smoothed = np.random.default_rng(seed).dirichlet([0.3] * 4, len(pts_s)).astype(np.float32)
    found = find_episodes(pts_s, smoothed, LABELS, interval_s=0.2, min_duration_s=minimum)
    for episode in found:
        assert episode.start_s <= episode.peak_s <= episode.end_s
        assert episode.duration_s >= minimum - 1e-5
        assert LEAVE <= episode.mean_posterior <= 1
    for a, b in pairwise(found):
        assert a.end_s <= b.start_s + 1e-9


def test_no_frames_no_episodes() -> None:
    nothing = np.zeros((0, 4), np.float32)
    assert find_episodes(np.zeros(0), nothing, LABELS, interval_s=0.2, min_duration_s=0) == []


def test_changes_are_counted_between_different_labels() -> None:
    def episode(label: str) -> Episode:
        return Episode(label=label, start_s=0, end_s=1, peak_s=0, mean_posterior=1)

    assert count_changes([episode(c) for c in "aabbba"]) == 2
    assert count_changes([]) == 0


# Figures


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
