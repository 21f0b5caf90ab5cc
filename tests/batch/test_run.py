"""A batch: on real recordings, and the rules of its bookkeeping on made-up ones."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poise.analysis.context import close_context
from poise.batch.outcomes import Listener, Plan, RunResult
from poise.batch.run import analyze
from poise.batch.workers import worker
from poise.errors import ModelError, ReportError, SettingsError, VideoError
from poise.settings import Settings
from poise.storage import fingerprints
from tests.clips import copy, cut_off, face_clip, pts_of, write_audio, write_clip
from tests.conftest import SAMPLES, Analysed, SampleFaces, contents
from tests.factories import IDLE_CONTEXT, write_owner_only

TABLES = ("frames", "episodes")
CANDIDATES = ("Sample A", "표본 B")


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=True)


# The sample recordings, analysed for real


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
    table = _table(analysed.output / "recordings.csv")
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
    table = _table(analysed.output / "표본 B" / "frames.csv")
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
    table = _table(analysed.output / "Sample A" / "frames.csv")
    counts = table["recording_id"].value_counts().to_dict()
    overview = _table(analysed.output / "recordings.csv").set_index("recording_id")
    for recording_id, count in counts.items():
        assert overview.loc[recording_id, "sampled_frames"] == count
    assert len(counts) == 2


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_frame_says_as_much_as_is_known(analysed: Analysed, candidate: str) -> None:
    table = _table(analysed.output / candidate / "frames.csv")
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
    table = _table(analysed.output / "표본 B" / "frames.csv")
    centre_y = (table["box_y1_px"] + table["box_y2_px"]) / 2
    centre_x = (table["box_x1_px"] + table["box_x2_px"]) / 2
    assert centre_x.between(0, 480).all() and centre_y.between(0, 640).all()
    assert (table["box_y2_px"] - table["box_y1_px"] > table["box_x2_px"] - table["box_x1_px"]).all()


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_episodes_fit_the_recordings(analysed: Analysed, candidate: str) -> None:
    episodes = _table(analysed.output / candidate / "episodes.csv")
    frames = _table(analysed.output / candidate / "frames.csv")
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
    overview = _table(analysed.output / "recordings.csv").set_index("recording_id")
    frames = pd.concat(_table(analysed.output / c / "frames.csv") for c in CANDIDATES)
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
    dictionary = _table(analysed.output / "data_dictionary.csv")
    written = {"recordings": analysed.output / "recordings.csv"} | {
        name: analysed.output / "Sample A" / f"{name}.csv" for name in TABLES
    }
    for name, path in written.items():
        described = dictionary.loc[dictionary["table"] == name, "column"].tolist()
        assert described == list(_table(path).columns)


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
    analysed: Analysed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "poise.analysis.recording.analyse_recording", lambda *a: pytest.fail("analysed again")
    )
    before = {name: data for name, data in contents(analysed.output).items() if "csv" in name}
    plans: list[Plan] = []
    again = analyze(
        analysed.recordings, analysed.output, analysed.settings,
        listener=Listener(planned=plans.append),
    )  # fmt: skip
    assert again.exit_code == 0
    assert all(outcome.reused for outcome in again.outcomes)
    assert (plans[0].recordings, plans[0].reused, plans[0].bytes_to_read) == (3, 3, 0)
    after = {name: data for name, data in contents(analysed.output).items() if "csv" in name}
    assert after == before


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
    csv = _table(analysed.output / "Sample A" / "frames.csv")
    assert list(frames.columns) == list(csv.columns)
    assert frames["pts_ms"].tolist() == csv["pts_ms"].tolist()
    assert 'lang="ko"' in (output / "index.html").read_text(encoding="utf-8")


# Small recordings, analysed for real


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, sample_faces: SampleFaces) -> Path:
    """Five small files of three candidates; one is cut off, one is no video, one has no face."""
    folder = tmp_path_factory.mktemp("small")
    images = sample_faces.images[:, ::2, ::2]
    face_clip(folder / "kim" / "1.mp4", images)
    face_clip(folder / "lee.mp4", images[::-1], seconds=1.2)
    cut_off(SAMPLES / "Sample A" / "interview 1.mp4", folder / "kim" / "2 cut.mp4", 0.2)
    write_audio(folder / "kim" / "3 sound.mp4")
    write_clip(folder / "nobody.mp4", [images[0] * 0 + 90] * 5, range(0, 1000, 200))
    return folder


@pytest.fixture(scope="module")
def settings(model_dir: Path) -> Settings:
    """Of all small runs: the context in this process is kept as long as they are the same."""
    return Settings(model=str(model_dir), device="cpu", jobs=1)


@pytest.fixture(scope="module")
def small_run(
    tmp_path_factory: pytest.TempPathFactory, small: Path, settings: Settings, workers_closed: None
) -> RunResult:
    """A run over them in this process."""
    return analyze(small, tmp_path_factory.mktemp("small_reports"), settings)


def _by_id(result: RunResult) -> dict[str, Any]:
    return {outcome.recording.recording_id: outcome for outcome in result.outcomes}


def test_a_failure_costs_only_the_recording_that_fails(small_run: RunResult) -> None:
    statuses = {name: outcome.status for name, outcome in _by_id(small_run).items()}
    assert statuses == {
        "kim/1.mp4": "done", "kim/2 cut.mp4": "partial", "kim/3 sound.mp4": "failed",
        "lee.mp4": "done", "nobody.mp4": "done",
    }  # fmt: skip
    assert small_run.exit_code == 3


def test_what_failed_and_what_was_lost_is_said_in_words(small_run: RunResult) -> None:
    table = _table(small_run.output / "recordings.csv").set_index("recording_id")
    assert "holds no video stream" in table.loc["kim/3 sound.mp4", "error"]
    assert "breaks off at" in table.loc["kim/2 cut.mp4", "error"]
    assert pd.isna(table.loc["kim/1.mp4", "error"])
    assert pd.isna(table.loc["kim/3 sound.mp4", "coverage"])
    assert pd.isna(table.loc["kim/3 sound.mp4", "sampled_frames"])


def test_no_face_is_a_result_and_no_error(small_run: RunResult) -> None:
    table = _table(small_run.output / "recordings.csv").set_index("recording_id")
    row = table.loc["nobody.mp4"]
    assert (row["status"], row["coverage"], row["sampled_frames"]) == ("done", 0.0, 5)
    assert row[[n for n in table if n.startswith("share_")]].isna().all()
    frames = _table(small_run.output / "nobody" / "frames.csv")
    assert len(frames) == 5 and not frames["face_found"].any()
    assert (small_run.output / "nobody" / "report.html").is_file()


def test_what_was_read_of_a_cut_off_recording_is_there(small_run: RunResult) -> None:
    frames = _table(small_run.output / "kim" / "frames.csv")
    cut = frames[frames["recording_id"] == "kim/2 cut.mp4"]
    assert len(cut) > 5 and cut["face_found"].all()
    assert set(frames["recording_id"]) == {"kim/1.mp4", "kim/2 cut.mp4"}


def _tables(output: Path) -> dict[str, bytes]:
    return {n: d for n, d in contents(output).items() if n.endswith(".csv") and ".poise" not in n}


@pytest.mark.slow
def test_several_processes_give_the_same_tables(
    tmp_path: Path, small: Path, small_run: RunResult, settings: Settings
) -> None:
    parallel = Settings(model=settings.model, device="cpu", jobs=2)
    result = analyze(small, tmp_path / "reports", parallel)
    assert result.exit_code == 3
    assert _tables(tmp_path / "reports") == _tables(small_run.output)


def test_the_same_from_a_single_file(tmp_path: Path, small: Path, settings: Settings) -> None:
    result = analyze(small / "lee.mp4", tmp_path / "reports", settings)
    assert [o.recording.candidate_id for o in result.outcomes] == ["lee"]
    assert (tmp_path / "reports" / "lee" / "report.html").is_file()


def test_strings_will_do_for_paths(tmp_path: Path, small: Path, settings: Settings) -> None:
    result = analyze(str(small / "lee.mp4"), str(tmp_path / "reports"), settings)
    assert result.exit_code == 0


@pytest.mark.parametrize(("rate_hz", "frames"), [(2.0, 24), (8.0, 48)])
def test_other_sampling_rates(
    tmp_path: Path, sample_faces: SampleFaces, settings: Settings, rate_hz: float, frames: int
) -> None:
    images = sample_faces.images[[0, 2], ::2, ::2]
    face_clip(tmp_path / "in" / "a.mp4", images, seconds=12, step_ms=250)
    other = Settings(model=settings.model, device="cpu", jobs=1, sample_rate_hz=rate_hz)
    (outcome,) = analyze(tmp_path / "in", tmp_path / "out", other).outcomes
    close_context()
    assert outcome.result is not None
    assert outcome.result.statistics.sampled_frames == frames
    assert outcome.result.statistics.coverage == 1.0
    assert outcome.result.statistics.duration_s == pytest.approx(12, abs=1)


def test_decord_reads_what_is_whole(tmp_path: Path, small: Path, settings: Settings) -> None:
    other = Settings(model=settings.model, device="cpu", jobs=1, decoder="decord")
    result = analyze(small / "kim", tmp_path / "reports", other)
    close_context()
    outcomes = _by_id(result)
    assert outcomes["1.mp4"].status == "done"
    assert outcomes["1.mp4"].result.statistics.coverage == 1.0
    assert outcomes["3 sound.mp4"].status == "failed"


# The bookkeeping, with an analysis that only pretends


@dataclass
class Pretended:
    """What the pretended analysis was asked for."""

    seen: list[str] = field(default_factory=list)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, small_run: RunResult) -> Pretended:
    """An analysis that hands out a known result; what a file says decides what happens."""
    source = _by_id(small_run)["lee.mp4"].result.directory
    pretended = Pretended()

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        pretended.seen.append(path.name)
        if path.read_bytes().startswith(b"bad"):
            raise VideoError("cannot be opened", remedy="Export it again.", path=path)
        if path.read_bytes().startswith(b"odd"):
            raise ZeroDivisionError("division by zero")
        shutil.copytree(source, directory, dirs_exist_ok=True)

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return pretended


def _recordings(root: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = root / name.replace("__", "/")
        path = path.with_name(path.name + ".mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


Run = Callable[..., RunResult]


@pytest.fixture
def analyse_here(tmp_path: Path, pretended: Pretended, settings: Settings) -> Run:
    """A run from `in` to `out`."""
    return lambda **keywords: analyze(tmp_path / "in", tmp_path / "out", settings, **keywords)


def test_what_is_done_is_not_done_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1", b=b"22")
    analyse_here()
    assert sorted(pretended.seen) == ["a.mp4", "b.mp4"]
    _recordings(tmp_path / "in", c=b"333")
    result = analyse_here()
    assert pretended.seen[2:] == ["c.mp4"]
    assert [o.reused for o in result.outcomes] == [True, True, False]


def test_a_renamed_recording_is_not_analysed_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyse_here()
    (tmp_path / "in" / "a.mp4").rename(tmp_path / "in" / "z.mp4")
    result = analyse_here()
    assert len(pretended.seen) == 1
    assert (tmp_path / "out" / "z" / "report.html").is_file()
    assert result.outcomes[0].recording.candidate_id == "z"


def test_a_changed_recording_is_analysed_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyse_here()
    _recordings(tmp_path / "in", a=b"other")
    analyse_here()
    assert len(pretended.seen) == 2


def test_force_does_everything_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1", b=b"22")
    analyse_here()
    result = analyse_here(force=True)
    assert len(pretended.seen) == 4
    assert not any(o.reused for o in result.outcomes)


def test_what_failed_is_tried_again(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"bad", b=b"2")
    analyse_here()
    analyse_here()
    assert sorted(pretended.seen) == ["a.mp4", "a.mp4", "b.mp4"]


def test_the_largest_files_come_first(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1", b=b"1" * 9, c=b"1" * 4)
    result = analyse_here()
    assert pretended.seen == ["b.mp4", "c.mp4", "a.mp4"]
    assert [o.recording.recording_id for o in result.outcomes] == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a": b"1", "b": b"2"}, 0),
        ({"a": b"1", "b": b"bad"}, 3),
        ({"a": b"bad 1", "b": b"bad 2"}, 4),
        ({}, 4),
    ],
    ids=["all done", "some failed", "none succeeded", "none found"],
)
def test_exit_codes(tmp_path: Path, analyse_here: Run, files: dict[str, bytes], code: int) -> None:
    (tmp_path / "in").mkdir()
    _recordings(tmp_path / "in", **files)
    assert analyse_here().exit_code == code


def test_an_unexpected_error_is_a_failure_with_its_traceback(
    tmp_path: Path, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"odd", b=b"1")
    first, second = analyse_here().outcomes
    assert (first.status, second.status) == ("failed", "done")
    assert "ZeroDivisionError" in first.message
    assert first.error is not None and "Traceback" in first.error.__notes__[0]


def test_strict_stops_at_the_first_failure_and_writes_what_is_there(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1" * 9, b=b"bad45", c=b"1")
    with pytest.raises(VideoError, match="cannot be opened"):
        analyse_here(strict=True)
    assert pretended.seen == ["a.mp4", "b.mp4"]
    table = _table(tmp_path / "out" / "recordings.csv")
    assert table["status"].tolist() == ["done", "failed"]


def test_twins_are_analysed_once_and_reported_twice(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", kim__1=b"same", lee__1=b"same", lee__2=b"other")
    result = analyse_here()
    assert sorted(pretended.seen) == ["1.mp4", "2.mp4"]
    assert [o.status for o in result.outcomes] == ["done"] * 3
    for candidate in ("kim", "lee"):
        frames = _table(tmp_path / "out" / candidate / "frames.csv")
        assert f"{candidate}/1.mp4" in set(frames["recording_id"])


def test_twins_that_fail_fail_both(tmp_path: Path, analyse_here: Run) -> None:
    _recordings(tmp_path / "in", a=b"bad", b=b"bad")
    assert [o.status for o in analyse_here().outcomes] == ["failed", "failed"]


def test_one_of_twins_known_from_before(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"same")
    analyse_here()
    _recordings(tmp_path / "in", b=b"same")
    assert [o.reused for o in analyse_here().outcomes] == [True, True]
    assert pretended.seen == ["a.mp4"]


def test_both_unicode_forms_of_a_name_are_both_reported(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    name = "김철수"
    for k, form in enumerate(("NFC", "NFD")):
        path = tmp_path / "in" / f"{unicodedata.normalize(form, name)}.mp4"  # type: ignore[arg-type]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (k + 1))
    result = analyse_here()
    assert len(pretended.seen) == len(result.outcomes) == 2
    assert len({o.recording.recording_id for o in result.outcomes}) == 2


def test_a_name_in_another_encoding_does_not_stop_the_batch(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    odd = tmp_path / "in" / os.fsdecode("김철수.mp4".encode("cp949"))
    odd.write_bytes(b"22")
    assert [o.status for o in analyse_here().outcomes] == ["done", "done"]


def test_a_recording_that_vanishes_is_one_failure(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    _recordings(tmp_path / "in", a=b"1", b=b"22")

    def vanish(plan: Plan) -> None:
        (tmp_path / "in" / "b.mp4").unlink()

    result = analyze(tmp_path / "in", tmp_path / "out", settings, listener=Listener(planned=vanish))
    assert [o.status for o in result.outcomes] == ["done", "failed"]


def test_a_recording_that_vanishes_while_hashes_are_made_is_one_failure(
    tmp_path: Path, pretended: Pretended, analyse_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _recordings(tmp_path / "in", a=b"1", b=b"22")
    hash_of = fingerprints.hash_of

    def vanish(path: Path, stopped: Callable[[], bool]) -> str:
        (tmp_path / "in" / "b.mp4").unlink(missing_ok=True)
        return hash_of(path, stopped)

    monkeypatch.setattr(fingerprints, "hash_of", vanish)
    assert [o.status for o in analyse_here().outcomes] == ["done", "failed"]


# Dry runs


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyse_here()
    _recordings(tmp_path / "in", b=b"2")
    before = set(contents(tmp_path / "out"))
    result = analyse_here(dry_run=True)
    assert pretended.seen == ["a.mp4"]
    assert [(o.status, o.reused) for o in result.outcomes] == [
        ("planned", True), ("planned", False)
    ]  # fmt: skip
    assert result.index is None
    assert set(contents(tmp_path / "out")) == before


def test_a_dry_run_with_force_forgets_nothing(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyse_here()
    assert [o.reused for o in analyse_here(dry_run=True, force=True).outcomes] == [False]
    assert [o.reused for o in analyse_here().outcomes] == [True]
    assert pretended.seen == ["a.mp4"]


def test_a_dry_run_does_not_call_twins_done(tmp_path: Path, analyse_here: Run) -> None:
    _recordings(tmp_path / "in", a=b"same", b=b"same")
    assert [o.reused for o in analyse_here(dry_run=True).outcomes] == [False, False]


def test_a_dry_run_makes_no_folder(tmp_path: Path, analyse_here: Run) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyse_here(dry_run=True)
    assert not (tmp_path / "out").exists()


# Paths and settings that cannot be used


@pytest.mark.parametrize("output", ["in", "in/reports", "in/a/b", "in/../in/x"])
def test_output_inside_the_input_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings, output: str
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    with pytest.raises(SettingsError, match="must not lie among the recordings"):
        analyze(tmp_path / "in", tmp_path / output, settings)
    assert set(contents(tmp_path / "in")) == {"a.mp4"}
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["a.mp4"]


def test_output_inside_the_input_by_a_link_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(SettingsError):
        analyze(tmp_path / "in", tmp_path / "link" / "reports", settings)


def test_nothing_is_written_into_an_input_that_lies_in_the_output(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    """A candidate may be called as the folder of the recordings is."""
    _recordings(tmp_path / "lab" / "kim", kim=b"1")
    before = contents(tmp_path / "lab" / "kim")
    with pytest.raises(SettingsError):
        analyze(tmp_path / "lab" / "kim", tmp_path / "lab", settings)
    assert contents(tmp_path / "lab" / "kim") == before


def test_an_output_that_is_a_file_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="is a file"):
        analyze(tmp_path / "in", tmp_path / "out", settings)


def test_a_path_too_long_for_windows_is_refused_before_anything_is_written(
    tmp_path: Path, small: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poise.batch.run.longest_path", lambda: 259)
    with pytest.raises(SettingsError, match="too long"):
        analyze(small, tmp_path / ("x" * 100), settings)
    assert not (tmp_path / ("x" * 100)).exists()


def test_gpu_decoding_without_a_gpu_is_refused(tmp_path: Path, small: Path) -> None:
    settings = Settings(device="cpu", decode="gpu")
    with pytest.raises(SettingsError, match="--decode gpu needs a GPU"):
        analyze(small, tmp_path / "out", settings)


def test_a_missing_input_is_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        analyze(tmp_path / "none", tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_a_missing_model_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    _recordings(tmp_path / "in", a=b"1")
    with pytest.raises(ModelError, match="no model here"):
        analyze(tmp_path / "in", tmp_path / "out", Settings(model=str(tmp_path / "none")))
    assert not (tmp_path / "out").exists()


def test_a_report_that_cannot_be_written_is_an_error(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("in the way", encoding="utf-8")
    with pytest.raises(ReportError):
        analyze(tmp_path / "in", tmp_path / "out", settings)


# From Python


def test_the_package_offers_it_by_name() -> None:
    import poise

    assert poise.analyze is analyze
    assert poise.Settings is Settings
    with pytest.raises(AttributeError):
        _ = poise.nothing


def test_a_copy_of_a_recording_elsewhere_is_known(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    _recordings(tmp_path / "in", a=b"1")
    analyze(tmp_path / "in", tmp_path / "out", settings)
    copy(tmp_path / "in" / "a.mp4", tmp_path / "other" / "b.mp4")
    result = analyze(tmp_path / "other", tmp_path / "out", settings)
    assert result.outcomes[0].reused
