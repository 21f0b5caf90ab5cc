"""Tables for analysts: written, and described, from their schema."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from poise.labels import VALENCES, LabelScheme
from poise.storage.table_schema import AS_TEXT, Column, as_plain_text, as_table
from poise.system.atomic_files import write_whole


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
    table = as_table(rows, schema)
    written = {c.name: _as_written(table[c.name].array, c) for c in schema}
    table = pd.DataFrame(written, index=table.index)
    encoding = "utf-8-sig" if bom else "utf-8"
    write_whole(
        target,
        lambda temporary: table.to_csv(
            temporary, index=False, lineterminator="\r\n", encoding=encoding
        ),
    )


def _as_written(values: Any, column: Column) -> Any:
    """An array of pandas as it stands in a CSV file; what is None or missing is blank."""
    if column.dtype == "Float64":
        return values.round(column.decimals)
    if column.dtype == "boolean":  # as R and spreadsheets write it
        words = np.where(values.to_numpy(bool, na_value=False), "TRUE", "FALSE").astype(object)
        words[values.isna()] = None
        return words
    if column.foreign:
        texts = values.to_numpy(object, na_value=None)
        return np.array([text and as_plain_text(text) for text in texts], object)
    return values


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
