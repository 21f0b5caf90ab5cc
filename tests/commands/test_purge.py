"""`poise purge`, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.commands.kit import Poise
from tests.conftest import Analysed


def test_a_candidate_goes_and_may_come_back(
    poise: Poise, analysed: Analysed, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(analysed.output, reports)
    done = poise("purge", reports, "표본 B")
    assert done.exit_code == 0, done.output
    assert "Removed: 1 recordings, 1 results" in done.output and "found in 0." in done.output
    assert "yours to delete" in done.output  # the recording itself
    assert not (reports / "표본 B").exists() and (reports / "Sample A").exists()
    again = poise("purge", reports, "표본 B", "--undo")
    assert again.exit_code == 0 and "is analysed again from the next run on" in again.output
    assert poise("purge", reports, "표본 B", "--undo").exit_code == 2


def test_nobody_of_that_name(poise: Poise, own_reports: Path) -> None:
    done = poise("purge", own_reports, "Nobody")
    assert done.exit_code == 2 and "Error: " in done.output
