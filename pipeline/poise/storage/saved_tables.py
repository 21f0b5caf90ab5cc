"""Tables that people keep beside their recordings, however a spreadsheet has saved them.

One wrong line costs itself or the recording that it names, never the batch: readers hand on
`TableFault`s. Only a file that is no such table raises.
"""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.errors import SettingsError

_MAX_BYTES = 16_000_000
_MAX_UNREADABLE = 1000  # lines; with more it is no table
_HEADER_BYTES = 100  # names of columns at least
LOST = "\ufffd"  # stands for what could not be decoded


@dataclass(frozen=True, kw_only=True)
class TableFault:
    """What is wrong with a line of a table, and what it costs.

    Args:
        table: Name of the file.
        line: Number of the line, from 1, the header's; 0 for the file as a whole.
        code: Of the text that says so in the reader's language, as in `Outcome`.
        cause: What is wrong, beginning with a verb; it may quote the line.
        remedy: What to do.
        cost: What follows from it.
        recording_id: Of the recording it concerns; empty if of none that is there.
    """

    table: str
    line: int
    code: str
    cause: str
    remedy: str
    cost: str
    recording_id: str = ""

    @property
    def place(self) -> str:
        """Where it stands: table and line."""
        return f"{self.table}, line {self.line}" if self.line else self.table

    @property
    def name(self) -> str:
        """As it is named among what was left aside, in any language."""
        place = f"{self.table}:{self.line}" if self.line else self.table
        return f"{self.recording_id} ({place})" if self.recording_id else place

    @property
    def text(self) -> str:
        """All of it, for the terminal."""
        return f"{self.place} {self.cause}. {self.remedy} {self.cost}"

    def error(self, path: Path) -> SettingsError:
        """For whoever cannot go on with it."""
        where = f"line {self.line} " if self.line else ""
        return SettingsError(
            where + self.cause, remedy=self.remedy, path=path, code=self.code,
            values={"line": self.line},
        )  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A line of a table, or several where a cell holds line breaks.

    Args:
        line: Number of its first line, from 1.
        cells: As they stand.
        whole: Whether it could be read as CSV; if not, cells are what stands between separators.
    """

    line: int
    cells: list[str]
    whole: bool = True


def table_in(folder: Path, name: str) -> Path | None:
    """A file of that name, in capitals or not; None if there is none."""
    try:
        files = sorted(path for path in folder.iterdir() if path.name.casefold() == name)
    except OSError:
        return None
    return next((path for path in files if path.is_file()), None)


def table_text(path: Path) -> str:
    """The text of a table: UTF-8, UTF-16 with or without its mark, or Korean (CP949).

    Bytes that are of none of these become U+FFFD.

    Raises:
        SettingsError: If it cannot be read, is too large, or is a spreadsheet itself.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise SettingsError(
                f"is larger than {_MAX_BYTES // 1_000_000} MB, or not a file",
                remedy="It must be a table, saved as CSV.",
                path=path,
                code="table_large",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"cannot be read ({error.strerror or error})",
            remedy="Give yourself permission to read it.",
            path=path,
            code="table_closed",
        ) from error
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SettingsError(
            "is a spreadsheet, not CSV", remedy="Save it as CSV, with the same name.", path=path,
            code="table_spreadsheet",
        )  # fmt: skip
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):  # without a mark
        half = raw[first:_HEADER_BYTES:2]
        if half.count(0) > len(half) / 3:
            return raw.decode(encoding, errors="replace")
    # Excel in Korea; a wrong byte makes no Korean of UTF-8.
    readings = [raw.decode(encoding, errors="replace") for encoding in ("utf-8-sig", "cp949")]
    return min(readings, key=lambda text: text.count(LOST))


def separator_of(text: str) -> str:
    """What stands between the names of the columns: European Excel writes semicolons."""
    return max(",;\t|", key=(text.splitlines() or [""])[0].count)


def records(text: str, path: Path) -> Iterator[Record]:
    """The lines of a table, its header first.

    A quotation mark that nothing closes would swallow all lines behind it: reading goes on with
    the next one.

    Args:
        text: Of the table.
        path: Of the table, for errors.

    Raises:
        SettingsError: If so many lines cannot be read that it is no table.
    """
    separator, lines = separator_of(text), list(io.StringIO(text, newline=""))
    at, unreadable = 0, 0
    while at < len(lines):
        taken, cells = _record((lines[k] for k in range(at, len(lines))), separator)
        whole = cells is not None
        if cells is None:
            taken, alone = 1, lines[at]
            whole = alone.count('"') % 2 == 0
            reader = csv.reader([alone if whole else alone.replace('"', "")], delimiter=separator)
            try:
                cells = next(reader, [])
            except csv.Error:
                cells, whole = [], False
            unreadable += not whole
            if unreadable > _MAX_UNREADABLE:
                raise SettingsError(
                    f"has more than {_MAX_UNREADABLE} lines that cannot be read",
                    remedy="Save the table again as CSV.", path=path, code="table_broken",
                )  # fmt: skip
        yield Record(at + 1, cells, whole)
        at += taken


def _record(lines: Iterator[str], separator: str) -> tuple[int, list[str] | None]:
    """How many lines the first record takes, and its cells; None where it is no record."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        cells = next(reader)
    except csv.Error:
        return 1, None
    return reader.line_num, cells


def wrong_columns(
    path: Path, columns: Sequence[str], needed: Sequence[str], remedy: str
) -> SettingsError:
    """That a file is not the table it should be; to be raised.

    Args:
        path: Of the table.
        columns: It has.
        needed: Those it may have, told on the desk.
        remedy: Says which it must have.
    """
    return SettingsError(
        f"has the columns {', '.join(columns) or '(none)'}",
        remedy=remedy,
        path=path,
        code="table_columns",
        values={"columns": ", ".join(columns), "needed": ", ".join(needed)},
    )
