"""The ledger's database: opened so that neither a kill nor a power cut loses what was entered.

A rollback journal, not a write-ahead log: the latter needs memory that all processes share, which
network storage does not give, and REPORTS may lie there. A transaction is on the disk when it ends
(synchronous=FULL); what is deleted is overwritten (secure_delete).
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from poise.errors import DiskFullError, ReportError, SettingsError

LEDGER_FILE = "ledger.sqlite3"
VERSION = 2
_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE recordings (
    recording_id TEXT PRIMARY KEY, run INTEGER NOT NULL, candidate_id TEXT NOT NULL,
    sha256 TEXT NOT NULL, recording TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE left_aside (name TEXT NOT NULL, code TEXT NOT NULL);
CREATE TABLE reports (
    candidate_id TEXT PRIMARY KEY, made_from TEXT NOT NULL, files TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE expired (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, root TEXT NOT NULL, started REAL NOT NULL, ended REAL,
    settings TEXT NOT NULL, model TEXT NOT NULL
);
"""


def opened(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open a ledger to write, made anew if there is none, or none that can be used.

    Returns:
        The database, and where a damaged one is now, if there was one.

    Raises:
        SettingsError: If it was written by a newer Poise.
        ReportError: If none can be made.
    """
    try:
        return _opened(path), None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise failure(error, path) from error
        aside = put_aside(path)
        return _opened(path), aside


def opened_to_read(path: Path) -> sqlite3.Connection:
    """Open a ledger to read, also while another process writes to it.

    Raises:
        SettingsError: If it was written by a newer Poise.
        ReportError: If there is none, or it is damaged.
    """
    if not path.is_file():
        raise nothing_there(path.parent)
    # A transaction that a kill cut short has to be rolled back before anything can be read.
    for mode in ("ro", "rw"):
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True, timeout=_BUSY_S, isolation_level=None,
        )  # fmt: skip
        try:
            version = _checked_version(database, path)
            if version == VERSION:
                database.execute("SELECT count(*) FROM run").fetchone()
                return database
            database.close()
            raise nothing_there(path.parent)  # being made at this moment, or of an older Poise
        except sqlite3.Error as error:
            database.close()
            rolled_back = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK
            if mode == "rw" or not rolled_back:
                raise failure(error, path) from error
        except SettingsError:
            database.close()
            raise
    raise AssertionError


def failure(error: sqlite3.Error, path: Path) -> ReportError:
    """The error of this package for one of SQLite's."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return DiskFullError(
            "the disk is full", remedy="Make room; the same command goes on from there.", path=path
        )
    return ReportError(
        f"cannot be used ({error})",
        remedy="Check permissions; a damaged ledger is made anew by poise analyze.",
        path=path,
        code="ledger_broken",
    )


def nothing_there(root: Path) -> ReportError:
    """What is said of a directory that no run has written to."""
    return ReportError(
        "holds no reports that can be written again",
        remedy="Give the directory that poise analyze wrote to, or run it again.",
        path=root.parent,
        code="no_reports",
    )


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    try:
        for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
            database.execute(f"PRAGMA {pragma}")
        version = _checked_version(database, path)
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        if version < VERSION:
            _create(database)
    except BaseException:
        database.close()
        raise
    return database


def _create(database: sqlite3.Connection) -> None:
    """Make the tables, in one transaction; those of an older Poise go, as results are kept."""
    database.execute("BEGIN IMMEDIATE")
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in tables:
        database.execute(f'DROP TABLE "{name}"')
    for statement in filter(str.strip, _SCHEMA.split(";")):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def put_aside(path: Path) -> Path:
    """Rename a damaged ledger, so that a new one can be made; its new name."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    target = path.with_name(f"{LEDGER_FILE}.damaged-{moment}-{os.getpid()}")
    path.replace(target)
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(LEDGER_FILE + suffix).unlink(missing_ok=True)
    return target


def _checked_version(database: sqlite3.Connection, path: Path) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise SettingsError(
            f"was written by a newer Poise (version {version}, here up to {VERSION})",
            remedy="Update Poise, or give another directory for the reports.",
            path=path,
            code="ledger_newer",
        )
    return int(version)
