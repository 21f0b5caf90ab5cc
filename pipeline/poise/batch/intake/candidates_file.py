"""`candidates.csv`: what a centre says of its recordings, however a spreadsheet has saved it."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.batch.intake.dates import Session, read_column
from poise.errors import SettingsError
from poise.storage.saved_tables import separator_of, table_text
from poise.system.file_names import composed

CANDIDATES_FILE = "candidates.csv"
_COLUMNS = (
    "recording", "candidate_id", "display_name", "session_date", "note", "consent",
    "neutral_span", "portrait",
)  # fmt: skip
_YES = frozenset(["", "yes", "y", "true", "1", "o", "예", "네", "동의", "동의함"])
_NO = frozenset(
    ["no", "n", "false", "0", "x", "withdrawn", "아니오", "아니요", "아뇨", "거부", "철회",
     "미동의", "비동의", "동의안함", "동의하지않음"]
)  # fmt: skip
_MAX_PORTRAIT_BYTES = 50_000_000
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_LOOKS_LIKE_ONE = re.compile(r"candidates?\b.*\.(csv|tsv|txt|xlsx?|xlsm|ods|numbers)(\W.*)?", re.I)
_UNKNOWN = Session()
_SPAN = re.compile(r"\s*([\d:.]+)\s*s?\s*[-–—~]\s*([\d:.]+)\s*s?\s*")


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """A line of the table.

    Args:
        line: Its number, from 1, the header's.
        candidate_id, display_name, note: As given, or empty.
        session: From `session_date`.
        consent: Whether the recording may be analysed.
        neutral_span_s: From when to when the face rests, in seconds; None if not given.
        portrait: A picture of the candidate; None if not given.
    """

    line: int
    candidate_id: str = ""
    display_name: str = ""
    session: Session = _UNKNOWN
    note: str = ""
    consent: bool = True
    neutral_span_s: tuple[float, float] | None = None
    portrait: Path | None = None


def read_cells(path: Path) -> tuple[str, list[list[str]]]:
    """What separates the cells of a table, and all its cells as they stand, the header first.

    Raises:
        SettingsError: If it cannot be read.
    """
    text = table_text(path)
    dialect = _dialect(text)
    try:
        return dialect.delimiter, list(csv.reader(io.StringIO(text, newline=""), dialect))
    except csv.Error as error:
        raise SettingsError(
            f"cannot be read ({error})", remedy="Save the table again as CSV.", path=path,
            code="table_broken",
        ) from error  # fmt: skip


def column_of(cell: str) -> str:
    """The column that a cell of the header means."""
    return cell.strip().strip("\ufeff").casefold().replace(" ", "_")


def recording_of(cell: str) -> str:
    """The identifier of the recording that a cell means."""
    return composed(cell.strip().replace("\\", "/").removeprefix("./"))


def looks_like_one(name: str) -> bool:
    """Whether somebody may take a file of that name for the table."""
    return bool(_LOOKS_LIKE_ONE.fullmatch(name))


def table_in(folder: Path) -> Path | None:
    """The table of a folder, in whatever case its name is written; None if there is none.

    Raises:
        SettingsError: If there are several.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return None
    tables = sorted(name for name in names if name.casefold() == CANDIDATES_FILE)
    if len(tables) > 1:
        raise SettingsError(
            f"there are several tables of candidates: {', '.join(tables)}",
            remedy="Keep the right one as candidates.csv and remove the others.",
            path=folder,
            code="tables_several",
            values={"names": ", ".join(tables)},
        )
    return folder / tables[0] if tables else None


def read_candidates(path: Path, known: Iterable[str], root: Path) -> dict[str, CandidateRow]:
    """Rows of a table by recording.

    Args:
        path: The table.
        known: Identifiers of the recordings below `root`.
        root: The directory whose recordings it tells of; portraits must lie below it.

    Raises:
        SettingsError: If it cannot be used; the line and the value are named.
    """
    recordings = set(known)
    lines = list(_lines(path))
    dates, doubts = read_column([row.get("session_date", "") for _, row in lines])
    for doubt in doubts:
        line, row = lines[doubt.row]
        raise _wrong(
            path, line, f"the session_date {row['session_date']!r}, which {doubt.why}",
            "Write it as YYYY-MM-DD, for example 2026-09-05.", "line_date", row["session_date"],
        )  # fmt: skip
    rows: dict[str, CandidateRow] = {}
    for (line, row), session in zip(lines, dates, strict=True):
        name = recording_of(row.get("recording", ""))
        if name not in recordings:
            raise SettingsError(
                f"line {line} names {name!r}, which is not among the recordings",
                remedy="Give each recording's path below the directory, or remove the line.",
                path=path,
                code="line_unknown",
                values={"line": line, "name": name},
            )
        new = CandidateRow(
            line=line,
            candidate_id=row.get("candidate_id", ""),
            display_name=row.get("display_name", ""),
            session=session,
            note=row.get("note", ""),
            consent=_consent(row.get("consent", ""), path, line),
            neutral_span_s=_span(row.get("neutral_span", ""), path, line),
            portrait=_portrait(row.get("portrait", ""), path, line, root),
        )
        before = rows.setdefault(name, new)
        _check_same(path, name, before, new)
    return rows


def refused_above(root: Path, names: Mapping[str, Path]) -> tuple[Path | None, set[str]]:
    """What tables above a directory, or above a single recording, say of its recordings.

    Somebody who analyses one folder of a larger collection has not thereby got the consent that
    the table of the collection denies.

    Args:
        root: The directory, or the recording.
        names: Files of the recordings by identifier.

    Returns:
        The nearest table above, or beside a single recording, and the identifiers of the
        recordings that any of them says no to.
    """
    start = root.absolute()
    nearest, refused = None, set()
    for folder in start.parents:
        table = table_in(folder)
        if table is None or "recording" not in _header(table):
            continue
        nearest = nearest or table
        below = {
            composed(file.absolute().relative_to(folder).as_posix()): name
            for name, file in names.items()
        }
        for line, row in _lines(table):
            listed = recording_of(row.get("recording", ""))
            if listed in below and not _consent(row.get("consent", ""), table, line):
                refused.add(below[listed])
    return nearest, refused


def rows_above(table: Path, names: Mapping[str, Path]) -> dict[str, CandidateRow]:
    """What a table that lies above the recordings says of them; its other lines are not read.

    Args:
        table: From `refused_above`.
        names: Files of the recordings by identifier.

    Raises:
        SettingsError: As `read_candidates`.
    """
    folder = table.parent
    listed = {recording_of(row.get("recording", "")) for _, row in _lines(table)}
    rows = read_candidates(table, listed, folder)
    found = {}
    for name, file in names.items():
        above = composed(file.absolute().relative_to(folder).as_posix())
        if above in rows:
            found[name] = rows[above]
    return found


def _check_same(path: Path, name: str, before: CandidateRow, new: CandidateRow) -> None:
    told = ("candidate_id", "display_name", "session", "note", "consent", "neutral_span_s",
            "portrait")  # fmt: skip
    differ = [field for field in told if getattr(before, field) != getattr(new, field)]
    if differ:
        words = ", ".join({"session": "session_date", "neutral_span_s": "neutral_span"}.get(f, f)
                          for f in differ)  # fmt: skip
        raise SettingsError(
            f"lines {before.line} and {new.line} both name {name!r} and differ in {words}",
            remedy="Keep the line that is right, and remove the other.",
            path=path,
            code="lines_differ",
            values={"first": before.line, "second": new.line, "name": name},
        )


def _header(path: Path) -> list[str]:
    try:
        text = table_text(path)
    except SettingsError:
        return []
    return _columns(next(csv.reader(io.StringIO(text, newline=""), _dialect(text)), []))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines that say something, with their numbers: values by column, without spaces around."""
    text = table_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), _dialect(text))
    columns = _columns(next(reader, []))
    unknown = [name for name in columns if name not in _COLUMNS]
    twice = len(set(columns)) < len(columns)
    if "recording" not in columns or unknown or twice:
        raise SettingsError(
            f"has the columns {', '.join(columns) or '(none)'}",
            remedy=f"It needs recording, and may have {', '.join(_COLUMNS[1:])}, each once.",
            path=path,
            code="table_columns",
            values={"columns": ", ".join(columns), "needed": ", ".join(_COLUMNS)},
        )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SettingsError(
                f"line {line} cannot be read ({error})", remedy="Save the table again as CSV.",
                path=path, code="line_broken", values={"line": line},
            ) from error  # fmt: skip
        values = [cell.strip().strip("\ufeff\0") for cell in cells]
        if not any(values):
            continue  # a spreadsheet leaves such lines
        if any(values[len(columns) :]):
            raise SettingsError(
                f"line {line} has more cells than the table has columns",
                remedy="Put a text that holds the separator between double quotes.",
                path=path,
                code="line_cells",
                values={"line": line},
            )
        yield line, dict(zip(columns, values, strict=False))


def _columns(cells: Sequence[str]) -> list[str]:
    """Names of the columns; a spreadsheet leaves empty cells behind the last one."""
    names = [column_of(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _dialect(text: str) -> type[csv.Dialect]:
    """Commas, or what stands between the names of the columns: European Excel writes semicolons."""

    class Dialect(csv.excel):
        delimiter = separator_of(text)

    return Dialect


def _consent(value: str, path: Path, line: int) -> bool:
    word = re.sub(r"[\s.!]", "", unicodedata.normalize("NFKC", value).casefold())
    if word not in _YES | _NO:
        raise _wrong(
            path, line, f"the consent {value!r}", "Write yes or no; a line left empty means yes.",
            "line_consent", value,
        )  # fmt: skip
    return word in _YES


def _span(value: str, path: Path, line: int) -> tuple[float, float] | None:
    """Seconds, m:ss or h:mm:ss, from - to."""
    if not value:
        return None
    match = _SPAN.fullmatch(value)
    span = (_seconds(match[1]), _seconds(match[2])) if match else None
    if span is None or span[0] is None or span[1] is None or not span[0] < span[1]:
        raise _wrong(
            path, line, f"the neutral_span {value!r}",
            "Write from when to when the face rests, as 0:00-0:06 or, in seconds, 3-9.",
            "line_span", value,
        )  # fmt: skip
    return span[0], span[1]


def _seconds(text: str) -> float | None:
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 3 or any(n >= 60 for n in numbers[1:]) or "." in "".join(parts[:-1]):
        return None
    total = 0.0
    for number in numbers:
        total = 60 * total + number
    return total


def _portrait(value: str, path: Path, line: int, root: Path) -> Path | None:
    """A picture below the directory of the recordings; links are not followed."""
    if not value:
        return None
    told, given = f"the portrait {value!r}", Path(value.replace("\\", "/"))
    place = root / given
    inside = not given.is_absolute() and ".." not in given.parts
    steps = [root.joinpath(*given.parts[: k + 1]) for k in range(len(given.parts))]
    if not inside or any(step.is_symlink() for step in steps):
        raise _wrong(path, line, told + ", which leads out of the directory or over a link",
                     "Give the path of a picture below the directory.",
                     "line_portrait", value)  # fmt: skip
    try:
        usable = place.is_file() and place.stat().st_size <= _MAX_PORTRAIT_BYTES
        with place.open("rb") as file:
            head = file.read(16)
    except OSError:
        usable, head = False, b""
    if not usable or not head.startswith(_PICTURES):
        raise _wrong(path, line, told + ", which is no picture that can be read",
                     "Give the path of a JPEG or PNG below the directory.",
                     "line_portrait", value)  # fmt: skip
    return place


def _wrong(path: Path, line: int, what: str, remedy: str, code: str, value: str) -> SettingsError:
    return SettingsError(
        f"line {line} has {what}", remedy=remedy, path=path, code=code,
        values={"line": line, "value": value},
    )  # fmt: skip
