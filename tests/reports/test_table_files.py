"""Every table of a run and of an export: one truth, read without cleaning by pandas and by R."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poise.labels import display_labels
from poise.reports.table_files import (
    write_frames_and_episodes,
    write_recordings_and_dictionary,
    write_tables,
)
from poise.settings import Settings
from poise.spoken import Segment
from poise.storage.results.outcome import Outcome
from poise.timeline.episodes import ENTER, LEAVE
from tests.factories import SCHEME, make_outcome, make_spec

SPEC, SETTINGS = make_spec(), Settings()
LABELS = display_labels(SCHEME)
R_SCRIPT = """
args <- commandArgs(trailingOnly = TRUE)
dictionary <- read.csv(file.path(args[1], "data_dictionary.csv"), encoding = "UTF-8")
wanted <- c(boolean = "logical", Int64 = "integer", Float64 = "numeric", string = "character")
options(warn = 2)
for (table in unique(dictionary$table)) {
  rows <- read.csv(file.path(args[1], paste0(table, ".csv")), na.strings = "", encoding = "UTF-8")
  own <- dictionary[dictionary$table == table, ]
  stopifnot(identical(names(rows), make.names(own$column)))
  for (k in seq_len(nrow(own))) {
    values <- rows[[k]]
    if (all(is.na(values))) next
    kind <- class(values)
    if (own$type[k] == "Float64" && kind == "integer") kind <- "numeric"
    if (kind != wanted[[own$type[k]]]) stop(table, " ", own$column[k], " is ", kind)
  }
}
frames <- read.csv(file.path(args[1], "frames.csv"))
cat(nrow(frames[which(frames$usable == TRUE), ]), mean(frames$usable), "\\n")
"""


@pytest.fixture
def outcomes(tmp_path: Path) -> list[Outcome]:
    """Two recordings that were read and one that failed, with names that are hard to read."""
    failed = make_outcome(
        tmp_path / "s3", 'lee/"c"; d.mp4', candidate_id="NA", display_name="이서연"
    )
    return [
        make_outcome(tmp_path / "s1", session_date="2026-11-06", note="first, 'try'\nand more"),
        make_outcome(tmp_path / "s2", "kim/mock-2.mp4", seed=2),
        Outcome(recording=failed.recording, status="failed", message="It could not be read."),
    ]


@pytest.fixture
def tables(outcomes: list[Outcome], tmp_path: Path) -> Path:
    write_tables(outcomes, tmp_path / "tables", SETTINGS, SPEC)
    return tmp_path / "tables"


def load(directory: Path, name: str) -> pd.DataFrame:
    """A table as the dictionary says that it is to be read; a warning is a failure."""
    dictionary = pd.read_csv(directory / "data_dictionary.csv")
    own = dictionary[dictionary["table"] == name]
    types = dict(zip(own["column"], own["type"], strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = pd.read_csv(
            directory / f"{name}.csv", dtype=types, keep_default_na=False, na_values=[""]
        )
    assert list(table.columns) == list(types)
    assert {column: str(kind) for column, kind in table.dtypes.items()} == types
    return table


def test_every_table_is_read_with_the_types_of_the_dictionary(tables: Path) -> None:
    names = {path.stem for path in tables.glob("*.csv")} - {"data_dictionary"}
    assert names == {"frames", "episodes", "segments", "recordings", "posteriors"}
    read = {name: load(tables, name) for name in names}
    assert all(len(table) for table in read.values())
    assert read["recordings"]["candidate_id"].tolist() == ["kim", "kim", "NA"]
    assert read["frames"]["usable"].sum() == read["recordings"]["usable_frames"].sum() > 0
    assert read["frames"]["blurred"].isna().any()


def test_what_is_known_of_a_recording_stands_in_its_row(tables: Path) -> None:
    first, _, failed = load(tables, "recordings").to_dict("records")
    known = {
        "width_px": 640, "height_px": 480, "codec": "h264", "frame_rate_hz": 30.0,
        "container_duration_s": 40.0, "sample_rate_hz": 5.0, "smoothing_s": 0.4,
        "min_episode_s": 0.8, "model": "made up", "model_sha256": "9f2c" * 16,
    }  # fmt: skip
    assert {name: first[name] for name in known} == known
    assert all(pd.isna(failed[name]) for name in known)


def test_a_face_is_described_where_it_is_seen(tables: Path) -> None:
    frames = load(tables, "frames")
    seen = frames[frames["face_found"]]
    assert (seen["left_eye_x_px"] == 230).all() and (seen["mouth_right_y_px"] == 200).all()
    assert (seen["sharpness"] == 0.2).all() and (seen["brightness"] == 120.5).all()
    assert seen["yaw_deg"].isna().all()  # not estimated
    hidden = frames[~frames["face_found"]]
    assert hidden[["left_eye_x_px", "sharpness", "brightness", "label"]].isna().all(axis=None)


def test_posteriors_of_emotions_sum_to_one_and_lead_to_the_label(tables: Path) -> None:
    frames = load(tables, "frames")
    usable = frames[frames["usable"]]
    emotions = usable[[f"emotion_p_{name}" for name in SCHEME.emotions]].astype(float)
    assert emotions.sum(axis=1).to_numpy() == pytest.approx(1, abs=3e-4)
    assert usable[["p_positive", "p_neutral", "p_negative"]].sum(axis=1).astype(
        float
    ).to_numpy() == (pytest.approx(1, abs=3e-4))
    joint = pd.DataFrame(
        {
            label: emotions[[f"emotion_p_{e}" for e in SCHEME.emotions
                             if SCHEME.valence.get(e, e) == label]].sum(axis=1)
            for label in LABELS
        }
    )  # fmt: skip
    assert set(usable["label"]) == set(LABELS)
    assert (joint.idxmax(axis=1) == usable["label"]).mean() > 0.98  # rounded to four digits
    assert (emotions.idxmax(axis=1) == "emotion_p_" + usable["emotion"]).mean() > 0.98


def test_shares_and_frames_count_the_same_labels(tables: Path) -> None:
    frames, recordings = load(tables, "frames"), load(tables, "recordings")
    for row in recordings.head(2).to_dict("records"):
        own = frames[(frames["recording_id"] == row["recording_id"]) & frames["usable"]]
        for label in LABELS:
            assert row[f"share_{label}"] == pytest.approx((own["label"] == label).mean(), abs=1e-4)


def made_again(frames: pd.DataFrame, least_ms: float) -> list[list[object]]:
    """Episodes by the rule of the data dictionary, from the table of frames alone."""
    usable = frames[frames["usable"]]
    values = usable[[f"smooth_p_{label}" for label in LABELS]].to_numpy(float)
    times, runs = usable["pts_ms"].tolist(), usable["run"].tolist()
    intervals = usable["interval_ms"].tolist()
    spans: list[tuple[int, int, int]] = []  # label, first row, last row
    current, first = -1, 0
    for k in range(len(times) + 1):
        gap = k == len(times) or (k > 0 and runs[k] != runs[k - 1])
        if gap and current >= 0:
            spans.append((current, first, k - 1))
            current = -1
        if k == len(times):
            break
        best = int(values[k].argmax())
        begins = best != current and values[k][best] >= ENTER
        if current >= 0 and (begins or values[k][current] < LEAVE):
            spans.append((current, first, k - 1))
            current = -1
        if begins:
            current, first = best, k
    rows: list[list[object]] = []
    for label, start, end in spans:
        end_ms = min([times[end] + intervals[end], *times[end + 1 : end + 2]])
        if end_ms - times[start] >= least_ms:
            peak = times[start + int(values[start : end + 1, label].argmax())]
            mean = values[start : end + 1, label].mean()
            rows.append([LABELS[label], times[start], round(end_ms), peak, float(mean)])
    return rows


def test_episodes_can_be_made_again_from_the_table_of_frames(tables: Path) -> None:
    frames, episodes = load(tables, "frames"), load(tables, "episodes")
    for row in load(tables, "recordings").head(2).to_dict("records"):
        own = frames[frames["recording_id"] == row["recording_id"]]
        told = episodes[episodes["recording_id"] == row["recording_id"]]
        again = made_again(own, 1000 * row["min_episode_s"])
        assert len(again) > 5
        told = told[["label", "start_ms", "end_ms", "peak_ms", "mean_posterior"]]
        assert [row[:4] for row in again] == told.iloc[:, :4].to_numpy(object).tolist()
        assert [row[4] for row in again] == pytest.approx(told["mean_posterior"].tolist(), abs=1e-4)


def test_a_run_writes_tables_of_the_same_shape(outcomes: list[Outcome], tmp_path: Path) -> None:
    """The tables beside a report and the overview, against the dictionary beside them."""
    write_frames_and_episodes(outcomes, tmp_path / "run", SETTINGS, SPEC)
    write_recordings_and_dictionary(outcomes, tmp_path / "run", SETTINGS, SPEC)
    for name in ("frames", "episodes", "recordings"):
        assert len(load(tmp_path / "run", name))


def test_tables_of_nothing_are_read_as_well(tmp_path: Path) -> None:
    write_tables([], tmp_path, SETTINGS, SPEC)
    for name in ("frames", "episodes", "recordings", "posteriors"):
        assert len(load(tmp_path, name)) == 0


def test_r_reads_every_table(tables: Path, tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs R: apt install r-base-core")
    (tmp_path / "read.R").write_text(R_SCRIPT)
    done = subprocess.run(
        [rscript, "--vanilla", tmp_path / "read.R", tables], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    frames = load(tables, "frames")
    count, mean = map(float, done.stdout.split())
    assert count == frames["usable"].sum() > 0
    assert mean == pytest.approx(frames["usable"].mean(), abs=1e-4)


def test_another_format_replaces_the_tables_of_before(
    outcomes: list[Outcome], tmp_path: Path
) -> None:
    named = Settings(format="parquet")
    write_tables(outcomes, tmp_path / "t", named, SPEC)
    assert {path.suffix for path in (tmp_path / "t").iterdir()} == {".parquet"}
    write_tables(outcomes, tmp_path / "t", Settings(anonymous=True), SPEC)
    assert {path.suffix for path in (tmp_path / "t").iterdir()} == {".csv"}
    for path in (tmp_path / "t").iterdir():
        assert b"Minji" not in path.read_bytes()


def test_frames_without_what_an_earlier_analysis_did_not_keep(tmp_path: Path) -> None:
    outcome = make_outcome(tmp_path / "s")
    assert outcome.result is not None
    file = outcome.result.directory / "frames.npz"
    with np.load(file) as before:
        kept = {name: before[name] for name in before.files
                if name not in ("landmarks", "sharpness", "brightness")}  # fmt: skip
    np.savez(file, **kept)
    frames = outcome.result.read_frames()
    assert frames["sharpness"].isna().all() and frames["nose_x_px"].isna().all()
    assert frames["usable"].any()


def test_what_is_excluded_is_named_among_the_segments_without_figures(tmp_path: Path) -> None:
    outcome = make_outcome(tmp_path / "s")
    assert outcome.result is not None
    part = Segment(kind="part", label="Why?", start_s=0.0, end_s=10.0, source="table")
    excluded = Segment(kind="excluded", label="", start_s=10.0, end_s=20.0, source="table")
    last = Segment(kind="part", label="", start_s=20.0, end_s=30.0, source="table")
    result = replace(outcome.result, given_segments=(part, excluded, last))
    write_tables([replace(outcome, result=result)], tmp_path / "tables", SETTINGS, SPEC)
    segments = load(tmp_path / "tables", "segments")
    assert segments["segment"].dropna().drop_duplicates().tolist() == [1, 2, 3]
    row = segments[segments["segment"] == 2]
    assert row[["kind", "start_ms", "end_ms"]].to_numpy().tolist() == [["excluded", 10_000, 20_000]]
    named = ["recording_id", "segment", "kind", "source", "start_ms", "end_ms"]
    assert row.drop(columns=named).isna().all().all()
