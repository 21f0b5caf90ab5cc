"""Notes of coaches: `notes.csv` at the top of the recordings, read and written.

Columns are `recording,time,author,note`; a time is m:ss, h:mm:ss or seconds, and blank for the
whole recording. What a spreadsheet, or `add_note`, wrote is read; columns beside these are kept.
A line that cannot be used is left out and told; before anything is written, it has to be mended.
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
from poise.storage.saved_tables import TableFault, records, table_in, table_text, wrong_columns
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


def with_notes(
    root: Path, recordings: Iterable[Recording]
) -> tuple[list[Recording], list[TableFault]]:
    """The recordings with what coaches noted of them, and what is wrong with the table.

    Args:
        root: The directory of the recordings, or the one recording.
        recordings: As they were found.

    Raises:
        SettingsError: If the table is none.
    """
    recordings = list(recordings)
    notes, faults = _read_all(root if root.is_dir() else root.parent)
    known = {recording.recording_id for recording in recordings}
    if root.is_dir():
        path = table_in(root, NOTES_FILE) or root / NOTES_FILE
        faults += [
            _fault(path, line, SettingsError(
                f"names {name!r}, which is not among the recordings",
                remedy="Give the recording's path below the directory, or remove the line.",
                code="row_recording",
            ))
            for name in sorted(set(notes) - known) for line, _ in notes[name]
        ]  # fmt: skip
    else:
        faults = [fault for fault in faults if fault.recording_id in known]
    faults = [f if f.recording_id in known else replace(f, recording_id="") for f in faults]
    told = [
        replace(r, notes=tuple(note for _, note in notes.get(r.recording_id, ())))
        for r in recordings
    ]
    return told, sorted(faults, key=lambda fault: fault.line)


def read_notes(root: Path) -> dict[str, list[CoachNote]]:
    """Notes by recording: first those of the whole recording, then in order of time.

    Args:
        root: The directory of the recordings.

    Raises:
        SettingsError: If the table is none.
    """
    notes, _ = _read_all(root)
    return {name: [note for _, note in said] for name, said in notes.items()}


def _read_all(root: Path) -> tuple[dict[str, list[tuple[int, CoachNote]]], list[TableFault]]:
    """Notes by recording, each with its line, and lines that cannot be used."""
    path = table_in(root, NOTES_FILE)
    if path is None:
        return {}, []
    notes: dict[str, list[tuple[int, CoachNote]]] = {}
    _, rows, faults = _rows(path)
    for line, row in rows:
        if not row["note"]:
            continue  # begun, and nothing said yet
        try:
            note = _note(row)
        except SettingsError as error:
            faults.append(_fault(path, line, error, _recording(row)))
        else:
            notes.setdefault(_recording(row), []).append((line, note))
    return {name: sorted(said, key=_order) for name, said in notes.items()}, faults


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
        if _says(row, recording_id, note):
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
    for _, row in rows:
        if _says(row, recording_id, before):
            row.update(time=_time(after), author=after.author, note=after.text)
            _write(path, columns, [other for _, other in rows])
            return True
    return False


def _order(said: tuple[int, CoachNote]) -> float:
    return -1.0 if said[1].time_s is None else said[1].time_s


def _says(row: _Row, recording_id: str, note: CoachNote) -> bool:
    """Whether a line says just this of that recording."""
    try:
        return _recording(row) == recording_id and bool(row["note"]) and _note(row) == note
    except SettingsError:
        return False


def _time(note: CoachNote) -> str:
    """H:MM:SS with a fraction where there is one: no spreadsheet takes that for hours."""
    if note.time_s is None:
        return ""
    hours, rest = timecode(round(note.time_s * 1000)).split(":", 1)
    return f"{int(hours)}:{rest.removesuffix('.000')}"


def _recording(row: _Row) -> str:
    return composed(row["recording"].replace("\\", "/").removeprefix("./"))


def _note(row: _Row) -> CoachNote:
    if not row["recording"]:
        raise SettingsError(
            "names no recording",
            remedy="Give the recording's path below the directory.",
            code="row_recording",
        )
    time_s = None
    if row["time"]:
        try:
            time_s = read_time(row["time"])
        except ValueError:
            raise SettingsError(
                f"has the time {row['time']!r}",
                remedy="Write it as m:ss, h:mm:ss or seconds, such as 1:05 or 65; leave it empty "
                "for the whole recording.",
                code="row_time",
            ) from None
    return CoachNote(
        time_s=time_s, author=row["author"][:_MAX_AUTHOR], text=row["note"][:_MAX_TEXT]
    )


def _fault(path: Path, line: int, error: SettingsError, recording_id: str = "") -> TableFault:
    return TableFault(
        table=path.name, line=line, code=error.code, cause=error.cause, remedy=error.remedy,
        cost="The line is ignored.", recording_id=recording_id,
    )  # fmt: skip


def _table(root: Path) -> tuple[Path, list[str], list[tuple[int, _Row]]]:
    """The table, its columns and lines, to be written again.

    Raises:
        SettingsError: If a line cannot be read, and would be lost.
    """
    path = table_in(root, NOTES_FILE)
    if path is None:
        return root / NOTES_FILE, list(_COLUMNS), []
    columns, rows, faults = _rows(path)
    for fault in faults:
        raise fault.error(path)
    return path, columns, rows


def _rows(path: Path) -> tuple[list[str], list[tuple[int, _Row]], list[TableFault]]:
    """Names of the columns, the lines that say something, and those that cannot be read."""
    if path.is_symlink():
        raise SettingsError(
            "is a link", remedy="Put the table itself there.", path=path, code="table_link"
        )
    read = records(table_text(path), path)
    header = next(read, None)
    columns = [cell.strip().casefold() for cell in header.cells] if header else []
    while columns and not columns[-1]:
        columns.pop()
    if not {"recording", "note"} <= set(columns) or len(set(columns)) < len(columns):
        remedy = f"It needs {', '.join(_COLUMNS)}, each once."
        raise wrong_columns(path, columns, _COLUMNS, remedy)
    rows, faults = [], []
    for record in read:
        values = [_read(cell) for cell in record.cells]
        row = dict.fromkeys(_COLUMNS, "") | dict(zip(columns, values, strict=False))
        if not record.whole or any(values[len(columns) :]):
            unreadable = SettingsError(
                "does not fit the columns of the table, or cannot be read",
                remedy="Put a text that holds the separator between double quotes, and close them.",
                code="row_unreadable",
            )
            faults.append(_fault(path, record.line, unreadable, _recording(row)))
        elif any(values):
            rows.append((record.line, row))
    return list(dict.fromkeys([*columns, *_COLUMNS])), rows, faults


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
