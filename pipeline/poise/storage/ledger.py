"""The ledger of a directory of reports: which files were seen, what the last run was about.

An SQLite database, `REPORTS/.poise/ledger.sqlite3`, that only the process which runs the batch
writes to (`ledger_database` says how it is kept safe). What it holds can be made again from the
recordings and the stored results; a damaged one is set aside and started anew.
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

from poise.errors import ReportError
from poise.statuses import Status
from poise.storage.ledger_database import (
    LEDGER_FILE,
    failure,
    nothing_there,
    opened,
    opened_to_read,
    put_aside,
)
from poise.storage.results.outcome import LeftAside
from poise.storage.results.recording_json import from_json, to_json
from poise.system.atomic_files import Stamp
from poise.types import Recording

__all__ = ["LEDGER_FILE", "Entry", "Ledger", "Run"]

_COLUMNS = ("recording_id", "run", "candidate_id", "sha256", "recording", "key", "status", "code",
            "message", "since")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the ledger says of a recording.

    Args:
        recording: Which.
        key: Name of its result.
        status: What became of it.
        code, message: Why, as in `Outcome`.
        current: Whether it belongs to the last run, not to an earlier one.
        since: When a file of these bytes was first entered, in seconds since the epoch.
    """

    recording: Recording
    key: str
    status: Status = Status.PENDING
    code: str = ""
    message: str = ""
    current: bool = True
    since: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, as it was started.

    Args:
        root: The directory of its recordings.
        settings, model: In plain form.
        started, ended: Seconds since the epoch; `ended` is None while it goes on, or if it was
            killed.
    """

    root: str
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
            self._connection = opened_to_read(self._path)
        else:
            self._connection, self.set_aside = opened(self._path)
            if not self._makes_sense():
                self._connection.close()
                self.set_aside = put_aside(self._path)
                self._connection, _ = opened(self._path)

    def _makes_sense(self) -> bool:
        """Whether what it says can be used; an empty one can."""
        try:
            self.entries(earlier=True)
            if self._query("SELECT count(*) FROM run").fetchone()[0]:
                self.last_run()
        except ReportError:
            return False
        return True

    def close(self) -> None:
        """Close it; what was written stays."""
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Runs

    def plan(
        self,
        settings: Mapping[str, Any],
        model: Mapping[str, Any],
        entries: Iterable[Entry],
        *,
        root: str = "",
        left_aside: Iterable[LeftAside] = (),
    ) -> None:
        """Enter a run and its recordings, all at once, before anything is analysed."""
        now = time.time()
        with self.changing() as database:
            (number,) = database.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()
            database.execute("DELETE FROM run")
            database.execute(
                "INSERT INTO run VALUES (?, ?, ?, NULL, ?, ?)",
                (number, json.dumps(root), now, json.dumps(settings), json.dumps(model)),
            )
            _leave_aside(database, left_aside)
            known = dict(database.execute("SELECT recording_id || sha256, since FROM recordings"))
            database.executemany(
                f"INSERT OR REPLACE INTO recordings VALUES ({', '.join('?' * len(_COLUMNS))})",
                [
                    _row(e, number, known.get(e.recording.recording_id + e.recording.sha256, now))
                    for e in entries
                ],
            )

    def leave_aside(self, left_aside: Iterable[LeftAside]) -> None:
        """Enter what was left aside, in place of what was entered before."""
        with self.changing() as database:
            _leave_aside(database, left_aside)

    def record(self, entries: Iterable[Entry]) -> None:
        """Enter what became of recordings of the run."""
        with self.changing() as database:
            database.executemany(
                "UPDATE recordings SET sha256 = ?, recording = ?, key = ?, status = ?, code = ?,"
                " message = ? WHERE recording_id = ?",
                [
                    (e.recording.sha256, _text(e.recording), e.key, str(e.status), e.code,
                     e.message, e.recording.recording_id)
                    for e in entries
                ],
            )  # fmt: skip

    def end(self) -> None:
        """Enter that the run has ended."""
        with self.changing() as database:
            database.execute("UPDATE run SET ended = ?", (time.time(),))

    def last_run(self) -> Run:
        """The last run.

        Raises:
            ReportError: If there is none, or what is said of it makes no sense.
        """
        found = self._query("SELECT root, settings, model, started, ended FROM run").fetchone()
        if found is None:
            raise nothing_there(self._root)
        *texts, started, ended = found
        try:
            root, settings, model = map(json.loads, texts)
        except (ValueError, RecursionError) as error:
            raise _senseless(self._path) from error
        if not (isinstance(root, str) and isinstance(settings, dict) and isinstance(model, dict)):
            raise _senseless(self._path)
        return Run(root=root, settings=settings, model=model, started=started, ended=ended)

    def left_aside(self) -> list[LeftAside]:
        """What lay among the recordings of the last run and was not analysed."""
        rows = self._query("SELECT name, code FROM left_aside ORDER BY name, code")
        return [LeftAside(name=name, code=code) for name, code in rows]

    def entries(self, *, earlier: bool = False) -> list[Entry]:
        """Recordings of the last run in order of their identifiers, or of all runs.

        Raises:
            ReportError: If a row makes no sense.
        """
        rows = self._query(
            f"SELECT {', '.join(_COLUMNS)}, run = (SELECT max(id) FROM run) FROM recordings"
            " ORDER BY recording_id"
        )
        try:
            found = [_entry(row) for row in rows]
        except (ValueError, TypeError, RecursionError) as error:
            raise _senseless(self._path) from error
        return [entry for entry in found if earlier or entry.current]

    # Files, and reports that need not be written again

    def stamp_of(self, path: Path) -> tuple[Stamp, str] | None:
        """The stamp of a file when it was last read, and its SHA-256 then."""
        row = self._query(
            "SELECT stamp, sha256 FROM files WHERE path = ?", (os.fsencode(path),)
        ).fetchone()
        if row is None:
            return None
        try:
            return tuple(json.loads(row[0])), row[1]
        except (ValueError, TypeError):
            return None

    def stamp(self, files: Iterable[tuple[Path, Stamp, str]]) -> None:
        """Remember files: path, stamp, SHA-256."""
        with self.changing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
                [(os.fsencode(path), json.dumps(stamp), digest) for path, stamp, digest in files],
            )

    def hashes_like(self, stamp: Stamp) -> set[str]:
        """SHA-256 of files whose stamp begins alike (size and time of change), wherever they lay.

        For a recording that must not be read: a file that was renamed keeps both.
        """
        like = json.dumps(stamp[:2])[:-1] + ",%"
        return {
            row[0] for row in self._query("SELECT sha256 FROM files WHERE stamp LIKE ?", (like,))
        }

    def report(self, candidate_id: str) -> tuple[str, list[str]]:
        """What a candidate's report was made from, a fingerprint, and its files.

        Empty where there is none. Files are relative to the directory of the reports.
        """
        row = self._query(
            "SELECT made_from, files FROM reports WHERE candidate_id = ?", (candidate_id,)
        ).fetchone()
        if row is None:
            return "", []
        try:
            return row[0], [str(file) for file in json.loads(row[1])]
        except (ValueError, TypeError):
            return "", []

    def reported(self) -> list[str]:
        """Candidates that a report was written for."""
        return [row[0] for row in self._query("SELECT candidate_id FROM reports ORDER BY 1")]

    def report_written(self, candidate_id: str, made_from: str, files: Sequence[str]) -> None:
        """Remember what `report` tells."""
        with self.changing() as database:
            database.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?, ?)",
                (candidate_id, made_from, json.dumps(files)),
            )

    def reports_changed(self) -> None:
        """Forget what reports were made from: the next run writes them again."""
        with self.changing() as database:
            database.execute("UPDATE reports SET made_from = ''")

    # Forgetting

    def expired(self) -> set[str]:
        """SHA-256 of recordings whose results grew too old; they are not to be made again."""
        return {row[0] for row in self._query("SELECT sha256 FROM expired")}

    def expire(self, hashes: Iterable[str]) -> None:
        """Add to what `expired` says."""
        with self.changing() as database:
            database.executemany(
                "INSERT OR IGNORE INTO expired VALUES (?)", [(h,) for h in hashes if h]
            )

    def keep_expired(self, hashes: Iterable[str]) -> None:
        """Forget those that `expired` names and that are not among these: they are gone."""
        gone = self.expired() - set(hashes)
        if gone:
            with self.changing() as database:
                for table in ("expired", "files", "recordings"):
                    database.executemany(
                        f"DELETE FROM {table} WHERE sha256 = ?", [(digest,) for digest in gone]
                    )

    def forget(
        self, gone: Sequence[Recording], candidates: Iterable[str], names: Iterable[str] = ()
    ) -> int:
        """Erase recordings, and candidates, so that no byte of them is left in the file.

        Args:
            gone: Recordings; their hashes go where no other recording has them.
            candidates: Identifiers whose reports are gone.
            names: What was left aside and goes too, by name.

        Returns:
            How many rows were erased.
        """
        before = self._connection.total_changes
        with self.changing() as database:
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
            for name in names:
                database.execute("DELETE FROM left_aside WHERE name = ?", (name,))
        erased = self._connection.total_changes - before
        try:
            self._connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise failure(error, self._path) from error
        for damaged in self._root.glob(f"{LEDGER_FILE}.damaged-*"):
            damaged.unlink()
        return erased

    # The database

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
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
            raise failure(error, self._path) from error

    def _query(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise failure(error, self._path) from error


def _senseless(path: Path) -> ReportError:
    return ReportError(
        "what it says of the last run makes no sense",
        remedy="Run poise analyze again: what is done is kept.",
        path=path,
        code="ledger_odd",
    )


def _text(recording: Recording) -> str:
    return json.dumps(to_json(recording))


def _leave_aside(database: sqlite3.Connection, left_aside: Iterable[LeftAside]) -> None:
    database.execute("DELETE FROM left_aside")
    rows = [(left.name, left.code) for left in left_aside]
    database.executemany("INSERT INTO left_aside VALUES (?, ?)", rows)


def _row(entry: Entry, run: int, since: float) -> tuple[Any, ...]:
    r = entry.recording
    return (
        r.recording_id, run, r.candidate_id, r.sha256, _text(r), entry.key, str(entry.status),
        entry.code, entry.message, since,
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Entry:
    *values, current = row
    plain = dict(zip(_COLUMNS, values, strict=True))
    return Entry(
        recording=from_json(json.loads(plain["recording"])),
        key=plain["key"],
        status=Status(plain["status"]),
        code=plain["code"],
        message=plain["message"],
        current=bool(current),
        since=plain["since"],
    )
