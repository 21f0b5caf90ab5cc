"""Notes: what others wrote into the table stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.desk.notes import NOTES_FILE, Note, add_note, read_notes, remove_note
from poise.errors import SettingsError

ONE = Note(recording="kim/1.mp4", time_s=75.0, author="Park", note='says "well", twice\nso')


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == []
    add_note(tmp_path, ONE)
    assert read_notes(tmp_path) == [ONE]
    remove_note(tmp_path, ONE)
    assert read_notes(tmp_path) == []


def test_what_a_centre_wrote_by_hand_stays(tmp_path: Path) -> None:
    text = "recording,time,author,note,topic\nkim\\1.mp4,0:05,Lee,smile,face\n,,,,\nx.mp4,,,all,\n"
    (tmp_path / NOTES_FILE).write_text(text, encoding="utf-8")
    add_note(tmp_path, ONE)
    first, second, third = read_notes(tmp_path)
    assert (first.recording, first.time_s) == ("kim/1.mp4", 5.0)
    assert (second.time_s, third) == (0.0, ONE)
    assert "smile,face" in (tmp_path / NOTES_FILE).read_text(encoding="utf-8-sig")


def test_one_of_two_equal_notes_is_removed(tmp_path: Path) -> None:
    add_note(tmp_path, ONE)
    add_note(tmp_path, ONE)
    remove_note(tmp_path, ONE)
    assert read_notes(tmp_path) == [ONE]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_a_table_that_is_none_is_said_and_left(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTES_FILE).write_bytes(content)
    with pytest.raises(SettingsError):
        add_note(tmp_path, ONE)
    assert (tmp_path / NOTES_FILE).read_bytes() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("recording,time,author,note\n", encoding="utf-8")
    (tmp_path / NOTES_FILE).symlink_to(tmp_path / "other.csv")
    with pytest.raises(SettingsError):
        read_notes(tmp_path)
