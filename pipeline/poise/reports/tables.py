"""Tables for analysts: written, and described, from their schema."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from poise.labels import VALENCES, LabelScheme
from poise.storage.table_schema import AS_TEXT, Column, as_arrays, as_plain_text, as_table
from poise.system.atomic_files import write_whole

_WORDS = {True: "TRUE", False: "FALSE", None: None}
_AT_ONCE = 4096  # rows, so that a long recording takes little memory


def posteriors(frames: pd.DataFrame, scheme: LabelScheme) -> pd.DataFrame:
    """The posteriors of `frames.csv` in rows instead of columns.

    Args:
        frames: Rows of `frames_schema`.
        scheme: Of the model.
    """
    kinds = {f"p_{name}": ("valence", name) for name in VALENCES}
    kinds |= {f"emotion_p_{name}": ("emotion", name) for name in scheme.emotions}
    if frames.empty:
        return pd.DataFrame()
    usable = frames[frames["usable"]]
    rows = usable.melt(
        id_vars=["recording_id", "pts_ms"], value_vars=list(kinds), value_name="posterior"
    )
    rows["kind"] = rows["variable"].map({column: kind for column, (kind, _) in kinds.items()})
    rows["class"] = rows["variable"].map({column: name for column, (_, name) in kinds.items()})
    return rows.sort_values(["recording_id", "pts_ms"], kind="stable", ignore_index=True)


def write_table(
    rows: pd.DataFrame, schema: list[Column], path: Path, *, format: str, csv_bom: bool = False
) -> Path:
    """Write a table, at once or not at all.

    Args:
        rows: Any frame that has (some of) the schema's columns.
        schema: Columns, in order.
        path: Target without suffix.
        format: `csv` (RFC 4180, UTF-8; missing is blank; TRUE and FALSE) or `parquet`. The same
            table in the other format, of an earlier run, is removed.
        csv_bom: Whether a CSV file begins with a byte order mark.

    Returns:
        The file written.

    Raises:
        ReportError: If it cannot be written.
    """
    target = path.with_name(f"{path.name}.{format}")
    if format == "parquet":
        table = as_table(rows, schema)
        write_whole(target, lambda temporary: table.to_parquet(temporary, index=False))
    else:
        write_csv(rows, schema, target, bom=csv_bom)
    for other in {"csv", "parquet"} - {format}:
        with suppress(OSError):
            path.with_name(f"{path.name}.{other}").unlink(missing_ok=True)
    return target


def write_csv(rows: pd.DataFrame, schema: list[Column], target: Path, *, bom: bool) -> None:
    """Write a CSV file of exactly that name; otherwise as `write_table`."""
    table = as_arrays(rows, schema)

    def write(temporary: Path) -> None:
        encoding = "utf-8-sig" if bom else "utf-8"
        with temporary.open("w", encoding=encoding, newline="") as file:
            lines = csv.writer(file)
            lines.writerow(table)
            for start in range(0, len(rows), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                cells = [_as_written(table[c.name][part], c) for c in schema]
                lines.writerows(zip(*cells, strict=True))

    write_whole(target, write)


def _as_written(values: Any, column: Column) -> list[Any]:
    """An array of pandas as its cells stand in a CSV file; None is blank."""
    if column.dtype == "Float64":
        values = values.round(column.decimals)
    cells: list[Any] = values.to_numpy(object, na_value=None).tolist()
    if column.dtype == "boolean":  # as R and spreadsheets write it
        return [_WORDS[cell] for cell in cells]
    if column.foreign:
        return [text and as_plain_text(text) for text in cells]
    return cells


def data_dictionary(tables: dict[str, list[Column]]) -> tuple[pd.DataFrame, list[Column]]:
    """Rows and schema of the table that describes all tables."""
    rows = [
        {"table": name, "column": c.name, "type": c.dtype, "unit": c.unit,
         "meaning": c.meaning + (AS_TEXT if c.foreign else "")}
        for name, schema in tables.items()
        for c in schema
    ]  # fmt: skip
    names = ("table", "column", "type", "unit", "meaning")
    return pd.DataFrame(rows), [Column(name=n, dtype="string", meaning=n) for n in names]
