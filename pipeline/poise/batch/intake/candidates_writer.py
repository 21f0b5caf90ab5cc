"""Writing `candidates.csv`: some cells of some recordings; all else stays as it stands."""

from __future__ import annotations

import csv
import io
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from poise.batch.intake.candidates_file import (
    CANDIDATES_FILE,
    column_of,
    read_candidates,
    read_cells,
    recording_of,
    table_in,
    tables_above,
)
from poise.errors import SettingsError
from poise.system.atomic_files import Stamp, stamp_of, write_whole

EDITABLE = ("display_name", "session_date", "note", "consent", "neutral_span", "portrait")
_ATTEMPTS = 3


def edit_candidates(root: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """Change cells of the table at the top of a directory, which is made if there is none.

    Columns and lines that nobody asked to change stay, unknown ones too; a column or a line that
    is missing is added at the end. A table that somebody saves meanwhile is read again. What is
    written is UTF-8 with a mark, which spreadsheets need to read Korean.

    Args:
        root: The directory of the recordings.
        changes: By identifier of a recording, values by column, of `EDITABLE`; an empty one clears
            the cell.

    Returns:
        The table.

    Raises:
        SettingsError: If a value or the table cannot be used, or the table lies above `root`.
        ReportError: If it cannot be written.
    """
    _check(root, changes)
    for _ in range(_ATTEMPTS):
        path, before = _table(root)
        delimiter, cells = (",", [["recording"]]) if before is None else read_cells(path)
        text = _written(_changed(cells, changes, path), delimiter)
        mode = 0o600 if before is None else stat.S_IMODE(path.stat().st_mode)
        if before is not None and stamp_of(path) != before:
            continue

        def fill(draft: Path, text: str = text, mode: int = mode) -> None:
            draft.write_text(text, encoding="utf-8-sig", newline="")
            draft.chmod(mode)

        write_whole(path, fill)
        return path
    raise SettingsError(
        "is being changed by another program", remedy="Close it there, and try again.", path=path,
        code="table_busy",
    )  # fmt: skip


def _table(root: Path) -> tuple[Path, Stamp | None]:
    """The table, and its stamp; None if it is yet to be made."""
    path = table_in(root)
    if path is None:
        above = tables_above(root, {}).nearest
        if above is not None:
            raise SettingsError(
                "tells of these recordings, and lies above their directory",
                remedy="Change it there: a table beside the recordings would stand in its place.",
                path=above,
                code="table_above",
            )
        return root / CANDIDATES_FILE, None
    if path.is_symlink():
        raise SettingsError(
            "is a link", remedy="Put the table itself beside the recordings.", path=path,
            code="table_link",
        )  # fmt: skip
    return path, stamp_of(path)


def _changed(
    cells: list[list[str]], changes: Mapping[str, Mapping[str, str]], path: Path
) -> list[list[str]]:
    """The cells with the changes in them."""
    header, *lines = cells or [["recording"]]
    columns = [column_of(cell) for cell in header]
    if "recording" not in columns:
        raise SettingsError(
            f"has the columns {', '.join(columns) or '(none)'}", remedy="It needs recording.",
            path=path, code="table_columns",
            values={"columns": ", ".join(columns), "needed": "recording"},
        )  # fmt: skip
    new = {name for values in changes.values() for name in values} - set(columns)
    added = [name for name in EDITABLE if name in new]
    columns, header = [*columns, *added], [*header, *added]
    if any("\ufffd" in cell for line in cells for cell in line):  # it would be lost for good
        raise SettingsError(
            "holds characters that cannot be read", path=path, code="table_characters",
            remedy="Open it in the program that wrote it, and save it as CSV in UTF-8.",
        )  # fmt: skip
    place = columns.index("recording")
    lines = [[*line, *[""] * (len(columns) - len(line))] if any(line) else line for line in lines]
    for recording, values in changes.items():
        own = [li for li in lines if any(li) and recording_of(li[place]) == recording]
        if not own:
            own = [[recording if k == place else "" for k in range(len(columns))]]
            lines += own
        for line in own:
            for name, value in values.items():
                line[columns.index(name)] = value
    return [header, *lines]


def _written(cells: list[list[str]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(cells)
    return text.getvalue()


def _check(root: Path, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Whether the table's reader takes these values.

    Raises:
        SettingsError: If not.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / CANDIDATES_FILE
        for recording, values in changes.items():
            if not values.keys() <= set(EDITABLE):
                others = ", ".join(sorted(values.keys() - set(EDITABLE)))
                raise SettingsError(
                    f"no such columns: {others}", path=CANDIDATES_FILE, code="table_columns",
                    values={"columns": others, "needed": ", ".join(EDITABLE)},
                )  # fmt: skip
            cells = _changed([["recording"]], {recording: values}, draft)
            draft.write_text(_written(cells, ","), encoding="utf-8-sig", newline="")
            for fault in read_candidates(draft, [recording], root).faults:
                raise fault.error(draft)
