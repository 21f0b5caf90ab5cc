"""What goes by itself: consent that was withdrawn, results that grew too old."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.run import analyze
from tests.batch.forgetting.kit import KIM, Run, found_in, statuses_of, write_consent


@pytest.mark.parametrize("no", ["no", "No", "false", "0", "아니오", "아니요"])
def test_without_consent_nothing_is_read(
    tmp_path: Path, run: Run, seen: list[str], no: str
) -> None:
    write_consent(tmp_path, f"recording,consent\nx/1.mp4,{no}\n{KIM}/1.mp4,yes\n")
    result = run()
    assert statuses_of(result)["x/1.mp4"] == "not_consented"
    assert result.exit_code == 0 and "1.mp4" in seen and len(seen) == 2
    row = pd.read_csv(tmp_path / "out" / "recordings.csv").set_index("recording_id").loc["x/1.mp4"]
    assert row["status"] == "not_consented" and "no consent" in row["error"]
    assert pd.isna(row["input_sha256"])
    assert not (tmp_path / "out" / "x").exists()
    assert "x/report.html" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_consent_that_is_withdrawn_removes_what_is_stored(tmp_path: Path, run: Run) -> None:
    before = run()
    assert (tmp_path / "out" / "x" / "report.html").is_file()
    write_consent(tmp_path, "recording,consent\nx/1.mp4,no\n")
    run()
    digest = next(o.recording.sha256 for o in before.outcomes if "x/" in o.recording.recording_id)
    assert found_in(tmp_path / "out", digest.encode()) == []
    assert not (tmp_path / "out" / "x").exists()
    assert len(list((tmp_path / "out" / ".poise" / "results").iterdir())) == 2


def test_a_word_that_is_neither_yes_nor_no_is_no_withdrawal(tmp_path: Path, run: Run) -> None:
    run()
    results = set((tmp_path / "out" / ".poise" / "results").iterdir())
    write_consent(tmp_path, "recording,consent\nx/1.mp4,maybe\n")
    told = {o.recording.recording_id: str(o.status) for o in run().outcomes}
    assert told.pop("x/1.mp4") == "failed" and set(told.values()) <= {"done"}
    assert set((tmp_path / "out" / ".poise" / "results").iterdir()) == results


def make_older(tmp_path: Path, days: float, *keys: str) -> None:
    moment = time.time() - days * 86_400
    for key in keys:
        os.utime(tmp_path / "out" / ".poise" / "results" / key / "result.json", (moment, moment))


def test_what_is_too_old_is_purged_and_not_made_again(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    first = run(retention_days=30)
    result = next(o.result for o in first.outcomes if o.recording.recording_id == "x/1.mp4")
    assert result is not None
    make_older(tmp_path, 31, result.directory.name)
    count = len(seen)
    second = run(retention_days=30)
    assert statuses_of(second)["x/1.mp4"] == "expired"
    assert list(statuses_of(second).values()).count("done") == 3
    assert not result.directory.exists() and not (tmp_path / "out" / "x").exists()
    assert statuses_of(run(retention_days=30))["x/1.mp4"] == "expired"
    assert len(seen) == count
    assert statuses_of(run())["x/1.mp4"] == "done"  # without a limit it is analysed again
    assert len(seen) == count + 1


def test_once_the_recording_is_gone_nothing_of_it_is_kept(tmp_path: Path, run: Run) -> None:
    first = run(retention_days=30)
    old = next(o for o in first.outcomes if o.recording.recording_id == "x/1.mp4")
    assert old.result is not None
    make_older(tmp_path, 31, old.result.directory.name)
    run(retention_days=30)
    shutil.rmtree(tmp_path / "in" / "x")
    for log in (tmp_path / "out" / ".poise" / "logs").iterdir():
        os.utime(log, (1, 1))
    run(retention_days=30)
    assert found_in(tmp_path / "out", old.recording.sha256.encode(), b"x/1.mp4") == []


def test_what_is_young_enough_or_from_the_future_stays(tmp_path: Path, run: Run) -> None:
    """A clock that was wrong when a result was made does not cost the result."""
    keys = [o.result.directory.name for o in run(retention_days=30).outcomes if o.result]
    make_older(tmp_path, 29, keys[0])
    make_older(tmp_path, -400, keys[1])
    assert all(outcome.reused for outcome in run(retention_days=30).outcomes)


def test_what_is_too_old_goes_when_there_are_no_recordings_any_more(
    tmp_path: Path, run: Run
) -> None:
    first = run(retention_days=30)
    make_older(tmp_path, 31, *(o.result.directory.name for o in first.outcomes if o.result))
    shutil.rmtree(tmp_path / "in")
    (tmp_path / "in").mkdir()
    run(retention_days=30)
    assert list((tmp_path / "out" / ".poise" / "results").iterdir()) == []
    assert not (tmp_path / "out" / "x").exists()
    assert KIM not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_withdrawn_consent_removes_results_under_all_settings_and_names(
    tmp_path: Path, run: Run
) -> None:
    run()
    run(smoothing_s=0.9)
    (tmp_path / "in" / "x").rename(tmp_path / "in" / "y")
    write_consent(tmp_path, "recording,consent\ny/1.mp4,no\n")
    run()
    assert len(list((tmp_path / "out" / ".poise" / "results").iterdir())) == 4
    assert not (tmp_path / "out" / "x").exists()
    assert found_in(tmp_path / "out", b"x/1.mp4") == []


@pytest.mark.parametrize("how", ["told", "moved", "renamed"])
def test_a_report_whose_recordings_are_somebody_elses_goes(
    tmp_path: Path, run: Run, how: str
) -> None:
    run()
    (tmp_path / "out" / "x" / "by hand.txt").touch()
    if how == "told":
        write_consent(tmp_path, f"recording,candidate_id\nx/1.mp4,{KIM}\n")
    elif how == "moved":
        (tmp_path / "in" / "x" / "1.mp4").rename(tmp_path / "in" / KIM / "2.mp4")
    else:
        (tmp_path / "in" / "x").rename(tmp_path / "in" / "y")
    run()
    assert [path.name for path in (tmp_path / "out" / "x").iterdir()] == ["by hand.txt"]
    assert (tmp_path / "out" / ("y" if how == "renamed" else KIM) / "report.html").is_file()


def test_a_report_of_whom_nobody_else_has_anything_stays(tmp_path: Path, run: Run) -> None:
    run()
    shutil.rmtree(tmp_path / "in" / "x")
    run()
    assert (tmp_path / "out" / "x" / "report.html").is_file()


def test_a_run_over_a_part_takes_no_report_of_the_whole_away(tmp_path: Path, run: Run) -> None:
    settings = run().settings
    analyze(tmp_path / "in" / "x" / "1.mp4", tmp_path / "out", settings)
    assert (tmp_path / "out" / "1" / "report.html").is_file()
    assert (tmp_path / "out" / "x" / "report.html").is_file()


def test_a_name_that_differs_in_case_alone_takes_no_report_away(tmp_path: Path, run: Run) -> None:
    run()
    write_consent(tmp_path, "recording,candidate_id\nx/1.mp4,X\n")
    run()  # on many file systems both are the same folder
    assert (tmp_path / "out" / "X" / "report.html").is_file()
    assert (tmp_path / "out" / "x" / "report.html").is_file()
