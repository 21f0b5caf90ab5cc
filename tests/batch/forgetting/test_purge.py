"""Forgetting a person, and what grew too old; and that nothing of them is left."""

from __future__ import annotations

import shutil
import sqlite3
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.forgetting.purge import purge
from poise.batch.rerender import render
from poise.batch.status import look_up
from poise.errors import ReportError, SettingsError
from poise.storage.ledger import LEDGER_FILE
from tests.batch.forgetting.kit import KIM, LEE, Run, found_in, poise, statuses_of, write_consent


@pytest.mark.parametrize(("form", "anonymous"), [("csv", True), ("parquet", False)])
def test_every_trace_of_a_person_goes(tmp_path: Path, run: Run, form: str, anonymous: bool) -> None:
    hashes = [o.recording.sha256 for o in run(format=form, anonymous=anonymous).outcomes]
    run(format=form, anonymous=anonymous, smoothing_s=0.9)  # results under other settings too
    run(format="csv")  # tables of the other kind, pages with names
    run(format=form, anonymous=anonymous)
    out = tmp_path / "out"
    assert found_in(out, KIM.encode()) and len(list((out / ".poise" / "results").iterdir())) == 6
    done = purge(out, KIM)
    assert (done.recordings, done.found, done.searched.unsearchable) == (2, (), ())
    assert found_in(out, KIM.encode(), b"Minji", hashes[0].encode()) == []
    assert len(list((out / ".poise" / "results").iterdir())) == 4  # of the others
    state = look_up(out)
    assert [o.recording.recording_id for o in state.outcomes] == ["x/1.mp4", f"{LEE}.mp4"]
    render(out)
    assert found_in(out, KIM.encode()) == []


def test_reports_without_names_go_too(tmp_path: Path, run: Run) -> None:
    run()
    named = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    shutil.copytree(tmp_path / "out", tmp_path / "kept")
    render(tmp_path / "out", anonymous=True)
    for name in named - {".poise"}:  # as one that was killed leaves them
        shutil.copytree(tmp_path / "kept" / name, tmp_path / "out" / name)
    before = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    purge(tmp_path / "out", KIM)
    after = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    gone = before - after
    assert KIM in gone and len(gone) == 2 and len(after) == 1 + 2 * 2


def test_index_and_tables_are_written_without_them(tmp_path: Path, run: Run) -> None:
    run()
    assert poise("purge", tmp_path / "out", KIM).exit_code == 0
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
    write_consent(tmp_path, "recording,display_name\nx/1.mp4,박 지민\n")
    run()
    assert purge(tmp_path / "out", unicodedata.normalize("NFD", LEE)).recordings == 1
    assert purge(tmp_path / "out", "박 지민").recordings == 1
    assert not (tmp_path / "out" / "x").exists()


def test_nobody_of_that_name(tmp_path: Path, run: Run) -> None:
    run()
    for name in ("nobody", "..", ".", "", ".poise", "../in", "recordings.csv"):
        with pytest.raises(SettingsError, match="there is no candidate"):
            purge(tmp_path / "out", name)
    assert (tmp_path / "in" / KIM / "1.mp4").exists() and (tmp_path / "out" / ".poise").is_dir()
    with pytest.raises(ReportError, match="holds no reports"):
        purge(tmp_path / "in", KIM)


def test_with_a_damaged_ledger_one_goes_and_the_others_stay(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / ".poise" / LEDGER_FILE).write_bytes(b"no database" * 1000)
    done = purge(tmp_path / "out", KIM)
    assert (done.recordings, done.found, done.of_nobody) == (2, (), 0)
    assert (tmp_path / "out" / "x" / "report.html").is_file()
    assert (tmp_path / "out" / LEE / "report.html").is_file()
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert KIM not in index and LEE in index
    assert found_in(tmp_path / "out", KIM.encode()) == []


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
    write_consent(tmp_path, f"recording,display_name\nx/1.mp4,Kim\n{KIM}/1.mp4,Kim\n")
    run()
    with pytest.raises(SettingsError, match="2 candidates are called 'Kim'") as caught:
        purge(tmp_path / "out", "Kim")
    assert KIM in caught.value.remedy and "x" in caught.value.remedy
    assert (tmp_path / "out" / "x" / "report.html").is_file()


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
    assert found_in(tmp_path / "out", KIM.encode())
    assert purge(tmp_path / "out", KIM).found == ()
    assert found_in(tmp_path / "out", KIM.encode()) == []


def test_a_logo_that_is_gone_does_not_keep_a_name_in_the_index(tmp_path: Path, run: Run) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG")
    run(centre_logo=str(logo))
    logo.unlink()
    done = purge(tmp_path / "out", KIM)
    assert done.problem is None and done.found == ()
    assert KIM not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_next_run_does_not_bring_a_person_back(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    run()
    done = purge(tmp_path / "out", KIM)
    assert [path.name for path in done.remaining] == ["1.mp4", "shared.mp4"]
    count = len(seen)
    result = run()
    assert set(statuses_of(result)) == {f"{LEE}.mp4", "x/1.mp4"} and len(seen) == count
    assert [left.code for left in result.left_aside] == ["forgotten"] * 2
    assert found_in(tmp_path / "out", KIM.encode()) == []


def test_nor_under_another_name(tmp_path: Path, run: Run, seen: list[str]) -> None:
    run()
    purge(tmp_path / "out", "x")
    (tmp_path / "in" / "x").rename(tmp_path / "in" / "nakamura")
    count = len(seen)
    assert "nakamura/1.mp4" not in statuses_of(run()) and len(seen) == count
    assert found_in(tmp_path / "out", b"nakamura") == []


def test_told_otherwise_a_person_is_analysed_again(tmp_path: Path, run: Run) -> None:
    run()
    purge(tmp_path / "out", KIM)
    assert poise("purge", tmp_path / "out", KIM, "--undo").exit_code == 0
    assert f"{KIM}/1.mp4" in statuses_of(run())
    assert poise("purge", tmp_path / "out", KIM, "--undo").exit_code == 2


def test_marks_that_cannot_be_read_stop_a_run(tmp_path: Path, run: Run) -> None:
    run()
    purge(tmp_path / "out", KIM)
    (tmp_path / "out" / ".poise" / "forgotten.json").write_text("[", encoding="utf-8")
    with pytest.raises(ReportError, match="list of people who were purged"):
        run()


def page_of(tmp_path: Path, candidate: str) -> str:
    return (tmp_path / "out" / candidate / "report.html").read_text(encoding="utf-8")


def test_changed_notes_are_shown_without_a_new_analysis(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    table = tmp_path / "in" / "notes.csv"
    table.write_text(f"recording,time,note\n{KIM}/1.mp4,0:02,first words\n", encoding="utf-8")
    run()
    analysed = len(seen)
    assert "first words" in page_of(tmp_path, KIM)
    assert not (tmp_path / "out" / "left_aside.csv").exists()
    table.write_text(f"recording,time,note\n{KIM}/1.mp4,,other words\n", encoding="utf-8")
    run()
    assert "other words" in page_of(tmp_path, KIM) and "first words" not in page_of(tmp_path, KIM)
    table.unlink()
    run()
    assert "other words" not in page_of(tmp_path, KIM)
    assert len(seen) == analysed


def test_notes_go_with_whoever_they_are_about(tmp_path: Path, run: Run) -> None:
    """Also where somebody else's recording has the same bytes, and so the same result."""
    (tmp_path / "in" / "notes.csv").write_text(
        f"recording,note\n{KIM}/shared.mp4,about Kim\n{KIM}/1.mp4,about Kim\n{LEE}.mp4,about Lee\n",
        encoding="utf-8",
    )
    run()
    poise("report", tmp_path / "out", "--anonymous")
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.glob("out/*/report.html")]
    assert not any("about Kim" in page for page in pages if "candidate-" in page)
    result = poise("purge", tmp_path / "out", KIM)
    assert result.exit_code == 0, result.output
    assert "Handouts and exported tables lie elsewhere" in result.stdout
    left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert not [p for p in left if b"about Kim" in p.read_bytes()]
    assert [p for p in left if b"about Lee" in p.read_bytes()]
