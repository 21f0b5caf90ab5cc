"""What was heard of a recording."""

from __future__ import annotations

from poise.media.audio import SOUND_STATUSES
from poise.spoken import SPEAKING, Segment, Sound, Turn


def test_of_what_was_not_listened_to_nothing_is_known() -> None:
    sound = Sound()
    assert sound.status == "off" and sound.status in SOUND_STATUSES
    assert (sound.turns, sound.unheard, sound.chapters, sound.detail) == ((), (), (), "")


def test_what_may_have_been_said_unheard_stands_among_what_was_said() -> None:
    first, second, third = (
        Turn(speaker=who, start_s=at, end_s=at + 1)
        for at, who in enumerate(("someone_else", "unsure", "candidate"))
    )
    assert Sound(turns=(first, third), unheard=(second,)).spoken == (first, second, third)


def test_turns_and_segments_are_values() -> None:
    assert Turn(speaker="candidate", start_s=1.0, end_s=2.0) == Turn(
        speaker="candidate", start_s=1.0, end_s=2.0
    )
    segment = Segment(kind="answer", label="", start_s=0.0, end_s=9.0, source="turns")
    assert hash(segment) == hash(
        Segment(kind="answer", label="", start_s=0.0, end_s=9.0, source="turns")
    )
    assert SPEAKING[0] == "silent" and len(set(SPEAKING)) == 4
