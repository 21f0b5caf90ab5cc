"""Picking frames: the strongest of each expression, and at least one for each answer."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.picking import Readings, choose_frames
from poise.spoken import Segment
from poise.types import Episode, FloatArray

LABELS = ("positive", "neutral", "negative")
LENGTH_S = 120


def _episode(label: str, start_s: float, end_s: float, mean: float = 0.8) -> Episode:
    return Episode(label=label, start_s=start_s, end_s=end_s, peak_s=start_s, mean_posterior=mean)


def _segment(start_s: float, end_s: float, kind: str = "answer") -> Segment:
    return Segment(kind=kind, label="", start_s=start_s, end_s=end_s, source="table")


def _chosen(
    episodes: list[Episode], per_label: int = 2, sharpness: FloatArray | None = None,
    raw: FloatArray | None = None, segments: tuple[Segment, ...] = (),
) -> list[tuple[str, float]]:  # fmt: skip
    """Chosen labels and times; a frame every 0.2 s, that looks as the episode there says."""
    pts_s = np.arange(0, LENGTH_S, 0.2)
    posterior = np.full((len(pts_s), 3), 0.2, np.float32)
    for episode in episodes:
        inside = (pts_s >= episode.start_s) & (pts_s < episode.end_s)
        posterior[inside, LABELS.index(episode.label)] = episode.mean_posterior
    readings = Readings(
        labels=LABELS,
        pts_s=pts_s,
        smoothed=posterior,
        raw=posterior if raw is None else raw,
        sharpness=np.ones(len(pts_s), np.float32) if sharpness is None else sharpness,
    )
    found = choose_frames(episodes, readings, per_label, segments)
    return [(label, float(pts_s[row])) for label, row in found]


def test_each_label_gets_at_most_so_many_frames() -> None:
    episodes = [_episode("positive", 4 * k, 4 * k + 3) for k in range(6)]
    assert len(_chosen(episodes, 2)) == 2
    assert _chosen(episodes, 0) == []


def test_the_strongest_and_longest_episodes_are_shown() -> None:
    episodes = [
        _episode("positive", 0, 2, 0.6),
        _episode("positive", 10, 16, 0.9),
        _episode("positive", 20, 21, 0.9),
    ]
    ((label, time),) = _chosen(episodes, 1)
    assert label == "positive" and 10 <= time < 16


def test_frames_of_a_label_lie_apart() -> None:
    episodes = [_episode("positive", 0, 1.4), _episode("positive", 1.6, 3)]
    times = [time for _, time in _chosen(episodes, 2)]
    assert times and all(abs(a - b) >= 2 for a in times for b in times if a != b)


def test_frames_come_in_order_of_time() -> None:
    episodes = [_episode("negative", 0, 3), _episode("positive", 5, 9), _episode("neutral", 10, 19)]
    assert [label for label, _ in _chosen(episodes)] == ["negative", "positive", "neutral"]


def test_the_sharper_of_two_alike_is_shown() -> None:
    sharpness = np.full(5 * LENGTH_S, 0.1, np.float32)
    sharpness[7] = 1.0
    assert _chosen([_episode("positive", 0, 4)], 1, sharpness) == [("positive", pytest.approx(1.4))]


def test_a_frame_that_looks_otherwise_does_not_stand_for_the_episode() -> None:
    raw = np.full((5 * LENGTH_S, 3), 0.1, np.float32)
    raw[:, 1] = 0.8
    raw[5] = (0.7, 0.2, 0.1)
    assert _chosen([_episode("positive", 0, 4)], 1, raw=raw) == [("positive", pytest.approx(1.0))]
    raw[5] = (0.1, 0.8, 0.1)
    assert _chosen([_episode("positive", 0, 4)], 1, raw=raw) == []


def test_no_episode_no_frame() -> None:
    assert _chosen([]) == [] == _chosen([], segments=(_segment(0, 60),))


def test_each_answer_has_a_frame_as_far_as_there_are_so_many() -> None:
    """The weakest smile of an answer rather than the second strongest of another one."""
    answers = tuple(_segment(20 * k, 20 * k + 18) for k in range(6))
    episodes = [
        _episode("neutral", 0, 120, 0.5),
        *(_episode("positive", 20 * k + 5, 20 * k + 9 + 4 * (k == 2), 0.6) for k in range(5)),
    ]
    chosen = _chosen(episodes, 2, segments=answers)
    assert len(chosen) == 6  # of three labels two each
    inside = [[label for label, t in chosen if a.start_s <= t < a.end_s] for a in answers]
    assert inside == [["positive"]] * 5 + [["neutral"]]  # which says more than nothing
    assert len(_chosen(episodes, 1, segments=answers)) == 3


def test_the_strongest_of_each_expression_comes_first() -> None:
    answers = (_segment(0, 20), _segment(20, 40), _segment(40, 60))
    episodes = [
        _episode("negative", 0, 2),
        _episode("positive", 5, 15),
        _episode("neutral", 15, 60),
    ]
    labels = [label for label, _ in _chosen(episodes, 2, segments=answers)]
    assert labels[:2] == ["negative", "positive"] and labels.count("neutral") == 2


def test_nothing_is_chosen_of_what_is_excluded_and_questions_are_no_answers() -> None:
    segments = (_segment(0, 10, "excluded"), _segment(10, 30, "question"), _segment(30, 50))
    episodes = [_episode("positive", 0, 12, 0.9), _episode("positive", 34, 36, 0.7)]
    times = [t for _, t in _chosen(episodes, 1, segments=segments)]
    assert [t >= 10 for t in times] == [True, True] and 34 <= times[1] < 36
