"""Recordings of real people and hard cases, which are not part of the repository."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from poise.batch.run import RunResult, analyze
from poise.settings import Settings
from tests.clips import copy, pts_of

SHORT = (
    "broken_unopenable.mp4", "corrupted_after_28_frames.mp4", "empty.flv",
    "face_then_no_face_hevc_vfr.mov", "hevc_10bit_no_face.mp4", "no_duration.webm", "no_face.mp4",
    "one_face_neutral_and_smile.mp4", "one_pixel_frames.mp4", "rotation_metadata_minus90.mov",
)  # fmt: skip
NO_FACE = ("hevc_10bit_no_face.mp4", "no_face.mp4", "no_duration.webm", "one_pixel_frames.mp4")
UNOPENABLE = ("broken_unopenable.mp4", "empty.flv")


def _run(recordings: Path, output: Path, model_dir: Path) -> RunResult:
    settings = Settings(model=str(model_dir), device="cpu", jobs=1, frames_per_class=0)
    return analyze(recordings, output, settings)


@pytest.fixture(scope="module")
def short(
    tmp_path_factory: pytest.TempPathFactory, shared_clips: Path, model_dir: Path,
    workers_closed: None,
) -> RunResult:  # fmt: skip
    """The short ones."""
    folder = tmp_path_factory.mktemp("clips")
    for name in SHORT:
        if not (shared_clips / name).is_file():
            pytest.skip(f"no {name} in {shared_clips}")
        copy(shared_clips / name, folder / name)
    return _run(folder, tmp_path_factory.mktemp("clip_reports"), model_dir)


@pytest.fixture(scope="module")
def everything(
    tmp_path_factory: pytest.TempPathFactory, shared_clips: Path, model_dir: Path,
    workers_closed: None,
) -> RunResult:  # fmt: skip
    """All of them: a minute or two."""
    return _run(shared_clips, tmp_path_factory.mktemp("all_reports"), model_dir)


def _overview(result: RunResult) -> pd.DataFrame:
    return pd.read_csv(result.output / "recordings.csv").set_index("recording_id")


def _frames(result: RunResult, name: str) -> pd.DataFrame:
    return pd.read_csv(result.output / Path(name).stem / "frames.csv")


def _row(result: RunResult, name: str) -> pd.Series:
    row = _overview(result).loc[name]
    assert isinstance(row, pd.Series)
    return row


def test_every_recording_has_a_row_and_only_the_unopenable_fail(short: RunResult) -> None:
    table = _overview(short)
    assert set(table.index) == set(SHORT)
    assert short.exit_code == 3
    assert set(table.index[table["status"] == "failed"]) == set(UNOPENABLE)


@pytest.mark.parametrize("name", UNOPENABLE)
def test_what_cannot_be_opened_says_so_in_plain_words(short: RunResult, name: str) -> None:
    row = _row(short, name)
    assert "cannot be opened" in row["error"]
    assert "Error" not in row["error"] and "Traceback" not in row["error"]
    assert pd.isna(row["coverage"]) and pd.isna(row["sampled_frames"])


def test_the_damaged_recording_is_read_as_far_as_it_goes(short: RunResult) -> None:
    row = _row(short, "corrupted_after_28_frames.mp4")
    assert row["status"] == "partial"
    assert row["error"]
    assert row["sampled_frames"] >= 5


@pytest.mark.parametrize("name", NO_FACE)
def test_no_face_is_no_error(short: RunResult, name: str) -> None:
    row = _row(short, name)
    assert row["status"] == "done" and pd.isna(row["error"])
    assert row["coverage"] == 0 and row["sampled_frames"] >= 5
    assert not _frames(short, name)["face_found"].any()


def test_the_turned_recording_shows_its_face_upright(short: RunResult) -> None:
    name = "rotation_metadata_minus90.mov"
    assert _row(short, name)["coverage"] == 1.0
    with av.open(str(short.outcomes[SHORT.index(name)].recording.path)) as container:
        stored = container.streams.video[0]
        width, height = stored.height, stored.width  # a quarter turn
    frames = _frames(short, name)
    centre_x = (frames["box_x1_px"] + frames["box_x2_px"]) / 2
    centre_y = (frames["box_y1_px"] + frames["box_y2_px"]) / 2
    assert centre_x.between(0, width).all() and centre_y.between(0, height).all()
    extent_x = frames["box_x2_px"] - frames["box_x1_px"]
    extent_y = frames["box_y2_px"] - frames["box_y1_px"]
    assert (extent_y > extent_x).all()  # an upright face is higher than wide


@pytest.mark.parametrize(
    "name", [n for n in SHORT if n not in (*UNOPENABLE, "corrupted_after_28_frames.mp4")]
)
def test_time_stamps_are_the_containers(short: RunResult, name: str) -> None:
    pts_ms = [round(t * 1000) for t in pts_of(short.outcomes[SHORT.index(name)].recording.path)]
    frames = _frames(short, name)
    assert [pts_ms[k] for k in frames["frame_index"]] == frames["pts_ms"].tolist()
    assert frames["pts_ms"].is_monotonic_increasing and frames["pts_ms"].is_unique


def test_a_variable_frame_rate_is_sampled_without_holes(short: RunResult) -> None:
    """Where the recording has frames, no interval without a sample is longer than it must be."""
    name = "face_then_no_face_hevc_vfr.mov"
    pts = np.array(pts_of(short.outcomes[SHORT.index(name)].recording.path))
    sampled = _frames(short, name)["pts_ms"].to_numpy() / 1000
    longest = np.diff(pts).max()
    assert np.diff(sampled).max() <= 0.2 + longest + 1e-3


def test_a_face_that_leaves_is_missed_only_then(short: RunResult) -> None:
    frames = _frames(short, "face_then_no_face_hevc_vfr.mov")
    found = frames["face_found"].to_numpy()
    assert found[:3].all() and not found[-3:].any()


# All of them


@pytest.mark.slow
def test_all_clips_are_analysed_but_the_unopenable(
    everything: RunResult, shared_clips: Path
) -> None:
    table = _overview(everything)
    assert everything.exit_code == 3
    assert set(table.index) == {p.name for p in shared_clips.iterdir() if p.is_file()}
    assert set(table.index[table["status"] == "failed"]) == set(UNOPENABLE)
    assert set(table.index[table["status"] == "partial"]) == {"corrupted_after_28_frames.mp4"}
    for name in table.index:
        if name.startswith("one_face_"):
            assert table.loc[name, "coverage"] > 0.95
            assert table.loc[name, "other_people"] == 0


@pytest.mark.slow
def test_the_crowd_keeps_one_person_throughout(everything: RunResult) -> None:
    frames = _frames(everything, "crowd_3_to_5_faces.mp4")
    seen = frames[frames["face_found"]]
    assert len(seen) > 0.9 * len(frames)
    boxes = seen[["box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"]].to_numpy()
    for a, b in pairwise(boxes):
        extent = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
        assert np.prod(extent) / np.prod(a[2:] - a[:2]) > 0.2
    assert len(set(seen["track_id"])) == 1
    assert frames["other_faces"].between(2, 6).all()  # some of them small, in the background


@pytest.mark.slow
def test_the_two_of_the_gif_stay_two(everything: RunResult) -> None:
    frames = _frames(everything, "two_people.gif")
    assert (frames["other_faces"] == 1).mean() > 0.8
    assert len(set(frames["track_id"].dropna())) == 1
