"""Recordings that show the same sitting are told from those of other sittings of one person."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from poise.batch.run import analyze
from poise.media.transcode import Job, Transcoder
from poise.settings import Settings
from poise.timeline.copies import Changes, changes, likeness, show_the_same

SITTING_S = 90.0


def looks(seed: int, start_s: float, end_s: float, rate_hz: float, noise: float) -> Changes:
    """What a recording shows of a sitting, which is the same for the same seed: a face whose
    expression drifts all the time, read with some noise of the recording's own."""
    chance = np.random.default_rng(seed)
    sitting = chance.normal(0, 0.4, (round(SITTING_S * 5), 3)).cumsum(axis=0) * 0.5
    pts_s = np.arange(start_s, end_s, 1 / rate_hz)
    at = [np.interp(pts_s, np.arange(len(sitting)) / 5, column) for column in sitting.T]
    own = np.random.default_rng([seed, round(1000 * start_s)])
    weights = np.exp(np.array(at).T + own.normal(0, noise, (len(pts_s), 3)))
    reading = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return changes(pts_s - start_s, reading)


@pytest.mark.parametrize("other", [
    pytest.param((0.0, SITTING_S, 5.0, 0.05), id="made anew"),
    pytest.param((13.3, SITTING_S, 6.0, 0.1), id="begun later, at another rate"),
    pytest.param((40.1, 58.0, 5.0, 0.05), id="a part"),
])  # fmt: skip
def test_another_view_of_a_sitting_is_known(other: tuple[float, float, float, float]) -> None:
    whole, view = looks(1, 0.0, SITTING_S, 5.0, 0.05), looks(1, *other)
    assert show_the_same(whole, view)
    assert show_the_same(view, whole)
    backwards = view[:, ::-1]
    assert not show_the_same(whole, backwards)


def test_other_sittings_are_not() -> None:
    sittings = [looks(seed, 0.0, SITTING_S, 5.0, 0.05) for seed in range(12)]
    assert max(likeness(one, other) for one, other in combinations(sittings, 2)) < 0.35


def test_two_that_smile_once_are_not_the_same() -> None:
    """One great change weighs no more than any other."""
    chance = np.random.default_rng(3)
    pts_s = np.arange(0, 30, 0.2)

    def smiling(at_s: float) -> Changes:
        smile = 8 / (1 + np.exp(-3 * (pts_s - at_s)))
        logs = np.stack([smile, 0 * smile, 0 * smile], axis=1) + chance.normal(0, 0.1, (150, 3))
        weights = np.exp(logs)
        return changes(pts_s, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))

    assert not show_the_same(smiling(10.0), smiling(14.0))


def test_where_no_face_is_seen_nothing_is_alike() -> None:
    """Neither long gaps, in which nothing is known, nor the little between them."""

    def seldom_seen(seed: int) -> Changes:
        chance = np.random.default_rng(seed)
        pts_s = np.concatenate([start + np.arange(0, 8, 0.2) for start in (0, 40, 80, 120)])
        weights = np.exp(chance.normal(0, 0.3, (len(pts_s), 3)).cumsum(axis=0))
        return changes(pts_s, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))

    views = [seldom_seen(seed) for seed in range(8)]
    assert max(likeness(one, other) for one, other in combinations(views, 2)) < 0.35
    assert likeness(views[0], views[0]) > 0.9


def test_what_stands_still_or_is_short_is_not_compared() -> None:
    still = changes(np.arange(0, 60, 0.2), np.full((300, 3), 1 / 3, np.float32))
    assert still.shape == (3, 0)
    assert not show_the_same(still, still)
    short = looks(1, 0.0, 12.0, 5.0, 0.05)
    assert not show_the_same(short, short)
    assert changes(np.zeros(0), np.zeros((0, 3), np.float32)).shape == (3, 0)


@pytest.mark.slow
def test_copies_of_real_clips(shared_clips: Path, tmp_path: Path) -> None:
    """Made anew in the size of handouts, and without the first 1.1 seconds.

    Of a clip whose face is seen for less than 15 seconds then, nothing is claimed.
    """
    recordings, transcoder = tmp_path / "recordings", Transcoder()
    names = [path.stem for path in sorted(shared_clips.glob("one_face_*s.mp4"))]
    assert len(names) >= 4
    for name in names:
        (recordings / name).mkdir(parents=True)
        clip = recordings / name / "clip.mp4"
        clip.write_bytes((shared_clips / f"{name}.mp4").read_bytes())
        transcoder.make(Job(source=clip, stem=recordings / name / "anew"))
        transcoder.make(Job(source=clip, stem=recordings / name / "part", span_s=(1.1, 1e3)))
    transcoder.close()
    outcomes = analyze(recordings, tmp_path / "reports", Settings(frames_per_class=0)).outcomes
    seen = [(o.recording.candidate_id, o.result) for o in outcomes if o.result is not None]
    assert len(seen) == 3 * len(names)
    views = [(name, changes(*result.read_readings())) for name, result in seen]
    long = [(name, view) for name, view in views if view.shape[1]]
    assert len(long) >= 3 * len(names) - 1
    for (name, one), (other, two) in combinations(long, 2):
        print(f"{likeness(one, two):.2f} {name}, {other}")
        assert show_the_same(one, two) == (name == other), (name, other)
