"""Dates of sessions: in the names of recordings, and in a column that a spreadsheet wrote.

A spreadsheet writes dates as its country does: 9/5/2026, 5.9.2026, 2026. 9. 5. What a single one
means may be open; the others of its column usually decide, as one of them has a day above 12.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_FIRST_YEAR = 2000  # nobody records practice interviews with older dates; clocks start at 1970
_FIRST_PACKED = 2015  # six or eight digits of an earlier year are a candidate's date of birth
_EXCEL_EPOCH = date(1899, 12, 30)
_ORDERS = ("YMD", "MDY", "DMY")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}

# In names. Digits or letters that go on would make it something else: 1920x1080, 120261120.
_ISO = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
_SPACED = re.compile(r"(?<!\d)(20\d\d)[-_.년/]\s*(\d{1,2})[-_.월/]\s*(\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-_.])(\d{1,2})\2(20\d\d)(?!\d)")
_SIX = re.compile(r"(?<![\dA-Za-z])(\d\d)(\d\d)(\d\d)(?![\dA-Za-z])")
_NO_YEAR = re.compile(r"(?<!\d)(\d{1,2})월\s*(\d{1,2})일")
_CLOCK = re.compile(
    r"(?:[ T_-]|일)*(?:at |(오전|오후) ?)?(\d{1,2})(?:([.:_\-h]|시 ?)(\d\d)|(?<=\d\d)(\d\d))"
    r"(?:(?:[.:_\-]|분 ?)?(\d\d)(?:\d{3})?)?(?:초|분)? ?([AaPp][Mm]|Z)?(?![\dA-Za-z])"
)

# In a column.
_CELL_TIME = re.compile(
    r"[ T]*(?:(오전|오후) ?)?(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?(?: ?([AaPp]\.?[Mm]\.?))?"
    r"(Z|[+-]\d\d:?\d\d)?\Z"
)
_CELL_NUMBERS = re.compile(
    r"(\d{1,4})\s*[-/._년\s]\s*(\d{1,2})\s*[-/._월\s]\s*(\d{1,4})\s*[.일]?"
    r"(?:\s*\(?[^\W\d_]{1,3}\)?)?"  # a day of the week behind it
)
_CELL_PACKED = re.compile(r"((?:20)?\d\d)(\d\d)(\d\d)")
_CELL_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")
_CELL_MONTH_NAME = re.compile(
    r"(?:[A-Za-z]{3,9},? )?"
    r"(?:(\d{1,2})[ -]([A-Za-z]{3,9})|([A-Za-z]{3,9})[ -](\d{1,2})(?:st|nd|rd|th)?)"
    r"[,.]?[ -](\d{4}|\d\d)"
)
_CELL_NO_YEAR = re.compile(
    r"\d{1,2}\s*[-/.월]\s*\d{1,2}\s*[.일]?|\d{1,2}[ -][A-Za-z]{3}|[A-Za-z]{3}[ -]\d{1,2}"
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """When a recording was made, as far as it is known.

    Args:
        day: YYYY-MM-DD; empty if not known. From a table also a text that is no date.
        time: HH:MM; empty if not known.
    """

    day: str = ""
    time: str = ""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A date in a column that cannot be used.

    Args:
        row: Position in the column, from 0.
        why: Behind "which", in plain words.
    """

    row: int
    why: str


def is_day(text: str) -> bool:
    """Whether it is a date as YYYY-MM-DD, and so can be compared."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# Names


def session_in(name: str, made: str = "") -> Session:
    """Date and time of day in a recording's name or, failing that, in a folder's.

    Args:
        name: Path below the input directory, with `/`.
        made: When the file was made, as its container says (ISO 8601); decides what a name leaves
            open, and stands in where a name says nothing. Empty if not known.

    Returns:
        What is known. A date that could be two is not taken.
    """
    at = _moment(made)
    for part in reversed(name.split("/")):
        for found in _sessions(part, at):
            return found
    if at is None:
        return Session()
    return Session(day=at.date().isoformat(), time=f"{at:%H:%M}")


def _sessions(part: str, at: datetime | None) -> Iterator[Session]:
    for match in _ISO.finditer(part):
        year, between, month, day = match.groups()
        if between or int(year) >= _FIRST_PACKED:
            yield from _with_clock(_day(year, month, day), part, match)
    for match in _SPACED.finditer(part):
        yield from _with_clock(_day(*match.groups()), part, match)
    for match in _YEAR_LAST.finditer(part):
        first, _, second, year = match.groups()
        days = {_day(year, first, second), _day(year, second, first)} - {None}
        yield from _with_clock(days.pop() if len(days) == 1 else None, part, match)
    for match in _SIX.finditer(part):  # 261122, as Korea writes it; the other way round if made so
        a, b, c = match.groups()
        packed, turned = _day("20" + a, b, c), _day("20" + c, b, a)
        made_on = at.date() if at else None
        if made_on and turned == made_on:
            packed = turned
        if packed and packed.year >= _FIRST_PACKED:
            yield from _with_clock(packed, part, match)
    if at is not None:
        for match in _NO_YEAR.finditer(part):
            yield from _with_clock(_day_before(at.date(), *match.groups()), part, match)


def _day_before(made_on: date, month: str, day: str) -> date | None:
    """The last such day when the file was made, or the day after (the clocks of two places)."""
    latest, year = made_on + timedelta(days=1), made_on.year
    days = (_day(str(own), month, day) for own in (year + 1, year, year - 1))
    return next((found for found in days if found and found <= latest), None)


def _with_clock(day: date | None, part: str, match: re.Match[str]) -> Iterator[Session]:
    """The date with the time of day behind it, if there is one."""
    if day is None or not _is_plausible(day):
        return
    clock = _CLOCK.match(part, match.end())
    time = _clock(clock) if clock else ""
    # Zoom and Google's phones name their files so.
    in_utc = part[: match.start()].upper().endswith(("GMT", "PXL_"))
    if clock and time and (in_utc or clock[7] == "Z"):
        day, time = _local(day, time)
    yield Session(day=day.isoformat(), time=time)


def _local(day: date, time: str) -> tuple[date, str]:
    """Day and time of day here, of what is given in UTC."""
    moment = datetime.fromisoformat(f"{day.isoformat()}T{time}").replace(tzinfo=UTC)
    local = moment.astimezone()
    return local.date(), f"{local:%H:%M}"


def _clock(match: re.Match[str]) -> str:
    half, hours, _, minutes, packed, _, meridiem = match.groups()
    return _time(hours, minutes or packed, half or meridiem or "")


def _time(hours: str, minutes: str, half: str) -> str:
    """HH:MM, or nothing where there is no such time."""
    hour, minute, word = int(hours), int(minutes), half.replace(".", "").upper()
    if word in ("PM", "오후") and hour < 12:
        hour += 12
    elif word in ("AM", "오전") and hour == 12:
        hour = 0
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else ""


def _moment(made: str) -> datetime | None:
    """Local time of what a container says; None where it says nothing, or what cannot be.

    A time zone of its own is that of the place where the recording was made.
    """
    try:
        moment = datetime.fromisoformat(made)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        local = moment if moment.utcoffset() else moment.astimezone()
    except (OverflowError, OSError, ValueError):
        return None
    return local if _is_plausible(local.date()) else None


def _is_plausible(day: date) -> bool:
    return day.year >= _FIRST_YEAR and day <= date.today() + timedelta(days=366)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


# Columns


def read_column(cells: Sequence[str]) -> tuple[list[Session], list[Doubt]]:
    """Dates in a column, and those that cannot be used.

    Numbers that could be read in several orders are read in the one order in which all of the
    column are dates. A text without the form of a date stays as it is.

    Args:
        cells: As the table has them; empty ones stay empty.

    Returns:
        One session per cell, and what is doubtful.
    """
    split = [_split(cell.strip()) for cell in cells]
    open_ones = [e.numbers for e in split if e.numbers and _days(e.numbers)]  # others are none
    orders = [order for order in _ORDERS if all(_in_order(n, order) for n in open_ones)]
    sessions, doubts = [], []
    for row, (cell, entry) in enumerate(zip(cells, split, strict=True)):
        day = entry.day
        if entry.numbers:
            days = _days(entry.numbers, orders or _ORDERS)
            day = days.pop() if len(days) == 1 else None
            if day is None:
                doubts.append(Doubt(row=row, why=_why(entry.numbers, orders)))
        elif entry.why:
            doubts.append(Doubt(row=row, why=entry.why))
        text = day.isoformat() if day else cell.strip()
        sessions.append(Session(day=text, time=entry.time))
    return sessions, doubts


@dataclass(frozen=True)
class _Cell:
    """A cell taken apart: a date, or numbers whose order is open, or why it is neither."""

    day: date | None = None
    numbers: tuple[str, str, str] | None = None
    time: str = ""
    why: str = ""


def _split(text: str) -> _Cell:
    text = unicodedata.normalize("NFKC", text)
    text = text.removeprefix("'").removeprefix("=").strip('"')  # a date kept as a text
    match = _CELL_TIME.search(text)
    time, in_utc = "", False
    if match and match.start():
        time, in_utc = _time(match[2], match[3], match[1] or match[4] or ""), match[5] == "Z"
        text = text[: match.start()].strip()
    if found := _CELL_PACKED.fullmatch(text):
        return _known(_day("20" + found[1][-2:], found[2], found[3]), time)
    if found := _CELL_MONTH_NAME.fullmatch(text):
        first, name, other, second, year = found.groups()
        month = _MONTHS.get((name or other)[:3].lower())
        full = year if len(year) == 4 else f"20{year}"
        return _known(_day(full, str(month), first or second) if month else None, time)
    if found := _CELL_NUMBERS.fullmatch(text):
        numbers = (found[1], found[2], found[3])
        if len(numbers[0]) == 4:
            return _known(_day(*numbers), time, in_utc)
        if len(numbers[0]) <= 2 and len(numbers[2]) in (1, 2, 4):
            return _Cell(numbers=numbers, time=time)
        return _Cell(why="is no date")
    if found := _CELL_SERIAL.fullmatch(text):  # a cell that was not formatted as a date
        return _known(_EXCEL_EPOCH + timedelta(days=int(found[1])), time)
    if _CELL_NO_YEAR.fullmatch(text):
        return _Cell(why="has no year")
    return _Cell(time=time)


def _known(day: date | None, time: str, in_utc: bool = False) -> _Cell:
    if day is None:
        return _Cell(why="is no date")
    if not _is_plausible(day):
        return _Cell(why="lies before 2000 or in the future")
    if in_utc and time:
        day, time = _local(day, time)
    return _Cell(day=day, time=time)


def _days(numbers: tuple[str, str, str], orders: Iterable[str] = _ORDERS) -> set[date]:
    """All dates that the numbers may be."""
    return {day for order in orders if (day := _in_order(numbers, order))}


def _in_order(numbers: tuple[str, str, str], order: str) -> date | None:
    """The date if the numbers stand in that order; None where there is none."""
    part = dict(zip(order, numbers, strict=True))
    if len(part["Y"]) not in (2, 4) or len(part["M"]) > 2 or len(part["D"]) > 2:
        return None
    day = _day(part["Y"] if len(part["Y"]) == 4 else f"20{part['Y']}", part["M"], part["D"])
    return day if day and _is_plausible(day) else None


def _why(numbers: tuple[str, str, str], orders: Iterable[str]) -> str:
    days = sorted(_days(numbers))
    if not days:
        return "is no date"
    if len(days) > 1 and list(orders):
        return f"may be {' or '.join(d.isoformat() for d in days)}, and no other line decides"
    return "is written in another order than the rest of the column"
