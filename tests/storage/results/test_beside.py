"""What people say of a recording lies beside its result, and goes with the person."""

from __future__ import annotations

from pathlib import Path

from poise.coach_notes import CoachNote
from poise.spoken import Segment
from poise.storage.results.beside import NOTES_FILE, keep_notes, keep_only, read_notes
from poise.storage.results.segments import keep_given, read_given

SAID = CoachNote(time_s=2.5, author="Park", text="<b>잘했어요</b>")
ANSWER = Segment(kind="part", label="Why?", start_s=0.0, end_s=5.0, source="table")


def test_of_several_recordings_with_the_same_bytes_each_has_its_own(tmp_path: Path) -> None:
    keep_notes(tmp_path, "kim/a.mp4", [SAID])
    keep_given(tmp_path, "kim/a.mp4", [ANSWER])
    keep_given(tmp_path, "lee/a.mp4", [ANSWER])
    assert read_notes(tmp_path, "kim/a.mp4") == (SAID,)
    assert read_notes(tmp_path, "lee/a.mp4") == ()
    keep_notes(tmp_path, "kim/a.mp4", [])
    assert read_notes(tmp_path, "kim/a.mp4") == ()


def test_nothing_is_left_of_whoever_goes(tmp_path: Path) -> None:
    for name in ("kim/a.mp4", "lee/a.mp4"):
        keep_notes(tmp_path, name, [SAID])
        keep_given(tmp_path, name, [ANSWER])
    keep_only(tmp_path, {"lee/a.mp4"})
    assert (read_notes(tmp_path, "kim/a.mp4"), read_given(tmp_path, "kim/a.mp4")) == ((), ())
    assert read_notes(tmp_path, "lee/a.mp4") == (SAID,)
    assert read_given(tmp_path, "lee/a.mp4") == (ANSWER,)
    assert not any(b"kim" in path.read_bytes() for path in tmp_path.iterdir())


def test_what_is_damaged_was_not_said(tmp_path: Path) -> None:
    for text in ("", "[]", '{"a": 1}', '{"a": [1]}', '{"a": [{"time_s": "x"}]}'):
        (tmp_path / NOTES_FILE).write_text(text, encoding="utf-8")
        assert read_notes(tmp_path, "a") == ()
