"""What was heard, and the segments that a centre gave, beside a stored result."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from poise.spoken import Segment, Sound, Turn
from poise.storage.results.segments import GIVEN_FILE, keep_given, read_given, sound_from_json

ANSWER = Segment(kind="answer", label="왜 지원했나요?", start_s=1.0, end_s=9.5, source="table")


def test_what_was_heard_comes_back() -> None:
    sound = Sound(
        status="heard", detail="a gap", chapters=((0.0, 3.0, "one"),),
        turns=(Turn(speaker="candidate", start_s=0.5, end_s=2.0),),
        unheard=(Turn(speaker="unsure", start_s=8.0, end_s=9.0),),
    )  # fmt: skip
    plain = json.loads(json.dumps(asdict(sound)))
    assert sound_from_json(plain) == sound
    del plain["unheard"]  # as an earlier version left it
    assert sound_from_json(plain) == replace(sound, unheard=())
    assert sound_from_json({}) == Sound()


def test_segments_are_kept_by_recording_and_can_go_again(tmp_path: Path) -> None:
    keep_given(tmp_path, "a.mp4", [])
    assert not (tmp_path / GIVEN_FILE).exists()
    keep_given(tmp_path, "a.mp4", [ANSWER])
    keep_given(tmp_path, "twin.mp4", [ANSWER, ANSWER])
    assert read_given(tmp_path, "a.mp4") == (ANSWER,)
    keep_given(tmp_path, "a.mp4", [])
    assert read_given(tmp_path, "a.mp4") == () and len(read_given(tmp_path, "twin.mp4")) == 2


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_cannot_be_read_was_not_given(tmp_path: Path, text: str) -> None:
    (tmp_path / GIVEN_FILE).write_text(text, encoding="utf-8")
    assert read_given(tmp_path, "a.mp4") == ()
