"""A batch: on real recordings, and the rules of its bookkeeping on made-up ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.analysis.context import close_context
from poise.batch.outcomes import Listener, RunResult
from poise.batch.run import analyze
from poise.errors import ModelError, ReportError, SettingsError, VideoError
from poise.settings import Settings
from tests.batch.kit import Pretended, Run, by_id, read_table, write_recordings
from tests.clips import face_clip
from tests.conftest import SampleFaces, contents


def test_a_failure_costs_only_the_recording_that_fails(small_run: RunResult) -> None:
    statuses = {name: outcome.status for name, outcome in by_id(small_run).items()}
    assert statuses == {
        "kim/1.mp4": "done", "kim/2 cut.mp4": "partial", "kim/3 sound.mp4": "failed",
        "lee.mp4": "done", "nobody.mp4": "done",
    }  # fmt: skip
    assert small_run.exit_code == 3


def test_no_face_is_a_result_and_no_error(small_run: RunResult) -> None:
    table = read_table(small_run.output / "recordings.csv").set_index("recording_id")
    row = table.loc["nobody.mp4"]
    assert (row["status"], row["coverage"], row["sampled_frames"]) == ("done", 0.0, 5)
    assert row[[n for n in table if n.startswith("share_")]].isna().all()
    frames = read_table(small_run.output / "nobody" / "frames.csv")
    assert len(frames) == 5 and not frames["face_found"].any()
    assert (small_run.output / "nobody" / "report.html").is_file()


def test_what_was_read_of_a_cut_off_recording_is_there(small_run: RunResult) -> None:
    frames = read_table(small_run.output / "kim" / "frames.csv")
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


@pytest.mark.parametrize(("rate_hz", "frames"), [(2.0, 12), (8.0, 24)])
def test_other_sampling_rates(
    tmp_path: Path, sample_faces: SampleFaces, settings: Settings, rate_hz: float, frames: int
) -> None:
    images = sample_faces.images[[0, 2], ::2, ::2]
    face_clip(tmp_path / "in" / "a.mp4", images, seconds=6, step_ms=250)
    other = replace(settings, sample_rate_hz=rate_hz, frames_per_class=0)
    (outcome,) = analyze(tmp_path / "in", tmp_path / "out", other).outcomes
    close_context()
    assert outcome.result is not None
    assert outcome.result.statistics.sampled_frames == frames
    assert outcome.result.statistics.coverage == 1.0
    assert outcome.result.statistics.duration_s == pytest.approx(6, abs=1)


def test_decord_reads_what_is_whole(
    tmp_path: Path, small: Path, small_run: RunResult, settings: Settings
) -> None:
    other = replace(settings, decoder="decord", frames_per_class=0)
    result = analyze(small / "kim", tmp_path / "reports", other)
    close_context()
    outcomes = by_id(result)
    assert outcomes["1.mp4"].status == "done"
    by_pyav = by_id(small_run)["kim/1.mp4"].result.statistics
    read = outcomes["1.mp4"].result.statistics
    assert (read.sampled_frames, read.coverage) == (by_pyav.sampled_frames, by_pyav.coverage)
    assert read.coverage > 0.8
    assert outcomes["3 sound.mp4"].status == "failed"


def test_an_unexpected_error_is_a_failure_with_its_traceback(
    tmp_path: Path, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"odd", b=b"1")
    first, second = analyse_here().outcomes
    assert (first.status, second.status) == ("failed", "done")
    assert "ZeroDivisionError" in first.message
    assert first.error is not None and "Traceback" in first.error.__notes__[0]


def test_strict_stops_at_the_first_failure_and_writes_what_is_there(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1" * 9, b=b"bad45", c=b"1")
    with pytest.raises(VideoError, match="cannot be opened"):
        analyse_here(strict=True)
    assert pretended.seen == ["a.mp4", "b.mp4"]
    table = read_table(tmp_path / "out" / "recordings.csv")
    assert table["status"].tolist() == ["done", "failed"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, pretended: Pretended, analyse_here: Run
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    analyse_here()
    write_recordings(tmp_path / "in", b=b"2")
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
    write_recordings(tmp_path / "in", a=b"1")
    analyse_here()
    assert [o.reused for o in analyse_here(dry_run=True, force=True).outcomes] == [False]
    assert [o.reused for o in analyse_here().outcomes] == [True]
    assert pretended.seen == ["a.mp4"]


def test_a_dry_run_does_not_call_twins_done(tmp_path: Path, analyse_here: Run) -> None:
    write_recordings(tmp_path / "in", a=b"same", b=b"same")
    assert [o.reused for o in analyse_here(dry_run=True).outcomes] == [False, False]


def test_a_dry_run_makes_no_folder(tmp_path: Path, analyse_here: Run) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    analyse_here(dry_run=True)
    assert not (tmp_path / "out").exists()


def test_another_input_that_would_replace_reports_is_said(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    for name in ("one", "two"):
        write_recordings(tmp_path / name, **{f"kim__{name}": name.encode(), "lee__1": b"same"})
    said: list[str] = []
    analyze(tmp_path / "one", tmp_path / "out", settings)
    analyze(tmp_path / "one", tmp_path / "out", settings, listener=Listener(noticed=said.append))
    assert said == []
    analyze(tmp_path / "two", tmp_path / "out", settings, listener=Listener(noticed=said.append))
    assert len(said) == 1 and "It replaces the reports of kim, lee." in said[0]


@pytest.mark.parametrize("output", ["in", "in/reports", "in/a/b", "in/../in/x"])
def test_output_inside_the_input_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings, output: str
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    with pytest.raises(SettingsError, match="must not lie among the recordings"):
        analyze(tmp_path / "in", tmp_path / output, settings)
    assert set(contents(tmp_path / "in")) == {"a.mp4"}
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["a.mp4"]


def test_output_inside_the_input_by_a_link_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(SettingsError):
        analyze(tmp_path / "in", tmp_path / "link" / "reports", settings)


def test_nothing_is_written_into_an_input_that_lies_in_the_output(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    """A candidate may be called as the folder of the recordings is."""
    write_recordings(tmp_path / "lab" / "kim", kim=b"1")
    before = contents(tmp_path / "lab" / "kim")
    with pytest.raises(SettingsError):
        analyze(tmp_path / "lab" / "kim", tmp_path / "lab", settings)
    assert contents(tmp_path / "lab" / "kim") == before


def test_an_output_that_is_a_file_is_refused(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
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
    write_recordings(tmp_path / "in", a=b"1")
    with pytest.raises(ModelError, match="no model here"):
        analyze(tmp_path / "in", tmp_path / "out", Settings(model=str(tmp_path / "none")))
    assert not (tmp_path / "out").exists()


def test_a_report_that_cannot_be_written_is_an_error(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    write_recordings(tmp_path / "in", a=b"1")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("in the way", encoding="utf-8")
    with pytest.raises(ReportError):
        analyze(tmp_path / "in", tmp_path / "out", settings)


def test_the_package_offers_it_by_name() -> None:
    import poise

    assert poise.analyze is analyze
    assert poise.Settings is Settings
    with pytest.raises(AttributeError):
        _ = poise.nothing
