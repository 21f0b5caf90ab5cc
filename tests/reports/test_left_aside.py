"""What was not analysed: why, and the table of it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from poise.reports.left_aside import left_aside_schema, reason, write_left_aside
from poise.settings import Settings
from poise.statuses import Status
from poise.storage.results.outcome import LeftAside, Outcome
from poise.types import Recording

LEFT = [LeftAside(name="kim/a.zip", code="archive"), LeftAside(name="folder", code="empty_folder")]
RECORDING = Recording(path=Path("a"), recording_id="a", candidate_id="a", display_name="a")


def _rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "left_aside.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_says_why_and_what_to_do(tmp_path: Path) -> None:
    write_left_aside(LEFT, tmp_path, Settings())
    rows = _rows(tmp_path)
    assert list(rows[0]) == [column.name for column in left_aside_schema()]
    assert [row["code"] for row in rows] == ["archive", "empty_folder"]
    assert all(row["reason"].endswith(".") and row["remedy"].endswith(".") for row in rows)


def test_without_names_nothing_is_named(tmp_path: Path) -> None:
    write_left_aside(LEFT, tmp_path, replace(Settings(), anonymous=True))
    assert [row["name"] for row in _rows(tmp_path)] == ["", ""]


def test_where_nothing_is_left_no_table_is(tmp_path: Path) -> None:
    write_left_aside(LEFT, tmp_path, Settings())
    write_left_aside([], tmp_path, Settings())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [("", "", ""), ("partial", "it breaks off at 2.0 s (Errno 5)", "it breaks off at 2.0 s"),
     ("vanished", "/home/kim/a.mp4 is gone", "The recording was removed or renamed"),
     ("", "ZeroDivisionError: /home/kim", "")],
)  # fmt: skip
def test_no_path_of_a_message_is_told(code: str, message: str, said: str) -> None:
    told = reason(Outcome(recording=RECORDING, status=Status.FAILED, code=code, message=message))
    assert told.startswith(said) and "/home" not in told and "Errno" not in told
    assert bool(told) == bool(code or message)
