"""Tables: they load without cleaning."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import ReportError
from poise.labels import LabelScheme
from poise.reports.tables import as_table, data_dictionary, write_table
from poise.storage.table_schema import (
    Column,
    episodes_schema,
    frames_schema,
    recordings_schema,
)

SCHEME = LabelScheme(
    name="four",
    emotions=("happiness", "neutral", "anger", "surprise"),
    valence={"happiness": "positive", "neutral": "neutral", "anger": "negative"},
)


SCHEMAS = {
    "frames": frames_schema(SCHEME),
    "episodes": episodes_schema(),
    "recordings": recordings_schema(["positive", "neutral", "negative", "surprise"]),
}


SIMPLE = [
    Column(name="name", dtype="string", meaning="A name."),
    Column(name="count", dtype="Int64", meaning="A count."),
    Column(name="share", dtype="Float64", meaning="A share.", decimals=2),
    Column(name="seen", dtype="boolean", meaning="Whether."),
]


def _written(tmp_path: Path, rows: list[dict[str, Any]], **keywords: Any) -> Path:
    return write_table(
        pd.DataFrame(rows), SIMPLE, tmp_path / "table", **{"format": "csv", **keywords}
    )


def test_missing_is_blank_and_zero_is_zero(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        [
            {"name": "a", "count": 0, "share": 0.0, "seen": False},
            {"name": None, "count": None, "share": float("nan"), "seen": None},
        ],
    )
    assert path.read_bytes() == b"name,count,share,seen\r\na,0,0.0,FALSE\r\n,,,\r\n"


def test_absent_columns_are_blank_and_others_are_dropped(tmp_path: Path) -> None:
    path = _written(tmp_path, [{"count": 3, "extra": "x"}])
    assert path.read_bytes() == b"name,count,share,seen\r\n,3,,\r\n"


def test_no_rows_leave_the_header(tmp_path: Path) -> None:
    path = write_table(pd.DataFrame(), SIMPLE, tmp_path / "table", format="csv")
    assert path.read_bytes() == b"name,count,share,seen\r\n"


def test_floats_are_rounded_as_the_schema_says(tmp_path: Path) -> None:
    path = _written(tmp_path, [{"name": "a", "share": 0.123456}, {"name": "b", "share": 1e-9}])
    assert path.read_text(encoding="utf-8").splitlines()[1:] == ["a,,0.12,", "b,,0.0,"]


def test_lines_end_as_rfc_4180_says_and_quotes_are_doubled(tmp_path: Path) -> None:
    path = _written(tmp_path, [{"name": 'a "b", c\r\nd', "count": 1}])
    assert path.read_bytes() == b'name,count,share,seen\r\n"a ""b"", c\r\nd",1,,\r\n'


def test_a_byte_order_mark_only_when_asked_for(tmp_path: Path) -> None:
    rows = [{"name": "김철수"}]
    assert not _written(tmp_path, rows).read_bytes().startswith(b"\xef\xbb\xbf")
    assert _written(tmp_path, rows, csv_bom=True).read_bytes().startswith(b"\xef\xbb\xbfname")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5), st.booleans())
def test_odd_strings_survive(tmp_path: Path, names: list[str], bom: bool) -> None:
    path = _written(tmp_path, [{"name": n, "count": k} for k, n in enumerate(names)], csv_bom=bom)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == names
    assert [row["count"] for row in rows] == [str(k) for k in range(len(names))]


def test_parquet_keeps_types_and_missing_values(tmp_path: Path) -> None:
    rows = [{"name": "가", "count": 1, "share": 0.123456, "seen": True}, {}]
    path = _written(tmp_path, rows, format="parquet")
    assert path.name == "table.parquet"
    types = {field.name: str(field.type) for field in pyarrow.parquet.read_schema(path)}
    assert types["count"] == "int64" and types["share"] == "double" and types["seen"] == "bool"
    assert "string" in types["name"]
    table = pd.read_parquet(path)
    assert table["share"][0] == 0.123456
    assert table.isna().sum().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_written_and_read_without_cleaning(tmp_path: Path, name: str) -> None:
    schema = SCHEMAS[name]
    example = {"string": "a", "Int64": 3, "Float64": 0.5, "boolean": True}
    rows = pd.DataFrame([{c.name: example[c.dtype] for c in schema}, {}])
    for format in ("csv", "parquet"):
        path = write_table(rows, schema, tmp_path / name, format=format)
        read = pd.read_csv if format == "csv" else pd.read_parquet
        table = as_table(read(path), schema)
        assert list(table.columns) == [c.name for c in schema]
        for column in schema:
            assert table[column.name][0] == example[column.dtype]
            assert pd.isna(table[column.name][1])


def test_the_data_dictionary_covers_every_column() -> None:
    rows, schema = data_dictionary(SCHEMAS)
    assert [c.name for c in schema] == list(rows.columns)
    covered = set(zip(rows["table"], rows["column"], strict=True))
    assert covered == {(name, c.name) for name, columns in SCHEMAS.items() for c in columns}
    assert (rows["meaning"].str.len() > 0).all()


def test_a_table_replaces_the_one_before(tmp_path: Path) -> None:
    _written(tmp_path, [{"name": "long" * 100}])
    _written(tmp_path, [{"name": "b"}])
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[1] == "b,,,"


def test_what_fails_in_writing_leaves_the_table_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _written(tmp_path, [{"name": "first"}])
    before = path.read_bytes()

    def full(*arguments: Any, **keywords: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("csv.writer", full)
    with pytest.raises(ReportError, match="the disk is full") as caught:
        _written(tmp_path, [{"name": "second"}])
    assert caught.value.path == str(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["x;=1+1", "x\t=1+1", "x\n=1+1", "x\r\n+1", 'x;"=1+1', "; -1", "=1+1", " =1+1", "\t@x", "＝1",
     'a,"b;=1"', "x;y;=1+1;+2"],
)  # fmt: skip
def test_no_cell_begins_a_formula_whatever_separates(tmp_path: Path, text: str) -> None:
    schema = [Column(name="id", dtype="string", meaning="A.", foreign=True),
              Column(name="note", dtype="string", meaning="A.", foreign=True)]  # fmt: skip
    rows = pd.DataFrame([{"id": "x", "note": text}, {"id": text, "note": "x"}])
    path = write_table(rows, schema, tmp_path / "t", format="csv")
    for separator in ",;\t":
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
        plain = path.read_text(encoding="utf-8")
        if separator != ",":  # as a reader splits that pays no heed to quotes
            cells += re.split(rf"[{separator}\r\n]", plain)
        for cell in cells:
            assert not re.match(r'[\s"]*[=+\-@＝＋－＠]', cell), (separator, cell)


def test_ordinary_texts_stay_as_they_are(tmp_path: Path) -> None:
    texts = ["a - b", "x; y", "1+1=2", "Kim, -", "e-mail@x", "a\nb"]
    rows = [{"name": text} for text in texts]
    schema = [Column(name="name", dtype="string", meaning="A.", foreign=True)]
    path = write_table(pd.DataFrame(rows), schema, tmp_path / "t", format="csv")
    assert pd.read_csv(path)["name"].tolist() == texts


def test_folders_are_made(tmp_path: Path) -> None:
    path = write_table(pd.DataFrame(), SIMPLE, tmp_path / "a" / "b" / "t", format="csv")
    assert path.is_file()


def test_a_name_with_dots_keeps_them(tmp_path: Path) -> None:
    path = write_table(pd.DataFrame(), SIMPLE, tmp_path / "a.b", format="csv")
    assert path.name == "a.b.csv"
