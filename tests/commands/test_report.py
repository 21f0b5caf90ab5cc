"""`poise report`, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.commands.kit import Poise
from tests.conftest import Analysed


def test_pages_are_written_again_in_another_language(
    poise: Poise, analysed: Analysed, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    shutil.copytree(analysed.output, reports)
    (reports / "index.html").unlink()
    done = poise("report", reports, "--language", "ko")
    assert done.exit_code == 0 and done.stdout.strip() == str(reports / "index.html")
    assert '<html lang="ko"' in (reports / "index.html").read_text(encoding="utf-8")


def test_without_results_nothing_is_written(poise: Poise, tmp_path: Path) -> None:
    done = poise("report", tmp_path / "nothing")
    assert done.exit_code == 1 and "holds no reports" in done.output
    assert not (tmp_path / "nothing").exists()
    assert poise("report", tmp_path, "--language", "xx").exit_code != 0
