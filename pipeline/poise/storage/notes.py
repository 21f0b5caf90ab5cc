"""Notes of coaches: `notes.csv` at the top of the recordings, read and written.

Columns are `recording,time,author,note`; a time is m:ss, h:mm:ss or seconds, and blank for the
whole recording. What a spreadsheet, or `add_note`, wrote is read; columns beside these are kept.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from poise.coach_notes import CoachNote
from poise.errors import SettingsError
from poise.storage.saved_tables import separator_of, table_in, table_text
from poise.system.atomic_files import write_whole
from poise.system.file_names import composed
from poise.timeline.segments import read_time
from poise.timeline.timecodes import timecode
from poise.types import Recording

NOTES_FILE = "notes.csv"
_COLUMNS = ("recording", "time", "author", "note")
_MAX_TEXT, _MAX_AUTHOR = 4_000, 200
_STARTS = "=+\\-@\t\r＝＋－＠"  # a spreadsheet takes what begins so for a formula
_Row = dict[str, str]


def with_notes(root: Path, recordings: Iterable[Recording]) -> tuple[list[Recording], list[str]]:
    """The recordings with what coaches noted of them, and names in the table that none of them has.

    Args:
        root: The directory of the recordings, or the one recording.
        recordings: As they were found.

    Raises:
        SettingsError: If the table cannot be used; it names the line and the value.
    """
    recordings = list(recordings)
    notes = read_notes(root if root.is_dir() else root.parent)
    known = {recording.recording_id for recording in recordings}
    unknown = sorted(set(notes) - known) if root.is_dir() else []
    return [replace(r, notes=tuple(notes.get(r.recording_id, ()))) for r in recordings], unknown


def read_notes(root: Path) -> dict[str, list[CoachNote]]:
    """Notes by recording: first those of the whole recording, then in order of time.

    Args:
        root: The directory of the recordings.

    Raises:
        SettingsError: If the table cannot be used; it names the line and the value.
    """
    path = table_in(root, NOTES_FILE)
    if path is None:
        return {}
    notes: dict[str, list[CoachNote]] = {}
    for line, row in _rows(path)[1]:
        if not row["note"]:
            continue  # begun, and nothing said yet
        if not row["recording"]:
            raise SettingsError(
                f"line {line} names no recording",
                remedy="Give the recording's path below the directory.",
                path=path,
                code="line_nameless",
                values={"line": line},
            )
        notes.setdefault(_recording(row), []).append(_note(row, line, path))
    return {name: sorted(said, key=_order) for name, said in notes.items()}


def add_note(root: Path, recording_id: str, note: CoachNote) -> None:
    """Add a note at the end of the table, which is made if there is none.

    Args:
        root: The directory of the recordings.
        recording_id: Which of them.
        note: What is said.

    Raises:
        SettingsError: If the table cannot be used, or nothing is said.
        ReportError: If it cannot be written.
    """
    if not note.text.strip():
        raise SettingsError(
            "the note is empty", remedy="Write something.", path=root / NOTES_FILE,
            code="note_empty",
        )  # fmt: skip
    path, columns, rows = _table(root)
    said = {"recording": recording_id, "time": _time(note), "author": note.author}
    _write(path, columns, [*(row for _, row in rows), {**said, "note": note.text}])


def remove_note(root: Path, recording_id: str, note: CoachNote) -> bool:
    """Remove the first note that says just this; whether there was one.

    Args:
        root, recording_id, note: As for `add_note`.

    Raises:
        SettingsError, ReportError: As `add_note`.
    """
    path, columns, rows = _table(root)
    for line, row in rows:
        if _recording(row) == recording_id and row["note"] and _note(row, line, path) == note:
            _write(path, columns, [other for number, other in rows if number != line])
            return True
    return False


def replace_note(root: Path, recording_id: str, before: CoachNote, after: CoachNote) -> bool:
    """Put a note in the place of the first one that says just what was said before.

    Returns:
        Whether there was one.

    Raises:
        SettingsError, ReportError: As `add_note`.
    """
    path, columns, rows = _table(root)
    for line, row in rows:
        if _recording(row) == recording_id and row["note"] and _note(row, line, path) == before:
            row.update(time=_time(after), author=after.author, note=after.text)
            _write(path, columns, [other for _, other in rows])
            return True
    return False


def _order(note: CoachNote) -> float:
    return -1.0 if note.time_s is None else note.time_s


def _time(note: CoachNote) -> str:
    """H:MM:SS with a fraction where there is one: no spreadsheet takes that for hours."""
    if note.time_s is None:
        return ""
    hours, rest = timecode(round(note.time_s * 1000)).split(":", 1)
    return f"{int(hours)}:{rest.removesuffix('.000')}"


def _recording(row: _Row) -> str:
    return composed(row["recording"].replace("\\", "/").removeprefix("./"))


def _note(row: _Row, line: int, path: Path) -> CoachNote:
    time_s = None
    if row["time"]:
        try:
            time_s = read_time(row["time"])
        except ValueError:
            raise SettingsError(
                f"line {line} has the time {row['time']!r}",
                remedy="Write it as m:ss, h:mm:ss or seconds, such as 1:05 or 65; leave it empty "
                "for the whole recording.",
                path=path,
                code="line_time",
                values={"line": line, "value": row["time"]},
            ) from None
    return CoachNote(
        time_s=time_s, author=row["author"][:_MAX_AUTHOR], text=row["note"][:_MAX_TEXT]
    )


def _table(root: Path) -> tuple[Path, list[str], list[tuple[int, _Row]]]:
    path = table_in(root, NOTES_FILE)
    if path is None:
        return root / NOTES_FILE, list(_COLUMNS), []
    return path, *_rows(path)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, _Row]]]:
    """Names of the columns, and the lines that say something, with their numbers."""
    if path.is_symlink():
        raise SettingsError(
            "is a link", remedy="Put the table itself there.", path=path, code="table_link"
        )
    text = table_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text))
    try:
        columns = [cell.strip().casefold() for cell in next(reader, [])]
        while columns and not columns[-1]:
            columns.pop()
        if not {"recording", "note"} <= set(columns) or len(set(columns)) < len(columns):
            raise SettingsError(
                f"has the columns {', '.join(columns) or '(none)'}",
                remedy=f"It needs {', '.join(_COLUMNS)}, each once.",
                path=path,
                code="table_columns",
                values={"columns": ", ".join(columns), "needed": ", ".join(_COLUMNS)},
            )
        rows = []
        for cells in reader:
            values = [_read(cell) for cell in cells]
            if any(values):
                row = dict.fromkeys(_COLUMNS, "") | dict(zip(columns, values, strict=False))
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise SettingsError(
            f"line {reader.line_num} cannot be read ({error})",
            remedy="Save the table again as CSV.",
            path=path,
            code="line_broken",
            values={"line": reader.line_num},
        ) from error
    return list(dict.fromkeys([*columns, *_COLUMNS])), rows


def _read(cell: str) -> str:
    """A cell without what `_written` put before it."""
    return re.sub(f"^'(?=[{_STARTS}])", "", cell.strip().strip("\ufeff\0")).strip()


def _written(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell and re.match(f"[{_STARTS}]", cell) else cell


def _write(path: Path, columns: list[str], rows: Iterable[_Row]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    table.writeheader()
    table.writerows({name: _written(cell) for name, cell in row.items()} for row in rows)

    def fill(draft: Path) -> None:
        draft.touch(mode=0o600)
        draft.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
        with suppress(OSError):  # others may read and write what they could before
            shutil.copymode(path, draft)

    write_whole(path, fill)
