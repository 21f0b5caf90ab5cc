"""What a coach noted of a recording."""

from __future__ import annotations

from poise.coach_notes import CoachNote


def test_a_note_is_a_value_and_keeps_its_lines() -> None:
    note = CoachNote(time_s=None, author="", text="first line\nsecond line")
    assert note in {CoachNote(time_s=None, author="", text="first line\nsecond line")}
    assert note != CoachNote(time_s=0.0, author="", text=note.text)
