"""Coach's notes at moments of recordings: `notes.csv` at the top of RECORDINGS."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from poise.errors import SettingsError
from poise.system.atomic_files import write_whole
from poise.system.file_names import composed
from poise.timeline.timecodes import clock

NOTES_FILE = "notes.csv"
_COLUMNS = ("recording", "time", "author", "note")
_MAX_BYTES = 16_000_000


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note.

    Args:
        recording: Identifier of the recording.
        time_s: The moment, in seconds as a player shows it.
        author, note: Who says what.
    """

    recording: str
    time_s: float
    author: str
    note: str


def read_notes(root: Path) -> list[Note]:
    """All notes, as they stand in the table; those that say no moment are at its beginning.

    Raises:
        SettingsError: If the table cannot be used.
    """
    return [
        Note(
            recording=composed(row["recording"].strip().replace("\\", "/").removeprefix("./")),
            time_s=_seconds(row["time"]),
            author=row["author"].strip(),
            note=row["note"].strip(),
        )
        for row in _rows(root / NOTES_FILE)
        if row["note"].strip()
    ]


def add_note(root: Path, note: Note) -> None:
    """Add a note at the end of the table, which is made if there is none.

    Raises:
        SettingsError: If the table cannot be used.
        ReportError: If it cannot be written.
    """
    path = root / NOTES_FILE
    rows = _rows(path)
    rows.append(
        {
            "recording": note.recording,
            "time": clock(note.time_s),
            "author": note.author,
            "note": note.note,
        }
    )
    _write(path, rows)


def remove_note(root: Path, note: Note) -> None:
    """Remove a note, the first one that says just this.

    Raises:
        SettingsError, ReportError: As `add_note`.
    """
    path = root / NOTES_FILE
    rows = _rows(path)
    for row in rows:
        said = (row["recording"], _seconds(row["time"]), row["author"].strip(), row["note"].strip())
        if said == (note.recording, note.time_s, note.author, note.note):
            rows.remove(row)
            break
    _write(path, rows)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(dict.fromkeys([*_COLUMNS, *(rows[0] if rows else ())])))
    table.writeheader()
    table.writerows(rows)
    write_whole(
        path,
        lambda draft: draft.write_text(text.getvalue(), encoding="utf-8-sig", newline=""),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if path.is_symlink() or (path.exists() and path.stat().st_size > _MAX_BYTES):
        raise SettingsError("is a link, or too large", remedy="Put the table itself.", path=path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"cannot be read ({error})", remedy="Save it as CSV in UTF-8.", path=path
        ) from error
    rows = list(csv.DictReader(io.StringIO(text, newline=""), restval=""))
    if rows and not set(_COLUMNS) <= set(rows[0]):
        raise SettingsError(
            f"has the columns {', '.join(map(str, rows[0]))}",
            remedy=f"It needs {', '.join(_COLUMNS)}.",
            path=path,
        )
    return [{k: v for k, v in row.items() if isinstance(k, str)} for row in rows]


def _seconds(text: str) -> float:
    total = 0.0
    try:
        for part in text.strip().split(":"):
            total = 60 * total + float(part)
    except ValueError:
        return 0.0
    return max(0.0, total)
