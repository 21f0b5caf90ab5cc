"""Forgetting a person, and what grew too old; and that nothing of them is left."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from poise.batch.forgetting.purge import purge
from poise.batch.outcomes import RunResult
from poise.batch.rerender import render
from poise.batch.run import analyze
from poise.batch.status import look_up
from poise.batch.workers import worker
from poise.commands import main
from poise.errors import ReportError, SettingsError
from poise.settings import Settings
from poise.storage.ledger import LEDGER_FILE
from tests.conftest import Analysed
from tests.factories import IDLE_CONTEXT, write_owner_only

KIM, LEE = "Kim Minji", "이서연"
Run = Callable[..., RunResult]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, analysed: Analysed) -> list[str]:
    """An analysis that hands out a known result, and notes what it was asked for."""
    result = analysed.result.outcomes[-1].result
    assert result is not None
    plain = json.loads((result.directory / "result.json").read_text(encoding="utf-8"))
    plain["pictures"] = []
    seen: list[str] = []

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        seen.append(path.name)
        shutil.copy(result.directory / "frames.npz", directory)
        (directory / "result.json").write_text(json.dumps(plain), encoding="utf-8")

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return seen


@pytest.fixture
def run(tmp_path: Path, seen: list[str]) -> Run:
    """A run over four recordings of three people, two of which have the same bytes."""
    for name, data in ((f"{KIM}/1.mp4", b"1"), (f"{KIM}/shared.mp4", b"same"),
                       (f"{unicodedata.normalize('NFD', LEE)}.mp4", b"same"),
                       ("x/1.mp4", b"333")):  # fmt: skip
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def analyse(**changed: object) -> RunResult:
        settings = replace(Settings(device="cpu", jobs=1), **changed)  # type: ignore[arg-type]
        return analyze(tmp_path / "in", tmp_path / "out", settings)

    return analyse


def _consent(tmp_path: Path, text: str) -> None:
    (tmp_path / "in" / "candidates.csv").write_text(text, encoding="utf-8")


def _poise(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def _statuses(result: RunResult) -> dict[str, str]:
    return {o.recording.recording_id: o.status for o in result.outcomes}


def _grep(folder: Path, *needles: bytes) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        data = os.fsencode(path) + (path.read_bytes() if path.is_file() else b"")
        found += [path.name for needle in needles if needle in data]
    return found


@pytest.mark.parametrize(("form", "anonymous"), [("csv", True), ("parquet", False)])
def test_every_trace_of_a_person_goes(tmp_path: Path, run: Run, form: str, anonymous: bool) -> None:
    hashes = [o.recording.sha256 for o in run(format=form, anonymous=anonymous).outcomes]
    run(format=form, anonymous=anonymous, smoothing_s=0.9)  # results under other settings too
    run(format="csv")  # tables of the other kind, pages with names
    run(format=form, anonymous=anonymous)
    out = tmp_path / "out"
    assert _grep(out, KIM.encode()) and len(list((out / ".poise" / "results").iterdir())) == 6
    done = purge(out, KIM)
    assert (done.recordings, done.found, done.searched.unsearchable) == (2, (), ())
    assert _grep(out, KIM.encode(), b"Minji", hashes[0].encode()) == []
    assert len(list((out / ".poise" / "results").iterdir())) == 4  # of the others
    state = look_up(out)
    assert [o.recording.recording_id for o in state.outcomes] == ["x/1.mp4", f"{LEE}.mp4"]
    render(out)
    assert _grep(out, KIM.encode()) == []


def test_reports_without_names_go_too(tmp_path: Path, run: Run) -> None:
    run()
    render(tmp_path / "out", anonymous=True)
    render(tmp_path / "out", anonymous=False)
    before = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    purge(tmp_path / "out", KIM)
    after = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    gone = before - after
    assert KIM in gone and len(gone) == 2 and len(after) == 1 + 2 * 2


def test_the_result_that_another_has_too_stays(tmp_path: Path, run: Run, seen: list[str]) -> None:
    run()
    purge(tmp_path / "out", KIM)
    assert (tmp_path / "out" / LEE / "report.html").is_file()
    shutil.rmtree(tmp_path / "in" / KIM)
    count = len(seen)
    assert _statuses(run()) == {f"{LEE}.mp4": "done", "x/1.mp4": "done"}
    assert len(seen) == count  # nobody else was analysed again


def test_index_and_tables_are_written_without_them(tmp_path: Path, run: Run) -> None:
    run()
    assert _poise("purge", tmp_path / "out", KIM).exit_code == 0
    assert (tmp_path / "out" / "cohort.html").is_file()
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert KIM not in index and LEE in index
    rows = pd.read_csv(tmp_path / "out" / "recordings.csv")
    assert rows["recording_id"].tolist() == ["x/1.mp4", f"{LEE}.mp4"]


def test_the_last_one_can_go_too(tmp_path: Path, run: Run) -> None:
    run()
    for name in (KIM, LEE, "x"):
        purge(tmp_path / "out", name)
    assert look_up(tmp_path / "out").outcomes == []
    assert (tmp_path / "out" / "index.html").is_file()
    assert list((tmp_path / "out" / ".poise" / "results").iterdir()) == []


def test_a_name_in_either_unicode_form_and_a_name_from_candidates_csv(
    tmp_path: Path, run: Run
) -> None:
    _consent(tmp_path, "recording,display_name\nx/1.mp4,박 지민\n")
    run()
    assert purge(tmp_path / "out", unicodedata.normalize("NFD", LEE)).recordings == 1
    assert purge(tmp_path / "out", "박 지민").recordings == 1
    assert not (tmp_path / "out" / "x").exists()


def test_what_poise_did_not_write_is_left_and_named(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / "mine").mkdir()
    (tmp_path / "out" / "mine" / "notes.txt").write_text(f"Call {KIM}!", encoding="utf-8")
    result = _poise("purge", tmp_path / "out", KIM)
    assert result.exit_code == 1
    assert "notes.txt" in result.stderr and "found in 1" in result.stdout


def _page(tmp_path: Path, candidate: str) -> str:
    return (tmp_path / "out" / candidate / "report.html").read_text(encoding="utf-8")


def test_changed_notes_are_shown_without_a_new_analysis(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    table = tmp_path / "in" / "notes.csv"
    table.write_text(f"recording,time,note\n{KIM}/1.mp4,0:02,first words\n", encoding="utf-8")
    run()
    analysed = len(seen)
    assert "first words" in _page(tmp_path, KIM)
    assert not (tmp_path / "out" / "left_aside.csv").exists()
    table.write_text(f"recording,time,note\n{KIM}/1.mp4,,other words\n", encoding="utf-8")
    run()
    assert "other words" in _page(tmp_path, KIM) and "first words" not in _page(tmp_path, KIM)
    table.unlink()
    run()
    assert "other words" not in _page(tmp_path, KIM)
    assert len(seen) == analysed


def test_notes_go_with_whoever_they_are_about(tmp_path: Path, run: Run) -> None:
    """Also where somebody else's recording has the same bytes, and so the same result."""
    (tmp_path / "in" / "notes.csv").write_text(
        f"recording,note\n{KIM}/shared.mp4,about Kim\n{KIM}/1.mp4,about Kim\n{LEE}.mp4,about Lee\n",
        encoding="utf-8",
    )
    run()
    _poise("report", tmp_path / "out", "--anonymous")
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.glob("out/*/report.html")]
    assert not any("about Kim" in page for page in pages if "candidate-" in page)
    result = _poise("purge", tmp_path / "out", KIM)
    assert result.exit_code == 0, result.output
    assert "Handouts and exported tables lie elsewhere" in result.stdout
    left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert not [p for p in left if b"about Kim" in p.read_bytes()]
    assert [p for p in left if b"about Lee" in p.read_bytes()]


def test_what_others_are_called_is_no_trace(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in" / "Kim").mkdir()
    (tmp_path / "in" / "Kim" / "9.mp4").write_bytes(b"9")
    run()
    done = purge(tmp_path / "out", "Kim")
    assert (done.recordings, done.found) == (1, ())
    assert (tmp_path / "out" / KIM / "report.html").is_file()


def test_a_name_too_short_to_be_searched_for_is_said(tmp_path: Path, run: Run) -> None:
    run()
    result = _poise("purge", tmp_path / "out", "x")
    assert result.exit_code == 0, result.output
    assert "Too short to be searched for: x" in result.stderr


def test_nobody_of_that_name(tmp_path: Path, run: Run) -> None:
    run()
    for name in ("nobody", "..", ".", "", ".poise", "../in", "recordings.csv"):
        with pytest.raises(SettingsError, match="there is no candidate"):
            purge(tmp_path / "out", name)
    assert (tmp_path / "in" / KIM / "1.mp4").exists() and (tmp_path / "out" / ".poise").is_dir()
    with pytest.raises(ReportError, match="holds no reports"):
        purge(tmp_path / "in", KIM)


def test_damaged_ledgers_that_were_set_aside_go_too(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / ".poise" / LEDGER_FILE).write_bytes(KIM.encode() * 1000)
    run()
    assert _grep(tmp_path / "out" / ".poise", KIM.encode() * 2)
    assert purge(tmp_path / "out", KIM).found == ()


# Consent


@pytest.mark.parametrize("no", ["no", "No", "false", "0", "아니오", "아니요"])
def test_without_consent_nothing_is_read(
    tmp_path: Path, run: Run, seen: list[str], no: str
) -> None:
    _consent(tmp_path, f"recording,consent\nx/1.mp4,{no}\n{KIM}/1.mp4,yes\n")
    result = run()
    assert _statuses(result)["x/1.mp4"] == "not_consented"
    assert result.exit_code == 0 and "1.mp4" in seen and len(seen) == 2
    row = pd.read_csv(tmp_path / "out" / "recordings.csv").set_index("recording_id").loc["x/1.mp4"]
    assert row["status"] == "not_consented" and "no consent" in row["error"]
    assert pd.isna(row["input_sha256"])
    assert not (tmp_path / "out" / "x").exists()
    assert "x/report.html" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_consent_that_is_withdrawn_removes_what_is_stored(tmp_path: Path, run: Run) -> None:
    before = run()
    assert (tmp_path / "out" / "x" / "report.html").is_file()
    _consent(tmp_path, "recording,consent\nx/1.mp4,no\n")
    run()
    digest = next(o.recording.sha256 for o in before.outcomes if "x/" in o.recording.recording_id)
    assert _grep(tmp_path / "out", digest.encode()) == []
    assert not (tmp_path / "out" / "x").exists()
    assert len(list((tmp_path / "out" / ".poise" / "results").iterdir())) == 2


def test_a_word_that_is_neither_yes_nor_no_is_refused(tmp_path: Path, run: Run) -> None:
    _consent(tmp_path, "recording,consent\nx/1.mp4,maybe\n")
    with pytest.raises(SettingsError, match="line 2 has the consent 'maybe'"):
        run()


# Retention


def _age(tmp_path: Path, days: float, *keys: str) -> None:
    moment = time.time() - days * 86_400
    for key in keys:
        os.utime(tmp_path / "out" / ".poise" / "results" / key / "result.json", (moment, moment))


def test_what_is_too_old_is_purged_and_not_made_again(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    first = run(retention_days=30)
    result = next(o.result for o in first.outcomes if o.recording.recording_id == "x/1.mp4")
    assert result is not None
    _age(tmp_path, 31, result.directory.name)
    count = len(seen)
    second = run(retention_days=30)
    assert _statuses(second)["x/1.mp4"] == "expired"
    assert list(_statuses(second).values()).count("done") == 3
    assert not result.directory.exists() and not (tmp_path / "out" / "x").exists()
    assert _statuses(run(retention_days=30))["x/1.mp4"] == "expired"
    assert len(seen) == count
    assert _statuses(run())["x/1.mp4"] == "done"  # without a limit it is analysed again
    assert len(seen) == count + 1


def test_once_the_recording_is_gone_nothing_of_it_is_kept(tmp_path: Path, run: Run) -> None:
    first = run(retention_days=30)
    old = next(o for o in first.outcomes if o.recording.recording_id == "x/1.mp4")
    assert old.result is not None
    _age(tmp_path, 31, old.result.directory.name)
    run(retention_days=30)
    shutil.rmtree(tmp_path / "in" / "x")
    for log in (tmp_path / "out" / ".poise" / "logs").iterdir():
        os.utime(log, (1, 1))
    run(retention_days=30)
    assert _grep(tmp_path / "out", old.recording.sha256.encode(), b"x/1.mp4") == []


def test_what_is_young_enough_or_from_the_future_stays(tmp_path: Path, run: Run) -> None:
    """A clock that was wrong when a result was made does not cost the result."""
    keys = [o.result.directory.name for o in run(retention_days=30).outcomes if o.result]
    _age(tmp_path, 29, keys[0])
    _age(tmp_path, -400, keys[1])
    assert all(outcome.reused for outcome in run(retention_days=30).outcomes)


# By identifier only, whatever happened to ledger and names


def test_with_a_damaged_ledger_one_goes_and_the_others_stay(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / ".poise" / LEDGER_FILE).write_bytes(b"no database" * 1000)
    done = purge(tmp_path / "out", KIM)
    assert (done.recordings, done.found, done.of_nobody) == (2, (), 0)
    assert (tmp_path / "out" / "x" / "report.html").is_file()
    assert (tmp_path / "out" / LEE / "report.html").is_file()
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert KIM not in index and LEE in index
    assert _grep(tmp_path / "out", KIM.encode()) == []


def test_a_ledger_that_makes_no_sense_is_taken_for_damaged(tmp_path: Path, run: Run) -> None:
    run()
    with sqlite3.connect(tmp_path / "out" / ".poise" / LEDGER_FILE) as database:
        database.execute("UPDATE recordings SET recording = '[' WHERE candidate_id = 'x'")
        database.execute("UPDATE run SET settings = '{'")
    database.close()
    assert purge(tmp_path / "out", KIM).found == ()
    assert run().exit_code == 0


def test_a_name_that_several_bear_is_refused_with_their_identifiers(
    tmp_path: Path, run: Run
) -> None:
    _consent(tmp_path, f"recording,display_name\nx/1.mp4,Kim\n{KIM}/1.mp4,Kim\n")
    run()
    with pytest.raises(SettingsError, match="2 candidates are called 'Kim'") as caught:
        purge(tmp_path / "out", "Kim")
    assert KIM in caught.value.remedy and "x" in caught.value.remedy
    assert (tmp_path / "out" / "x" / "report.html").is_file()


def test_what_lies_there_under_an_earlier_name_goes_too(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    run()
    (tmp_path / "in" / "x").rename(tmp_path / "in" / "y")
    run()
    assert (tmp_path / "out" / "x").is_dir() and (tmp_path / "out" / "y").is_dir()
    purge(tmp_path / "out", "y")
    assert not (tmp_path / "out" / "x").exists() and not (tmp_path / "out" / "y").exists()


def test_renamed_in_the_table_the_old_folder_goes_too(tmp_path: Path, run: Run) -> None:
    run()
    _consent(tmp_path, "recording,candidate_id\nx/1.mp4,Park\n")
    run()
    purge(tmp_path / "out", "Park")
    assert not (tmp_path / "out" / "x").exists() and not (tmp_path / "out" / "Park").exists()


def test_a_purge_that_was_cut_short_is_finished_by_the_next(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("poise.batch.forgetting.purge.rewrite_overview", killed)
        with pytest.raises(KeyboardInterrupt):
            purge(tmp_path / "out", KIM)
    assert _grep(tmp_path / "out", KIM.encode())
    assert purge(tmp_path / "out", KIM).found == ()
    assert _grep(tmp_path / "out", KIM.encode()) == []


def test_a_logo_that_is_gone_does_not_keep_a_name_in_the_index(tmp_path: Path, run: Run) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG")
    run(centre_logo=str(logo))
    logo.unlink()
    done = purge(tmp_path / "out", KIM)
    assert done.problem is None and done.found == ()
    assert KIM not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


# It stays so


def test_the_next_run_does_not_bring_a_person_back(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    run()
    done = purge(tmp_path / "out", KIM)
    assert [path.name for path in done.remaining] == ["1.mp4", "shared.mp4"]
    count = len(seen)
    result = run()
    assert set(_statuses(result)) == {f"{LEE}.mp4", "x/1.mp4"} and len(seen) == count
    assert [left.code for left in result.left_aside] == ["forgotten"] * 2
    assert _grep(tmp_path / "out", KIM.encode()) == []


def test_nor_under_another_name(tmp_path: Path, run: Run, seen: list[str]) -> None:
    run()
    purge(tmp_path / "out", "x")
    (tmp_path / "in" / "x").rename(tmp_path / "in" / "nakamura")
    count = len(seen)
    assert "nakamura/1.mp4" not in _statuses(run()) and len(seen) == count
    assert _grep(tmp_path / "out", b"nakamura") == []


def test_told_otherwise_a_person_is_analysed_again(tmp_path: Path, run: Run) -> None:
    run()
    purge(tmp_path / "out", KIM)
    assert _poise("purge", tmp_path / "out", KIM, "--undo").exit_code == 0
    assert f"{KIM}/1.mp4" in _statuses(run())
    assert _poise("purge", tmp_path / "out", KIM, "--undo").exit_code == 2


def test_marks_that_cannot_be_read_stop_a_run(tmp_path: Path, run: Run) -> None:
    run()
    purge(tmp_path / "out", KIM)
    (tmp_path / "out" / ".poise" / "forgotten.json").write_text("[", encoding="utf-8")
    with pytest.raises(ReportError, match="list of people who were purged"):
        run()


# Retention and consent, to the last trace


def test_what_is_too_old_goes_when_there_are_no_recordings_any_more(
    tmp_path: Path, run: Run
) -> None:
    first = run(retention_days=30)
    _age(tmp_path, 31, *(o.result.directory.name for o in first.outcomes if o.result))
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
    _consent(tmp_path, "recording,consent\ny/1.mp4,no\n")
    run()
    assert len(list((tmp_path / "out" / ".poise" / "results").iterdir())) == 4
    assert not (tmp_path / "out" / "x").exists()
    assert _grep(tmp_path / "out", b"x/1.mp4") == []
