"""What is left of a run over the sample recordings: tables and reports that agree."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from poise.batch.outcomes import Listener, Plan
from poise.batch.run import analyze
from poise.settings import Settings
from tests.batch.kit import read_table
from tests.clips import pts_of
from tests.conftest import Analysed, contents

TABLES = ("frames", "episodes")


CANDIDATES = ("Sample A", "표본 B")


def test_everything_is_done(analysed: Analysed) -> None:
    assert [o.status for o in analysed.result.outcomes] == ["done"] * 3
    assert analysed.result.exit_code == 0
    assert not any(o.reused for o in analysed.result.outcomes)


def test_reports_and_tables_are_there(analysed: Analysed) -> None:
    found = set(contents(analysed.output))
    assert {"index.html", "recordings.csv", "data_dictionary.csv"} <= found
    for candidate in CANDIDATES:
        assert {f"{candidate}/{n}" for n in ("report.html", "frames.csv", "episodes.csv")} <= found
    assert analysed.result.index == analysed.output / "index.html"
    assert not [name for name in found if name.endswith(".tmp")]


def test_the_input_is_not_touched(analysed: Analysed) -> None:
    assert contents(analysed.recordings) == analysed.before


def test_every_recording_has_a_row(analysed: Analysed) -> None:
    table = read_table(analysed.output / "recordings.csv")
    assert table["recording_id"].tolist() == [
        "Sample A/interview 1.mp4", "Sample A/interview 2 two people.mp4", "표본 B.mp4"
    ]  # fmt: skip
    assert table["candidate_id"].tolist() == ["Sample A", "Sample A", "표본 B"]
    assert table["display_name"].tolist() == ["견본 <A> & Co", "견본 <A> & Co", "표본 B"]
    assert table["session_date"].fillna("").tolist() == ["2026-03-01", "2026-03-02", ""]
    assert (table["input_sha256"].str.len() == 64).all()
    assert (table["model_sha256"].str.len() == 64).all()
    assert table["error"].isna().all()


def test_frames_are_the_sampled_frames_by_the_containers_time(analysed: Analysed) -> None:
    table = read_table(analysed.output / "표본 B" / "frames.csv")
    path = analysed.recordings / unicodedata.normalize("NFD", "표본 B.mp4")
    pts_ms = [round(t * 1000) for t in pts_of(path)]
    assert [pts_ms[k] for k in table["frame_index"]] == table["pts_ms"].tolist()
    expected, due = [], 0.0
    for ms in pts_ms:
        if ms >= due - 1e-6:
            expected.append(ms)
            due = (ms // 200 + 1) * 200
    late = np.array(table["pts_ms"]) - expected  # as frames that none refers to are skipped
    assert ((late >= 0) & (late <= 100)).all()


def test_both_recordings_of_a_candidate_are_in_the_tables(analysed: Analysed) -> None:
    table = read_table(analysed.output / "Sample A" / "frames.csv")
    counts = table["recording_id"].value_counts().to_dict()
    overview = read_table(analysed.output / "recordings.csv").set_index("recording_id")
    for recording_id, count in counts.items():
        assert overview.loc[recording_id, "sampled_frames"] == count
    assert len(counts) == 2


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_frame_says_as_much_as_is_known(analysed: Analysed, candidate: str) -> None:
    table = read_table(analysed.output / candidate / "frames.csv")
    box = ["box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"]
    posteriors = [name for name in table if "p_" in name and name != "timecode"]
    nobody = table[~table["face_found"]]
    assert nobody[[*box, *posteriors, "track_id", "label", "blurred"]].isna().all(axis=None)
    assert not nobody["usable"].any()
    seen = table[table["face_found"]]
    assert seen[[*box, "track_id", "detection_confidence"]].notna().all(axis=None)
    usable = table[table["usable"]]
    assert usable["face_found"].all()
    assert usable[[*posteriors, "label", "emotion"]].notna().all(axis=None)
    assert table[~table["usable"]][posteriors].isna().all(axis=None)
    valence = usable[["rel_p_positive", "rel_p_neutral", "rel_p_negative"]]
    assert valence.sum(axis=1).between(0.999, 1.001).all()
    apart = usable["label"] == "surprise"
    assert ("rel_p_" + usable["label"] == valence.idxmax(axis=1))[~apart].mean() > 0.99
    emotions = usable[[name for name in table if name.startswith("emotion_p_")]]
    assert emotions.sum(axis=1).between(0.999, 1.001).all()
    assert ("emotion_p_" + usable["emotion"] == emotions.idxmax(axis=1)).mean() > 0.99
    assert (
        usable[["nose_x_px", "mouth_right_y_px", "sharpness", "brightness"]].notna().all(axis=None)
    )
    assert usable["nose_x_px"].between(usable["box_x1_px"], usable["box_x2_px"]).all()


def test_a_box_lies_in_the_upright_frame(analysed: Analysed) -> None:
    table = read_table(analysed.output / "표본 B" / "frames.csv")
    centre_y = (table["box_y1_px"] + table["box_y2_px"]) / 2
    centre_x = (table["box_x1_px"] + table["box_x2_px"]) / 2
    assert centre_x.between(0, 480).all() and centre_y.between(0, 640).all()
    assert (table["box_y2_px"] - table["box_y1_px"] > table["box_x2_px"] - table["box_x1_px"]).all()


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_episodes_fit_the_recordings(analysed: Analysed, candidate: str) -> None:
    episodes = read_table(analysed.output / candidate / "episodes.csv")
    frames = read_table(analysed.output / candidate / "frames.csv")
    assert (episodes["duration_ms"] == episodes["end_ms"] - episodes["start_ms"]).all()
    assert (episodes["duration_ms"] >= 800).all()
    assert episodes["peak_ms"].between(episodes["start_ms"], episodes["end_ms"]).all()
    for recording_id, own in episodes.groupby("recording_id"):
        assert own["episode"].tolist() == list(range(1, len(own) + 1))
        assert (own["start_ms"].to_numpy()[1:] >= own["end_ms"].to_numpy()[:-1]).all()
        times = frames.loc[frames["recording_id"] == recording_id, "pts_ms"]
        assert set(own["start_ms"]) <= set(times)
        assert own["end_ms"].max() <= times.max() + 200


def test_the_overview_agrees_with_the_frames(analysed: Analysed) -> None:
    overview = read_table(analysed.output / "recordings.csv").set_index("recording_id")
    frames = pd.concat(read_table(analysed.output / c / "frames.csv") for c in CANDIDATES)
    for recording_id, own in frames.groupby("recording_id"):
        row = overview.loc[recording_id]
        assert row["usable_frames"] == own["usable"].sum()
        assert row["coverage"] == pytest.approx(own["usable"].mean(), abs=1e-4)
        assert row["other_people"] == own["other_faces"].max()
        shares = [row[name] for name in overview if name.startswith("share_")]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        labels = own.loc[own["usable"], "label"]
        for name in ("positive", "neutral", "negative", "surprise"):
            assert row[f"share_{name}"] == pytest.approx((labels == name).mean(), abs=1e-4)
        assert row["codec"] == "h264" and row["width_px"] > 0 and row["sample_rate_hz"] == 5


def test_the_data_dictionary_describes_the_tables_that_were_written(analysed: Analysed) -> None:
    dictionary = read_table(analysed.output / "data_dictionary.csv")
    written = {"recordings": analysed.output / "recordings.csv"} | {
        name: analysed.output / "Sample A" / f"{name}.csv" for name in TABLES
    }
    for name, path in written.items():
        described = dictionary.loc[dictionary["table"] == name, "column"].tolist()
        assert described == list(read_table(path).columns)


def test_representative_frames_show_what_they_say(analysed: Analysed) -> None:
    for outcome in analysed.result.outcomes:
        assert outcome.result is not None
        pictures = outcome.result.pictures
        assert len(pictures) <= 2 * 4
        assert [p.pts_s for p in pictures] == sorted(p.pts_s for p in pictures)
        for picture in pictures:
            explained = picture.overlay_file != ""
            assert explained == (picture.label != "neutral")  # of neutral there is no map
            names = (picture.image_file, picture.overlay_file)
            for name in names[: 1 + explained]:
                data = (outcome.result.directory / name).read_bytes()
                assert data.startswith(b"\xff\xd8") and len(data) < 100_000
            assert sum(picture.energy.values()) == pytest.approx(float(explained), abs=1e-3)
            inside = [
                e for e in outcome.result.episodes
                if e.label == picture.label and e.start_s <= picture.pts_s < e.end_s
            ]  # fmt: skip
            assert inside


def test_a_second_run_analyses_nothing_and_writes_the_same_tables(
    analysed: Analysed, own_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "poise.analysis.recording.analyse_recording", lambda *a: pytest.fail("analysed again")
    )
    before = {name: data for name, data in contents(own_reports).items() if "csv" in name}
    plans: list[Plan] = []
    again = analyze(
        analysed.recordings, own_reports, analysed.settings,
        listener=Listener(planned=plans.append),
    )  # fmt: skip
    assert again.exit_code == 0
    assert all(outcome.reused for outcome in again.outcomes)
    assert (plans[0].recordings, plans[0].reused, plans[0].bytes_to_read) == (3, 3, 0)
    after = {name: data for name, data in contents(own_reports).items() if "csv" in name}
    assert after == before


def test_reports_that_were_moved_find_their_recordings(
    analysed: Analysed, own_reports: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "another" / "disk"
    moved.parent.mkdir()
    own_reports.rename(moved)
    analyze(analysed.recordings, moved, analysed.settings)
    page = (moved / "Sample A" / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'data-src="([^"]+)"', page)
    assert sources and all((moved / "Sample A" / unquote(s)).is_file() for s in sources)


def test_a_logo_that_takes_the_place_of_another_is_shown(
    analysed: Analysed, own_reports: Path, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.svg"
    logo.touch()
    settings = replace(analysed.settings, centre_logo=str(logo))
    for k, colour in enumerate(("red", "blue")):
        text = f"<svg xmlns='http://www.w3.org/2000/svg' fill='{colour}'/>"
        logo.write_text(text, encoding="utf-8")
        os.utime(logo, (1e9 - k, 1e9 - k))  # older than Poise, and than the one before
        analyze(analysed.recordings, own_reports, settings)
        page = (own_reports / "Sample A" / "report.html").read_text(encoding="utf-8")
        assert b64encode(text.encode()).decode() in page


def test_parquet_and_korean_need_no_new_analysis(
    analysed: Analysed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "poise.analysis.recording.analyse_recording", lambda *a: pytest.fail("analysed again")
    )
    output = tmp_path / "reports"
    shutil.copytree(analysed.output / ".poise", output / ".poise")
    settings = Settings(
        model=analysed.settings.model, device="cpu", jobs=1, format="parquet", language="ko"
    )
    analyze(analysed.recordings, output, settings)
    frames = pd.read_parquet(output / "Sample A" / "frames.parquet")
    csv = read_table(analysed.output / "Sample A" / "frames.csv")
    assert list(frames.columns) == list(csv.columns)
    assert frames["pts_ms"].tolist() == csv["pts_ms"].tolist()
    assert 'lang="ko"' in (output / "index.html").read_text(encoding="utf-8")
