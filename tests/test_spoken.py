"""What was heard of a recording."""

from __future__ import annotations

from poise.media.audio import SOUND_STATUSES
from poise.spoken import SPEAKING, Segment, Sound, Turn


def test_of_what_was_not_listened_to_nothing_is_known() -> None:
    sound = Sound()
    assert sound.status == "off" and sound.status in SOUND_STATUSES
    assert (sound.turns, sound.chapters, sound.detail) == ((), (), "")


def test_turns_and_segments_are_values() -> None:
    assert Turn(speaker="candidate", start_s=1.0, end_s=2.0) == Turn(
        speaker="candidate", start_s=1.0, end_s=2.0
    )
    segment = Segment(kind="answer", label="", start_s=0.0, end_s=9.0, source="turns")
    assert hash(segment) == hash(
        Segment(kind="answer", label="", start_s=0.0, end_s=9.0, source="turns")
    )
    assert SPEAKING[0] == "silent" and len(set(SPEAKING)) == 4
