"""The search after a purge: what is found, and what is no trace."""

from __future__ import annotations

from pathlib import Path

from poise.batch.forgetting.purge import purge
from tests.batch.forgetting.kit import KIM, Run, poise


def test_what_poise_did_not_write_is_left_and_named(tmp_path: Path, run: Run) -> None:
    run()
    (tmp_path / "out" / "mine").mkdir()
    (tmp_path / "out" / "mine" / "notes.txt").write_text(f"Call {KIM}!", encoding="utf-8")
    result = poise("purge", tmp_path / "out", KIM)
    assert result.exit_code == 1
    assert "notes.txt" in result.stderr and "found in 1" in result.stdout


def test_what_others_are_called_is_no_trace(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in" / "Kim").mkdir()
    (tmp_path / "in" / "Kim" / "9.mp4").write_bytes(b"9")
    run()
    done = purge(tmp_path / "out", "Kim")
    assert (done.recordings, done.found) == (1, ())
    assert (tmp_path / "out" / KIM / "report.html").is_file()


def test_a_name_too_short_to_be_searched_for_is_said(tmp_path: Path, run: Run) -> None:
    run()
    result = poise("purge", tmp_path / "out", "x")
    assert result.exit_code == 0, result.output
    assert "Too short to be searched for: x" in result.stderr
