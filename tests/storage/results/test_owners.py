"""Whose a stored result is, kept beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.storage.results.owners import OWNERS_FILE, Owner, claim, read_owners, write_owners
from poise.types import Recording


def _recording(name: str, candidate: str = "Kim") -> Recording:
    return Recording(
        path=Path(name), recording_id=name, candidate_id=candidate, display_name=candidate
    )


def test_an_earlier_name_is_kept_as_such(tmp_path: Path) -> None:
    claim([_recording("Kim/1.mp4")], tmp_path)
    claim([_recording("Minji/1.mp4", "Minji"), _recording("Minji/copy.mp4", "Minji")], tmp_path)
    known = [(o.recording.recording_id, o.current) for o in read_owners(tmp_path)]
    assert known == [("Minji/1.mp4", True), ("Minji/copy.mp4", True), ("Kim/1.mp4", False)]
    claim([_recording("Kim/1.mp4")], tmp_path)
    known = [(o.recording.recording_id, o.current) for o in read_owners(tmp_path)]
    assert sorted(known) == [("Kim/1.mp4", True), ("Minji/1.mp4", False), ("Minji/copy.mp4", False)]


def test_nothing_is_written_where_nothing_has_changed(tmp_path: Path) -> None:
    told = replace(_recording("a.mp4"), segments=(), notes=())  # kept elsewhere
    claim([told], tmp_path)
    before = (tmp_path / OWNERS_FILE).stat().st_mtime_ns
    claim([told], tmp_path)
    assert (tmp_path / OWNERS_FILE).stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"current": true}]', "[" * 100_000])
def test_what_is_damaged_says_nothing(tmp_path: Path, text: str) -> None:
    assert read_owners(tmp_path) == []
    (tmp_path / OWNERS_FILE).write_text(text, encoding="utf-8")
    assert read_owners(tmp_path) == []
    write_owners([Owner(recording=_recording("a.mp4"))], tmp_path)
    assert len(read_owners(tmp_path)) == 1
