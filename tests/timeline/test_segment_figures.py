"""Every figure for each segment, its ends, and each state."""

from __future__ import annotations

import numpy as np
import pytest

from poise.spoken import SPEAKING, Segment
from poise.timeline.segment_figures import SeenFrames, segment_figures, segment_of
from poise.types import Episode

LABELS = ("positive", "neutral", "negative")


def _segment(kind: str, start_s: float, end_s: float) -> Segment:
    return Segment(kind=kind, label="", start_s=start_s, end_s=end_s, source="table")


SEGMENTS = [_segment("question", 0, 10), _segment("answer", 10, 40), _segment("excluded", 40, 50)]


def _seen(*, sound: bool = True) -> SeenFrames:
    """Fifty seconds, a frame a second: smiles in the first ten, nothing usable from 30 to 40."""
    pts_s = np.arange(50.0)
    usable = np.flatnonzero((pts_s < 30) | (pts_s >= 40)).astype(np.int64)
    reading = np.zeros((len(usable), 3), np.float32)
    reading[np.arange(len(usable)), np.where(pts_s[usable] < 10, 0, 1)] = 1
    speaking = np.full(50, SPEAKING.index("silent"), np.int8)
    speaking[:8] = SPEAKING.index("someone_else")
    speaking[12:35] = SPEAKING.index("candidate")
    episode = Episode(label="positive", start_s=2, end_s=12, peak_s=4, mean_posterior=0.9)
    return SeenFrames(
        pts_s=pts_s, shown_s=np.ones(50), speaking=speaking if sound else None,
        usable_frame=usable, reading=reading, labels=LABELS, episodes=[episode],
    )  # fmt: skip


def test_moments_have_the_number_of_their_segment() -> None:
    assert segment_of(np.array([0.0, 9.9, 10.0, 39.9, 55.0]), SEGMENTS).tolist() == [1, 1, 2, 2, 0]


def test_what_is_excluded_within_an_answer_is_no_part_of_it() -> None:
    left_out = [_segment("excluded", 5, 20), _segment("excluded", 30, 35)]
    segments = [left_out[0], _segment("answer", 10, 40), left_out[1]]
    times = np.array([4.0, 6.0, 15.0, 20.0, 32.0, 36.0])
    assert segment_of(times, segments).tolist() == [0, 1, 1, 2, 3, 2]
    figures = {(f.segment, f.part, f.state): f for f in segment_figures(_seen(), segments)}
    assert figures[2, "whole", "all"].sampled_frames == 15  # 20 to 30, 35 to 40
    assert figures[None, "whole", "all"].sampled_frames == 30


def test_figures_by_segment_part_and_state() -> None:
    rows = {(f.segment, f.part, f.state): f for f in segment_figures(_seen(), SEGMENTS)}
    assert set(rows) == {
        *((number, "whole", state) for number in (None, 1, 2)
          for state in ("all", "speaking", "listening")),
        (2, "first", "all"), (2, "last", "all"),
    }  # fmt: skip
    whole = rows[None, "whole", "all"]
    assert (whole.sampled_frames, whole.usable_frames, whole.duration_s) == (40, 30, 40)
    assert whole.shares == pytest.approx({"positive": 1 / 3, "neutral": 2 / 3, "negative": 0})
    assert rows[1, "whole", "all"].shares["positive"] == 1
    assert rows[1, "whole", "listening"].sampled_frames == 8
    assert rows[1, "whole", "all"].episodes == {"positive": 1, "neutral": 0, "negative": 0}
    assert rows[2, "whole", "all"].episodes["positive"] == 0
    assert rows[2, "whole", "speaking"].coverage == pytest.approx(18 / 23)
    assert rows[2, "first", "all"].coverage == 1
    assert rows[2, "last", "all"].coverage == 0
    assert rows[2, "last", "all"].shares == {}
    assert rows[1, "whole", "speaking"].coverage is None


@pytest.mark.parametrize("end_s", [75.207, 40.1, 33.3])
def test_the_ends_of_a_segment_are_ten_seconds_to_the_millisecond(end_s: float) -> None:
    """75.207 - 10 is more than 65.207 in floating point."""
    pts_s = np.round(end_s - 0.2 * np.arange(1, 151)[::-1], 3)
    every = np.arange(150)
    reading = np.zeros((150, 3), np.float32)
    seen = SeenFrames(
        pts_s=pts_s, shown_s=np.full(150, 0.2), speaking=None, usable_frame=every,
        reading=reading, labels=LABELS, episodes=[],
    )  # fmt: skip
    segment = _segment("part", float(pts_s[0]), end_s)
    ends = [f for f in segment_figures(seen, [segment]) if f.part in ("first", "last")]
    assert [one.sampled_frames for one in ends] == [50, 50]


def test_without_sound_there_are_no_states() -> None:
    assert {f.state for f in segment_figures(_seen(sound=False), SEGMENTS)} == {"all"}


def test_a_recording_without_a_frame_has_figures_of_nothing() -> None:
    none = np.zeros(0)
    seen = SeenFrames(
        pts_s=none, shown_s=none, speaking=None, usable_frame=np.zeros(0, np.int64),
        reading=np.zeros((0, 3), np.float32), labels=LABELS, episodes=[],
    )  # fmt: skip
    (figures,) = segment_figures(seen, [])
    assert (figures.sampled_frames, figures.coverage, figures.shares) == (0, None, {})
