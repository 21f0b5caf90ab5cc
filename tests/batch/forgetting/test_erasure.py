"""What there is of a recording goes, under whatever name it lies there."""

from __future__ import annotations

import shutil
from pathlib import Path

from poise.batch.forgetting.purge import purge
from poise.storage.ledger import LEDGER_FILE
from tests.batch.forgetting.kit import KIM, LEE, Run, found_in, statuses_of, write_consent


def test_the_result_that_another_has_too_stays(tmp_path: Path, run: Run, seen: list[str]) -> None:
    run()
    purge(tmp_path / "out", KIM)
    assert (tmp_path / "out" / LEE / "report.html").is_file()
    shutil.rmtree(tmp_path / "in" / KIM)
    count = len(seen)
    assert statuses_of(run()) == {f"{LEE}.mp4": "done", "x/1.mp4": "done"}
    assert len(seen) == count  # nobody else was analysed again


def test_damaged_ledgers_that_were_set_aside_go_too(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / ".poise" / LEDGER_FILE).write_bytes(KIM.encode() * 1000)
    run()
    assert found_in(tmp_path / "out" / ".poise", KIM.encode() * 2)
    assert purge(tmp_path / "out", KIM).found == ()


def test_what_lies_there_under_an_earlier_name_goes_too(
    tmp_path: Path, run: Run, seen: list[str]
) -> None:
    run()
    shutil.copytree(tmp_path / "out" / "x", tmp_path / "kept")
    (tmp_path / "in" / "x").rename(tmp_path / "in" / "y")
    run()
    shutil.copytree(tmp_path / "kept", tmp_path / "out" / "x")  # as a run that was killed leaves it
    assert (tmp_path / "out" / "y").is_dir()
    purge(tmp_path / "out", "y")
    assert not (tmp_path / "out" / "x").exists() and not (tmp_path / "out" / "y").exists()


def test_renamed_in_the_table_the_old_folder_goes_too(tmp_path: Path, run: Run) -> None:
    run()
    shutil.copytree(tmp_path / "out" / "x", tmp_path / "kept")
    write_consent(tmp_path, "recording,candidate_id\nx/1.mp4,Park\n")
    run()
    shutil.copytree(tmp_path / "kept", tmp_path / "out" / "x")
    purge(tmp_path / "out", "Park")
    assert not (tmp_path / "out" / "x").exists() and not (tmp_path / "out" / "Park").exists()
