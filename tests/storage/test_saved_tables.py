"""Tables as spreadsheets save them."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise.storage.saved_tables import separator_of, table_in, table_text


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
