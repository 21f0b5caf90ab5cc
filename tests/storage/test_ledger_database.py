"""The ledger's database: how it is opened, and what is said where it cannot be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from poise.errors import DiskFullError, ReportError, SettingsError
from poise.storage.ledger_database import VERSION, failure, opened, opened_to_read, put_aside


def test_a_new_one_has_its_tables_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    database, aside = opened(path)
    assert aside is None
    reading = opened_to_read(path)
    assert reading.execute("SELECT count(*) FROM recordings").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.execute("DELETE FROM recordings")
    reading.close()
    database.close()


def test_a_damaged_one_is_put_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    database, aside = opened(path)
    database.close()
    assert aside is not None and aside.read_bytes() == b"no database at all" * 100
    assert put_aside(path).exists() and not path.exists()


def test_an_older_one_is_made_anew_and_a_newer_one_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    for version in (VERSION - 1, VERSION + 1):
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE IF NOT EXISTS old (a)")
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
        database.close()
        if version > VERSION:
            for opening in (opened, opened_to_read):
                with pytest.raises(SettingsError, match="newer Poise"):
                    opening(path)
        else:
            with pytest.raises(ReportError, match="holds no reports"):
                opened_to_read(path)
            database, aside = opened(path)
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            database.close()
            assert aside is None and "old" not in tables and "recordings" in tables


def test_nothing_is_made_where_there_is_none_to_read(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no reports"):
        opened_to_read(tmp_path / "ledger.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_from_other_failures() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert isinstance(failure(full, Path("a")), DiskFullError)
    other = failure(sqlite3.OperationalError("locked"), Path("a"))
    assert not isinstance(other, DiskFullError) and "locked" in other.cause
