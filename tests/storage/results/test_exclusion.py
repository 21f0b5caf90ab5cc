"""What is excluded of a recording counts nowhere; without it nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.settings import Settings
from poise.spoken import Segment, Sound, Turn
from poise.storage.results.exclusion import without_excluded
from poise.storage.results.format import StoredResult, write_result
from poise.storage.results.segments import keep_given
from poise.types import RepresentativeFrame
from tests.factories import make_analysis

FROM_S, TO_S = 10.0, 20.0


def _segment(start_s: float, end_s: float, kind: str = "excluded") -> Segment:
    return Segment(kind=kind, label="", start_s=start_s, end_s=end_s, source="table")


def _stored(directory: Path, *segments: Segment) -> StoredResult:
    write_result(make_analysis(), directory)
    keep_given(directory, "kim.mp4", segments)
    return StoredResult.read(directory, "kim.mp4")


@pytest.fixture
def left(tmp_path: Path) -> StoredResult:
    """A result of which ten seconds are excluded."""
    return without_excluded(_stored(tmp_path, _segment(FROM_S, TO_S)), Settings())


def _inside(times_s: np.ndarray) -> np.ndarray:
    return (times_s >= FROM_S) & (times_s < TO_S)


def test_where_nothing_is_excluded_the_result_stays_itself(tmp_path: Path) -> None:
    result = _stored(tmp_path, _segment(FROM_S, TO_S, kind="part"))
    assert without_excluded(result, Settings()) is result


def test_an_empty_stretch_changes_no_figure(tmp_path: Path) -> None:
    result = _stored(tmp_path, _segment(1000.0, 1010.0))
    left = without_excluded(result, Settings())
    assert left.episodes == result.episodes
    assert left.frames_shown == result.frames_shown
    assert left.statistics.shares == result.statistics.shares
    assert left.statistics.usable_frames == result.statistics.usable_frames


def test_coverage_and_shares_are_of_the_frames_outside(left: StoredResult) -> None:
    frames = left.read_frames()
    outside = frames[~_inside(frames["pts_ms"].to_numpy() / 1000)]
    assert 0 < len(outside) < len(frames)
    usable = outside[outside["usable"]]
    statistics = left.statistics
    assert statistics.sampled_frames == len(outside)
    assert statistics.usable_frames == len(usable)
    assert statistics.coverage == len(usable) / len(outside)
    for label, share in statistics.shares.items():
        assert share == pytest.approx((usable["label"] == label).mean())
    assert left.frames_shown == outside["face_found"].sum()
    assert statistics.duration_s == pytest.approx(0.2 * len(outside), rel=0.01)


def test_no_episode_reaches_into_it(left: StoredResult, tmp_path: Path) -> None:
    whole = StoredResult.read(left.directory)
    assert any(e.start_s < TO_S and e.end_s > FROM_S for e in whole.episodes)  # there was one
    assert left.episodes
    assert all(e.end_s <= FROM_S + 0.2 or e.start_s >= TO_S for e in left.episodes)
    assert all(e in left.episodes for e in left.statistics.longest.values())


def test_nothing_is_smoothed_across_it_however_short_it_is(tmp_path: Path) -> None:
    left = without_excluded(_stored(tmp_path, _segment(10.0, 10.3)), Settings())
    frames = left.read_frames()
    usable = frames[frames["usable"]]
    before, after = usable[usable["pts_ms"] < 10_000], usable[usable["pts_ms"] >= 10_300]
    assert before["run"].iloc[-1] + 1 == after["run"].iloc[0]
    between = usable[(usable["pts_ms"] >= 10_000) & (usable["pts_ms"] < 10_300)]
    assert len(between) and between[["run", "smooth_p_neutral", "interval_ms"]].isna().all().all()
    assert between[["p_neutral", "label"]].notna().all().all()  # its frames stay as they were read


def test_its_frames_carry_its_number(left: StoredResult) -> None:
    frames = left.read_frames()
    inside = _inside(frames["pts_ms"].to_numpy() / 1000)
    assert (frames["segment"][inside] == 1).all() and frames["segment"][~inside].isna().all()


def test_what_is_drawn_leaves_it_out(left: StoredResult) -> None:
    series = left.read_series(0.4)
    assert series is not None and series.breaks is not None
    assert not _inside(series.pts_s).any()
    assert int(np.searchsorted(series.pts_s, TO_S)) in series.breaks
    pts_s, runs = left.read_runs()
    assert (pts_s == series.pts_s).all() and [a for a, _ in runs[1:]] == series.breaks.tolist()


def test_the_figures_of_segments_agree_with_those_of_the_recording(left: StoredResult) -> None:
    whole = left.read_segment_figures(5.0)[0]
    assert whole.segment is None
    assert whole.sampled_frames == left.statistics.sampled_frames
    assert whole.shares == pytest.approx(left.statistics.shares)
    assert sum(whole.episodes.values()) == len(left.episodes)


def test_its_pictures_are_not_shown(tmp_path: Path) -> None:
    def picture(pts_s: float) -> RepresentativeFrame:
        return RepresentativeFrame(label="neutral", emotion="neutral", pts_s=pts_s, posterior={},
                                   image_file="a.jpg", overlay_file="", energy={})  # fmt: skip

    result = _stored(tmp_path, _segment(FROM_S, TO_S))
    result = replace(result, pictures=[picture(at_s) for at_s in (9.9, 10.0, 19.9, 20.0)])
    left = without_excluded(result, Settings())
    assert [p.pts_s for p in left.pictures] == [9.9, 20.0]


def test_a_recording_that_is_excluded_as_a_whole_has_no_figures(tmp_path: Path) -> None:
    left = without_excluded(_stored(tmp_path, _segment(0.0, 1000.0)), Settings())
    assert left.statistics.sampled_frames == left.statistics.usable_frames == left.frames_shown == 0
    assert left.statistics.coverage == 0.0 and left.statistics.shares == {}
    assert left.statistics.changes_per_minute is None
    assert left.episodes == [] and left.read_series(0.4) is None
    assert not left.read_frames()["run"].notna().any()


def test_exclude_lines_alone_leave_the_answers_that_were_found(tmp_path: Path) -> None:
    turns = [("someone_else", 0, 4), ("candidate", 5, 18), ("someone_else", 20, 24),
             ("candidate", 25, 40), ("someone_else", 41, 44), ("candidate", 45, 50)]  # fmt: skip
    heard = Sound(
        status="heard", turns=tuple(Turn(speaker=who, start_s=a, end_s=b) for who, a, b in turns)
    )
    stored = _stored(tmp_path, _segment(12, 15), _segment(40.5, 51))
    result = replace(stored, sound=heard, info={"duration_s": 60.0})
    assert [(s.kind, s.start_s, s.end_s) for s in result.segments] == [
        ("question", 0, 4), ("answer", 5, 18), ("excluded", 12, 15), ("question", 20, 24),
        ("answer", 25, 40), ("excluded", 40.5, 51),
    ]  # fmt: skip
    named = replace(result, given_segments=(_segment(5, 40, "part"), _segment(12, 15)))
    assert [s.kind for s in named.segments] == ["part", "excluded"]  # a centre's own prevail


def test_what_was_given_behind_the_end_is_left_out(tmp_path: Path) -> None:
    result = _stored(tmp_path, _segment(0, 5, "part"), _segment(5000, 5010, "part"))
    assert [s.start_s for s in result.segments] == [0]


def test_a_recording_is_as_long_as_it_was(tmp_path: Path) -> None:
    stored = _stored(tmp_path, _segment(FROM_S, TO_S))
    whole = replace(stored, statistics=replace(stored.statistics, end_s=40.0))
    left = without_excluded(whole, Settings())
    assert left.statistics.duration_s == pytest.approx(whole.statistics.duration_s - 10, abs=0.3)
    assert left.length_s == pytest.approx(40.0)
