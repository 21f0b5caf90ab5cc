"""`candidates.csv`: what a centre says of its recordings, however a spreadsheet has saved it.

Consent and identity are never guessed. A line whose consent, person or portrait cannot be
understood bars the recording that it names; any other cell that cannot be is left out. Either is
told as a `TableFault`, and all other recordings go on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from poise.batch.intake.candidates_cells import consent_of, portrait_of, span_of
from poise.batch.intake.dates import Session, read_column
from poise.errors import SettingsError
from poise.storage.saved_tables import (
    LOST,
    TableFault,
    records,
    separator_of,
    table_text,
    wrong_columns,
)
from poise.system.file_names import composed

CANDIDATES_FILE = "candidates.csv"
_COLUMNS = (
    "recording", "candidate_id", "display_name", "session_date", "note", "consent",
    "neutral_span", "portrait",
)  # fmt: skip
_WHO = ("candidate_id", "display_name", "consent", "portrait")  # never guessed
_SAID = {"session": "session_date", "note": "note", "neutral_span_s": "neutral_span"}
_LOOKS_LIKE_ONE = re.compile(r"candidates?\b.*\.(csv|tsv|txt|xlsx?|xlsm|ods|numbers)(\W.*)?", re.I)
_WORD = re.compile(r"[^\W\d_]{2,}")
_WHOLE_LINES = ("row_recording", "row_unreadable")
_UNREADABLE = SettingsError(
    "does not fit the columns of the table, or cannot be read",
    remedy="Put a text that holds the separator between double quotes, and close them.",
    code="row_unreadable",
)
_LONGEST_WORD = 64  # letters; a longer one has no slips
_UNKNOWN = Session()


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


@dataclass(frozen=True, kw_only=True)
class CandidateTable:
    """What a table says.

    Args:
        rows: By recording.
        faults: All that is wrong with it.
        barred: Recordings that must not be analysed before the table is mended, and why.
    """

    rows: dict[str, CandidateRow] = field(default_factory=dict)
    faults: list[TableFault] = field(default_factory=list)
    barred: dict[str, TableFault] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Above:
    """What tables above a directory, or above a single recording, say of its recordings.

    Args:
        nearest: The nearest of them, or the one beside a single recording; None if there is none.
        refused: Identifiers of the recordings that any of them says no to.
        barred: Those of whose consent any of them says what cannot be understood.
    """

    nearest: Path | None = None
    refused: set[str] = field(default_factory=set)
    barred: dict[str, TableFault] = field(default_factory=dict)


@dataclass(frozen=True)
class _Line:
    """A line that says something: values by column, and whether it fits the table's columns."""

    number: int
    values: dict[str, str]
    fits: bool

    @property
    def recording(self) -> str:
        return recording_of(self.values.get("recording", ""))

    @property
    def refuses(self) -> bool:
        """Whether it says no, or nothing that can be understood."""
        try:
            return not (self.fits and consent_of(self.values.get("consent", "")))
        except SettingsError:
            return True


def read_cells(path: Path) -> tuple[str, list[list[str]]]:
    """What separates the cells of a table, and all its cells as they stand, the header first.

    Raises:
        SettingsError: If it cannot be read in full.
    """
    text, cells = table_text(path), []
    for record in records(text, path):
        if not record.whole:
            raise SettingsError(
                f"line {record.line} cannot be read", remedy="Save the table again as CSV.",
                path=path, code="row_unreadable", values={"line": record.line},
            )  # fmt: skip
        cells.append(record.cells)
    return separator_of(text), cells


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


def read_candidates(path: Path, known: Iterable[str], root: Path) -> CandidateTable:
    """Rows of a table by recording, and what is wrong with it.

    Args:
        path: The table.
        known: Identifiers of the recordings below `root`.
        root: The directory whose recordings it tells of; portraits must lie below it.

    Raises:
        SettingsError: If it is no such table: not to be opened, or with other columns.
    """
    recordings, lines = set(known), list(_lines(path))
    dates, doubts = read_column([line.values.get("session_date", "") for line in lines])
    why = {doubt.row: doubt.why for doubt in doubts}
    table = CandidateTable()
    for k, (line, session) in enumerate(zip(lines, dates, strict=True)):
        if not line.fits:
            _tell(table, path, line, _UNREADABLE, bars=line.recording in recordings)
        elif line.recording in recordings:
            _take(table, path, line, _UNKNOWN if k in why else session, why.get(k, ""), root)
        else:
            named = f"names {line.recording!r}, which is not among the recordings"
            _tell(table, path, line, SettingsError(
                named if line.recording else "names no recording",
                remedy="Give the recording's path below the directory, or remove the line.",
                code="row_recording",
            ), bars=False)  # fmt: skip
    unlisted = recordings - {line.recording for line in lines}
    lost = [line for line in lines if line.recording not in recordings and line.refuses]
    _bar_who_may_be_meant(table, path, lost, unlisted)
    return table


def tables_above(root: Path, names: Mapping[str, Path]) -> Above:
    """What tables above a directory, or above a single recording, say of its recordings.

    Somebody who analyses one folder of a larger collection has not thereby got the consent that
    the table of the collection denies.

    Args:
        root: The directory, or the recording.
        names: Files of the recordings by identifier.
    """
    start = root.absolute()
    nearest, refused = None, set()
    barred: dict[str, TableFault] = {}
    for folder in start.parents:
        table = table_in(folder)
        if table is None or "recording" not in _header(table):
            continue
        nearest = nearest or table
        below = _named_from(folder, names)
        for line in _lines(table):
            name = below.get(line.recording)
            if name is not None and not line.fits:
                barred[name] = _fault(table, line, _UNREADABLE, name, bars=True)
            elif name is not None:
                try:
                    if not consent_of(line.values.get("consent", "")):
                        refused.add(name)
                except SettingsError as error:
                    barred[name] = _fault(table, line, error, name, bars=True)
    return Above(nearest=nearest, refused=refused, barred=barred)


def rows_above(table: Path, names: Mapping[str, Path]) -> CandidateTable:
    """What a table that lies above the recordings says of them; its other lines do not matter.

    Args:
        table: From `tables_above`.
        names: Files of the recordings by identifier.

    Raises:
        SettingsError: As `read_candidates`.
    """
    folder = table.parent
    below = _named_from(folder, names)
    others = {li.recording for li in _lines(table) if Path(folder / li.recording).is_file()}
    read = read_candidates(table, {*below, *others}, folder)
    ours = [f for f in read.faults if f.recording_id in below]
    return CandidateTable(
        rows={below[name]: row for name, row in read.rows.items() if name in below},
        faults=[replace(f, recording_id=below[f.recording_id]) for f in ours],
        barred={below[name]: fault for name, fault in read.barred.items() if name in below},
    )


def _named_from(folder: Path, names: Mapping[str, Path]) -> dict[str, str]:
    """Identifiers of recordings, by what a table in a folder above calls them."""
    return {
        composed(file.absolute().relative_to(folder).as_posix()): name
        for name, file in names.items()
    }


def _take(
    table: CandidateTable, path: Path, line: _Line, session: Session, why: str, root: Path
) -> None:
    """Take in a line that fits, of a recording that is there."""
    values = line.values
    if why:
        _tell(table, path, line, SettingsError(
            f"has the session_date {values['session_date']!r}, which {why}",
            remedy="Write it as YYYY-MM-DD, for example 2026-09-05.", code="row_date",
        ), bars=False)  # fmt: skip
    consent, span, portrait = True, None, None
    try:
        consent = consent_of(values.get("consent", ""))
    except SettingsError as error:
        _tell(table, path, line, error, bars=True)
    try:
        span = span_of(values.get("neutral_span", ""))
    except SettingsError as error:
        _tell(table, path, line, error, bars=False)
    try:
        portrait = portrait_of(values.get("portrait", ""), root)
    except SettingsError as error:
        _tell(table, path, line, error, bars=consent)
    row = CandidateRow(
        line=line.number,
        candidate_id=values.get("candidate_id", ""),
        display_name=values.get("display_name", ""),
        session=session,
        note=values.get("note", ""),
        consent=consent,
        neutral_span_s=span,
        portrait=portrait,
    )
    _compare(table, path, line, table.rows.setdefault(line.recording, row), row)


def _compare(
    table: CandidateTable, path: Path, line: _Line, before: CandidateRow, row: CandidateRow
) -> None:
    """Two lines of one recording must not contradict each other."""
    of_whom = [name for name in _WHO if getattr(before, name) != getattr(row, name)]
    said = [name for name in _SAID if getattr(before, name) != getattr(row, name)]
    if not of_whom and not said:
        return
    words = ", ".join([*of_whom, *(_SAID[name] for name in said)])
    error = SettingsError(
        f"and line {before.line} both name {line.recording!r} and differ in {words}",
        remedy="Keep the line that is right, and remove the other.",
        code="row_twice",
    )
    _tell(table, path, line, error, bars=bool(of_whom))
    undecided = CandidateRow(line=before.line)
    blank = {name: getattr(undecided, name) for name in said}
    consent = before.consent or row.consent  # it is barred, which is no withdrawal
    table.rows[line.recording] = replace(before, **blank, consent=consent)


def _bar_who_may_be_meant(
    table: CandidateTable, path: Path, lines: Iterable[_Line], unlisted: set[str]
) -> None:
    """A refusal of a recording that is not there may be that of one which no line names.

    It may mean those that share a word with it, but for a slip of one letter; without any word,
    all.
    """
    names_of: dict[str, set[str]] = {}
    for name in unlisted:
        for form in _forms(name):
            names_of.setdefault(form, set()).add(name)
    for line in lines:
        told = (
            _forms(line.values.get(c, "")) for c in ("recording", "candidate_id", "display_name")
        )
        forms = set().union(*told)
        meant = set().union(*(names_of.get(f, set()) for f in forms)) if forms else unlisted
        for name in sorted(meant - set(table.barred)):
            error = SettingsError(
                f"does not say yes to {line.recording!r}, which is not among the recordings, and "
                f"may mean {name}",
                remedy="Correct the path or remove the line; or name that recording in a line of "
                "its own.",
                code="row_refusal",
            )
            _tell(table, path, line, error, bars=True, concerns=name)


def _forms(text: str) -> set[str]:
    """The words of a path or a name, and each of them without any one of its letters."""
    words = _WORD.findall(text.removesuffix(PurePosixPath(text).suffix).casefold())
    long = [word for word in words if 2 < len(word) <= _LONGEST_WORD]
    return {*words, *(word[:k] + word[k + 1 :] for word in long for k in range(len(word)))}


def _tell(
    table: CandidateTable,
    path: Path,
    line: _Line,
    error: SettingsError,
    *,
    bars: bool,
    concerns: str | None = None,
) -> None:
    """Note a fault of a line, and with `bars` that its recording must not be analysed."""
    if concerns is None:
        concerns = line.recording if bars or error.code not in _WHOLE_LINES else ""
    fault = _fault(path, line, error, concerns, bars=bars)
    table.faults.append(fault)
    if bars:
        table.barred.setdefault(concerns, fault)


def _fault(
    path: Path, line: _Line, error: SettingsError, recording_id: str, *, bars: bool
) -> TableFault:
    left = "The line is ignored." if error.code in _WHOLE_LINES else "The cell is ignored."
    return TableFault(
        table=path.name, line=line.number, code=error.code, cause=error.cause,
        remedy=error.remedy, recording_id=recording_id,
        cost=f"{recording_id} is not analysed." if bars else left,
    )  # fmt: skip


def _header(path: Path) -> list[str]:
    try:
        first = next(records(table_text(path), path), None)
    except SettingsError:
        return []
    return _columns(first.cells) if first else []


def _lines(path: Path) -> Iterator[_Line]:
    """Lines that say something.

    Raises:
        SettingsError: If the columns are others.
    """
    read = records(table_text(path), path)
    header = next(read, None)
    columns = _columns(header.cells) if header else []
    unknown = [name for name in columns if name not in _COLUMNS]
    twice = len(set(columns)) < len(columns)
    if "recording" not in columns or unknown or twice:
        remedy = f"It needs recording, and may have {', '.join(_COLUMNS[1:])}, each once."
        raise wrong_columns(path, columns, _COLUMNS, remedy)
    for record in read:
        values = [cell.strip().strip("\ufeff\0") for cell in record.cells]
        if not any(values):
            continue  # a spreadsheet leaves such lines
        row = dict(zip(columns, values, strict=False))
        fits = record.whole and not any(values[len(columns) :])
        # A name of which letters are lost may be that of another recording.
        yield _Line(record.line, row, fits and LOST not in row.get("recording", ""))


def _columns(cells: Sequence[str]) -> list[str]:
    """Names of the columns; a spreadsheet leaves empty cells behind the last one."""
    names = [column_of(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names
