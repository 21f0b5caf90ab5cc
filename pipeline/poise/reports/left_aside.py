"""What was not analysed: why, without the text of an exception, and the table of what was left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from poise.reports.locales import load_texts
from poise.reports.pseudonyms import left_as_named
from poise.settings import Settings
from poise.storage.results.outcome import LeftAside, Outcome
from poise.storage.table_schema import Column

TABLE = "left_aside"
_IN_DETAIL = frozenset(
    {"unreadable", "partial", "joined"}
)  # what was found in the file is worth saying
_BRACKETED = re.compile(r" ?\([^()]*(?:\([^()]*\)[^()]*)*\)")  # where messages quote exceptions


def of_table(code: str) -> bool:
    """Whether a reason is about a line of a table, not about a file or a folder."""
    return code.startswith(("row_", "webvtt"))


def left_aside_schema() -> list[Column]:
    """Columns of `left_aside.csv`: one row per file or folder, or line of a table."""
    return [
        Column(name="name", dtype="string", foreign=True,
               meaning="Path below the input directory, or table and line, behind the recording "
               "that it tells of; blank where it must not be named."),
        Column(name="code", dtype="string", meaning="Kind of the reason, a fixed word for each."),
        Column(name="reason", dtype="string", meaning="Why it was not analysed, or not used."),
        Column(name="remedy", dtype="string", meaning="What can be done about it."),
    ]  # fmt: skip


def write_left_aside(left: Sequence[LeftAside], directory: Path, settings: Settings) -> None:
    """Write the table; if nothing was left aside, remove the one of an earlier run.

    Raises:
        ReportError: If it cannot be written.
    """
    if not left:
        for ending in ("csv", "parquet"):
            with suppress(OSError):
                (directory / f"{TABLE}.{ending}").unlink(missing_ok=True)
        return
    import pandas as pd

    from poise.reports.tables import write_table

    texts = load_texts("en")
    rows = pd.DataFrame(
        [
            {
                "name": one.name or None,
                "code": one.code,
                "reason": texts.entries.get(f"error.{one.code}.cause", one.code),
                "remedy": texts.entries.get(f"error.{one.code}.remedy"),
            }
            for one in left_as_named(left, settings)
        ]
    )
    write_table(
        rows, left_aside_schema(), directory / TABLE, format=settings.format,
        csv_bom=settings.csv_bom,
    )  # fmt: skip


def reason(outcome: Outcome) -> str:
    """In English, for tables; empty where there is nothing to say."""
    if outcome.code in _IN_DETAIL and outcome.message:
        return _BRACKETED.sub("", outcome.message)
    texts = load_texts("en").entries
    code = outcome.code or ("internal" if outcome.message else "")
    words = (texts.get(f"error.{code}.cause", ""), texts.get(f"error.{code}.remedy", ""))
    return " ".join(filter(None, words))
