"""Marks of people who were forgotten: they tell a person, and nobody's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import ReportError
from poise.storage.forgotten import Forgotten
from poise.types import Recording


def _recording(candidate: str = "Kim", sha256: str = "a" * 64) -> Recording:
    return Recording(
        path=Path("1.mp4"), recording_id=f"{candidate}/1.mp4", candidate_id=candidate,
        display_name=candidate, sha256=sha256,
    )  # fmt: skip


def test_a_person_is_known_by_identifier_and_by_bytes(tmp_path: Path) -> None:
    Forgotten(tmp_path).add(["Kim"], ["a" * 64])
    forgotten = Forgotten(tmp_path)
    assert forgotten.knows(_recording("Kim", ""))
    assert forgotten.knows(_recording("kim", "b" * 64))
    assert forgotten.knows(_recording("Somebody"))
    assert not forgotten.knows(_recording("Lee", "b" * 64))
    assert not forgotten.knows(_recording("Lee", ""))


def test_the_marks_name_nobody(tmp_path: Path) -> None:
    Forgotten(tmp_path).add(["Kim"], ["a" * 64])
    for path in tmp_path.iterdir():
        assert b"Kim" not in path.read_bytes() and b"a" * 64 not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_taken_away_the_mark_is_gone(tmp_path: Path) -> None:
    Forgotten(tmp_path).add(["Kim", "Old name"], ["a" * 64])
    assert Forgotten(tmp_path).remove("Kim")
    assert not Forgotten(tmp_path).knows(_recording("Old name"))
    assert not Forgotten(tmp_path).remove("Kim")


@pytest.mark.parametrize("name", ["secret", "forgotten.json"])
def test_without_them_nobody_is_brought_back_in_silence(tmp_path: Path, name: str) -> None:
    Forgotten(tmp_path).add(["Kim"], [])
    (tmp_path / name).write_text("00" * 32 if name == "secret" else "{", encoding="utf-8")
    with pytest.raises(ReportError, match="people who were purged"):
        Forgotten(tmp_path)
