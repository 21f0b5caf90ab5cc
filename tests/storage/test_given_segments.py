"""What a centre gives is found beside its recordings, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise.storage.given_segments import with_segments
from poise.types import Recording

HEADER = "recording,start,end,label\n"


def _recordings(root: Path, *names: str) -> list[Recording]:
    return [
        Recording(path=root / name, recording_id=name, candidate_id="a", display_name="a")
        for name in names
    ]


def test_the_table_prevails_over_a_file_beside_the_recording(tmp_path: Path) -> None:
    (tmp_path / "Segments.csv").write_bytes((HEADER + "a.mp4,0,10,질문\n").encode("cp949"))
    cue = "WEBVTT\n\n00:01.000 --> 00:05.000\nWhy?\n"
    for name in ("a.vtt", "b.vtt"):
        (tmp_path / name).write_text(cue, encoding="utf-8")
    a, b, c = with_segments(tmp_path, _recordings(tmp_path, "a.mp4", "b.mp4", "c.mp4"))
    assert a.segments is not None
    assert b.segments is not None
    assert [(s.label, s.source) for s in a.segments] == [("질문", "table")]
    assert [(s.label, s.source) for s in b.segments] == [("Why?", "webvtt")]
    assert c.segments == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_spreadsheets_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = HEADER.replace(",", "\t") + "b\\a.mp4\t0:00\t0:10\t질문\n"
    (tmp_path / "segments.csv").write_bytes(text.encode(encoding))
    (recording,) = with_segments(tmp_path, _recordings(tmp_path, "b/a.mp4"))
    assert recording.segments is not None
    assert recording.segments[0].label == "질문"


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "segments.csv").write_text(HEADER + "gone.mp4,0,10,x\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"gone\.mp4"):
        with_segments(tmp_path, _recordings(tmp_path, "a.mp4"))


def test_of_one_recording_alone_the_lines_of_others_do_not_matter(tmp_path: Path) -> None:
    text = HEADER + "gone.mp4,0,10,x\na.mp4,0,10,y\n"
    (tmp_path / "segments.csv").write_text(text, encoding="utf-8")
    (tmp_path / "a.mp4").write_bytes(b"")
    (recording,) = with_segments(tmp_path / "a.mp4", _recordings(tmp_path, "a.mp4"))
    assert recording.segments is not None
    assert recording.segments[0].label == "y"
