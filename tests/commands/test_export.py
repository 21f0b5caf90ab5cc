"""`poise export`, from the command line."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.commands.kit import Poise
from tests.conftest import Analysed


def test_the_tables_of_all_are_joined(poise: Poise, analysed: Analysed, tmp_path: Path) -> None:
    done = poise("export", analysed.output, "-o", tmp_path / "tables")
    assert done.exit_code == 0 and done.stdout.strip() == str(tmp_path / "tables")
    with (tmp_path / "tables" / "frames.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len({row["recording_id"] for row in csv.DictReader(file)}) == 3


def test_wrong_usage(poise: Poise, analysed: Analysed, tmp_path: Path) -> None:
    assert poise("export", analysed.output).exit_code == 2
    done = poise("export", tmp_path, "-o", tmp_path / "tables")
    assert done.exit_code == 1 and "holds no reports" in done.output
    assert not (tmp_path / "tables").exists()
