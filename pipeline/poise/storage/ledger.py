"""The ledger of a directory of reports: which files were seen, what the last run was about.

An SQLite database, `REPORTS/.poise/ledger.sqlite3`, that only the process which runs the batch
writes to. A transaction is on the disk when it ends (WAL, synchronous=FULL), so that neither
SIGKILL nor a power cut loses more than what was under way. What it holds can be made again from
the recordings and the stored results; a damaged one is set aside and started anew.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.errors import DiskFullError, ReportError, SettingsError
from poise.system.atomic_files import Stamp
from poise.types import Recording, Status

LEDGER_FILE = "ledger.sqlite3"
_VERSION = 1
_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE recordings (
    recording_id TEXT PRIMARY KEY, run INTEGER NOT NULL, path BLOB NOT NULL,
    candidate_id TEXT NOT NULL, display_name TEXT NOT NULL, session_date TEXT NOT NULL,
    note TEXT NOT NULL, sha256 TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    message TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE reports (
    candidate_id TEXT PRIMARY KEY, made_from TEXT NOT NULL, files TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE expired (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE run (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL, settings TEXT NOT NULL,
    model TEXT NOT NULL
);
"""
_COLUMNS = (
    "recording_id", "run", "path", "candidate_id", "display_name", "session_date", "note",
    "sha256", "key", "status", "message",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the ledger says of a recording.

    Args:
        recording: Which.
        key: Name of its result.
        status: What became of it.
        message: What was lost or why it failed.
        current: Whether it belongs to the last run, not to an earlier one.
    """

    recording: Recording
    key: str
    status: Status = Status.PENDING
    message: str = ""
    current: bool = True


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, as it was started.

    Args:
        settings, model: In plain form.
        started, ended: Seconds since the epoch; `ended` is None while it goes on, or if it was
            killed.
    """

    settings: dict[str, Any]
    model: dict[str, Any]
    started: float
    ended: float | None


class Ledger:
    """The ledger of one directory of reports; to be closed, best as a context.

    Args:
        root: The directory that holds it, there already unless `read_only`.
        read_only: Whether nothing may be made or changed.

    Attributes:
        set_aside: Where a damaged one that was found is now; None if there was none.

    Raises:
        SettingsError: If it was written by a newer Poise.
        ReportError: If there is none to read, or none can be made.
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self._root, self._path = root, root / LEDGER_FILE
        self.read_only = read_only
        self.set_aside: Path | None = None
        if read_only:
            self._connection = self._opened_to_read()
            return
        try:
            self._connection = self._opened()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _failure(error, self._path) from error
            self._put_aside()
            self._connection = self._opened()

    def close(self) -> None:
        """Close it; what was written stays."""
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Runs

    def plan(
        self, settings: Mapping[str, Any], model: Mapping[str, Any], entries: Iterable[Entry]
    ) -> None:
        """Enter a run and its recordings, all at once, before anything is analysed."""
        with self._changing() as database:
            (number,) = database.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()
            database.execute("DELETE FROM run")
            database.execute(
                "INSERT INTO run VALUES (?, ?, NULL, ?, ?)",
                (number, time.time(), json.dumps(settings), json.dumps(model)),
            )
            database.executemany(
                f"INSERT OR REPLACE INTO recordings VALUES ({', '.join('?' * len(_COLUMNS))})",
                (_row(entry, number) for entry in entries),
            )

    def record(self, entries: Iterable[Entry]) -> None:
        """Enter what became of recordings of the run."""
        with self._changing() as database:
            database.executemany(
                "UPDATE recordings SET sha256 = ?, key = ?, status = ?, message = ?"
                " WHERE recording_id = ?",
                [
                    (e.recording.sha256, e.key, e.status, e.message, e.recording.recording_id)
                    for e in entries
                ],
            )

    def end(self) -> None:
        """Enter that the run has ended."""
        with self._changing() as database:
            database.execute("UPDATE run SET ended = ?", (time.time(),))

    def last_run(self) -> Run:
        """The last run.

        Raises:
            ReportError: If there is none.
        """
        found = self._query("SELECT settings, model, started, ended FROM run").fetchone()
        if found is None:
            raise _nothing(self._root)
        settings, model, started, ended = found
        return Run(
            settings=json.loads(settings), model=json.loads(model), started=started, ended=ended
        )

    def entries(self, *, earlier: bool = False) -> list[Entry]:
        """Recordings of the last run in order of their identifiers, or of all runs."""
        rows = self._query(
            f"SELECT {', '.join(_COLUMNS)}, run = (SELECT max(id) FROM run) FROM recordings"
            " ORDER BY recording_id"
        )
        found = [_entry(row) for row in rows]
        return [entry for entry in found if earlier or entry.current]

    # Files, and reports that need not be written again

    def stamp_of(self, path: Path) -> tuple[Stamp, str] | None:
        """Size and time of change (ns) of a file when it was last read, and its SHA-256 then."""
        row = self._query(
            "SELECT size, mtime_ns, sha256 FROM files WHERE path = ?", (os.fsencode(path),)
        ).fetchone()
        return None if row is None else ((row[0], row[1]), row[2])

    def stamp(self, files: Iterable[tuple[Path, Stamp, str]]) -> None:
        """Remember files: path, size and time of change, SHA-256."""
        with self._changing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                [(os.fsencode(path), *stamp, digest) for path, stamp, digest in files],
            )

    def report(self, candidate_id: str) -> tuple[str, list[str]]:
        """What a candidate's report was made from, a fingerprint, and its files.

        Empty where there is none. Files are relative to the directory of the reports.
        """
        row = self._query(
            "SELECT made_from, files FROM reports WHERE candidate_id = ?", (candidate_id,)
        ).fetchone()
        return ("", []) if row is None else (row[0], json.loads(row[1]))

    def report_written(self, candidate_id: str, made_from: str, files: Sequence[str]) -> None:
        """Remember what `report` tells."""
        with self._changing() as database:
            database.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?, ?)",
                (candidate_id, made_from, json.dumps(files, ensure_ascii=False)),
            )

    # Forgetting

    def expired(self) -> set[str]:
        """SHA-256 of recordings whose results grew too old; they are not to be made again."""
        return {row[0] for row in self._query("SELECT sha256 FROM expired")}

    def expire(self, hashes: Iterable[str]) -> None:
        """Add to what `expired` says."""
        with self._changing() as database:
            database.executemany(
                "INSERT OR IGNORE INTO expired VALUES (?)", [(h,) for h in hashes if h]
            )

    def keep_expired(self, hashes: Iterable[str]) -> None:
        """Forget those that `expired` names and that are not among these: they are gone."""
        gone = self.expired() - set(hashes)
        if gone:
            with self._changing() as database:
                for table in ("expired", "files", "recordings"):
                    database.executemany(
                        f"DELETE FROM {table} WHERE sha256 = ?", [(digest,) for digest in gone]
                    )

    def forget(self, gone: Sequence[Recording], candidates: Iterable[str]) -> int:
        """Erase recordings, and candidates, so that no byte of them is left in the file.

        Args:
            gone: Recordings; their hashes go where no other recording has them.
            candidates: Identifiers whose reports are gone.

        Returns:
            How many rows were erased.
        """
        before = self._connection.total_changes
        with self._changing() as database:
            for recording in gone:
                database.execute(
                    "DELETE FROM recordings WHERE recording_id = ?", (recording.recording_id,)
                )
                database.execute(
                    "DELETE FROM files WHERE path IN (?, ?)",
                    (os.fsencode(recording.path), os.fsencode(recording.path.resolve())),
                )
            for digest in {recording.sha256 for recording in gone}:
                for table in ("files", "expired"):
                    database.execute(
                        f"DELETE FROM {table} WHERE sha256 = ? AND NOT EXISTS"
                        " (SELECT 1 FROM recordings WHERE recordings.sha256 = ?)",
                        (digest, digest),
                    )
            for candidate in candidates:
                database.execute("DELETE FROM reports WHERE candidate_id = ?", (candidate,))
        erased = self._connection.total_changes - before
        try:
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise _failure(error, self._path) from error
        for damaged in self._root.glob(f"{LEDGER_FILE}.damaged-*"):
            damaged.unlink()
        return erased

    # The database

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                database.execute(f"PRAGMA {pragma}")
            version = _checked_version(database, self._path)
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
            if version == 0:
                self._create(database)
        except BaseException:
            database.close()
            raise
        return database

    def _create(self, database: sqlite3.Connection) -> None:
        """Make the tables, in one transaction."""
        database.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute("COMMIT")

    def _opened_to_read(self) -> sqlite3.Connection:
        if not self._path.is_file():
            raise _nothing(self._root)
        address = self._path.absolute().as_uri()
        # Without a log beside it nobody has changed it since it was closed: no file need be made.
        live = self._path.with_name(f"{LEDGER_FILE}-wal").exists()
        for mode in ("mode=ro", "immutable=1") if live else ("immutable=1",):
            database = sqlite3.connect(
                f"{address}?{mode}", uri=True, timeout=_BUSY_S, isolation_level=None
            )
            try:
                if _checked_version(database, self._path):
                    return database
                failure = _nothing(self._root)  # being made at this moment
            except sqlite3.Error as error:
                failure = _failure(error, self._path)
            except SettingsError:
                database.close()
                raise
            database.close()
        raise failure

    def _put_aside(self) -> None:
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        target = self._path.with_name(f"{LEDGER_FILE}.damaged-{moment}-{os.getpid()}")
        self._path.replace(target)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(LEDGER_FILE + suffix).unlink(missing_ok=True)
        self.set_aside = target

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the block, or nothing."""
        database = self._connection
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failure(error, self._path) from error

    def _query(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _failure(error, self._path) from error


def _checked_version(database: sqlite3.Connection, path: Path) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise SettingsError(
            f"was written by a newer Poise (version {version}, here up to {_VERSION})",
            remedy="Update Poise, or give another directory for the reports.",
            path=path,
        )
    return int(version)


def _failure(error: sqlite3.Error, path: Path) -> ReportError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return DiskFullError(
            "the disk is full", remedy="Make room; the same command goes on from there.", path=path
        )
    return ReportError(
        f"cannot be used ({error})",
        remedy="Check permissions; a damaged ledger is made anew by poise analyze.",
        path=path,
    )


def _nothing(root: Path) -> ReportError:
    return ReportError(
        "holds no reports that can be written again",
        remedy="Give the directory that poise analyze wrote to, or run it again.",
        path=root.parent,
    )


def _row(entry: Entry, run: int) -> tuple[Any, ...]:
    r = entry.recording
    return (
        r.recording_id, run, os.fsencode(r.path), r.candidate_id, r.display_name, r.session_date,
        r.note, r.sha256, entry.key, entry.status, entry.message,
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Entry:
    *values, current = row
    plain = dict(zip(_COLUMNS, values, strict=True))
    plain["path"] = Path(os.fsdecode(plain["path"]))
    key, status, message = (plain.pop(name) for name in ("key", "status", "message"))
    del plain["run"]
    return Entry(
        recording=Recording(**plain), key=key, status=Status(status), message=message,
        current=bool(current),
    )  # fmt: skip
