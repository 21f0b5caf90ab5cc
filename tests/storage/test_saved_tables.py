"""Tables as spreadsheets save them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise.storage.saved_tables import TableFault, records, separator_of, table_in, table_text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("recording,note\r\na.mp4,메모".encode(encoding))
    assert table_text(path) == "recording,note\r\na.mp4,메모"


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"PK\x03\x04 of Excel")
    with pytest.raises(SettingsError, match="not CSV"):
        table_text(path)
    with pytest.raises(SettingsError, match="or not a file"):
        table_text(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        table_text(tmp_path / "gone.csv")


def test_separators_and_names_in_capitals(tmp_path: Path) -> None:
    assert [separator_of(t) for t in ("a,b;c,d", "a;b\n,,,", "a\tb", "a", "")] == [
        ",", ";", "\t", ",", ",",
    ]  # fmt: skip
    (tmp_path / "NOTES.csv").touch()
    (tmp_path / "segments.csv").mkdir()
    assert table_in(tmp_path, "notes.csv") == tmp_path / "NOTES.csv"
    assert table_in(tmp_path, "segments.csv") is None
    assert table_in(tmp_path / "gone", "notes.csv") is None


def test_one_wrong_byte_makes_no_korean_of_a_whole_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("recording\n김민지.mp4\n".encode() + b"\xff\n")
    assert table_text(path) == "recording\n김민지.mp4\n\ufffd\n"


def _read(text: str) -> list[tuple[int, list[str], bool]]:
    return [(r.line, r.cells, r.whole) for r in records(text, Path("a.csv"))]


def test_records_have_the_number_of_their_first_line() -> None:
    assert _read('a;b\r\n1;"two\r\nlines"\r\n\r\n3;\n') == [
        (1, ["a", "b"], True), (2, ["1", "two\r\nlines"], True), (4, [], True),
        (5, ["3", ""], True),
    ]  # fmt: skip


def test_a_quotation_mark_that_nothing_closes_swallows_no_other_line() -> None:
    assert _read('a,b\n1,"open\n2,x\n3,"also\n4,y\n') == [
        (1, ["a", "b"], True), (2, ["1", "open"], False), (3, ["2", "x"], True),
        (4, ["3", "also"], False), (5, ["4", "y"], True),
    ]  # fmt: skip
    assert _read('a,b\n1,"so" he said\n2,x\n')[1:] == [
        (2, ["1", "so he said"], True), (3, ["2", "x"], True),
    ]  # fmt: skip


def test_what_is_all_quotation_marks_is_no_table() -> None:
    with pytest.raises(SettingsError, match="more than 1000 lines"):
        _read("a\n" + '"x\n' * 2001)


def test_time_does_not_grow_with_the_square_of_a_table() -> None:
    started = time.process_time()
    assert sum(1 for _ in records("a,b\n" + "1,2\n" * 200_000, Path("a.csv"))) == 200_001
    assert time.process_time() - started < 10  # a second; each line anew would take minutes


def test_a_fault_says_where_what_and_what_follows() -> None:
    fault = TableFault(
        table="a.csv", line=3, code="row_time", cause="has the time 'soon'", remedy="Mend it.",
        cost="The line is ignored.", recording_id="kim/1.mp4",
    )  # fmt: skip
    assert fault.text == "a.csv, line 3 has the time 'soon'. Mend it. The line is ignored."
    assert fault.name == "kim/1.mp4 (a.csv:3)"
    assert str(fault.error(Path("a.csv"))) == "a.csv: line 3 has the time 'soon'. Mend it."
