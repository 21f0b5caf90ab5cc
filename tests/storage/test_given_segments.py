"""What a centre gives is found beside its recordings, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise.spoken import Segment
from poise.storage.given_segments import read_segments, with_segments
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
    names = ("a.mp4", "b.mp4", "c.mp4")
    (a, b, c), table = with_segments(tmp_path, _recordings(tmp_path, *names))
    assert (table.faults, table.barred) == ([], {})
    assert a.segments is not None
    assert b.segments is not None
    assert [(s.label, s.source) for s in a.segments] == [("질문", "table")]
    assert [(s.label, s.source) for s in b.segments] == [("Why?", "webvtt")]
    assert c.segments == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_spreadsheets_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = HEADER.replace(",", "\t") + "b\\a.mp4\t0:00\t0:10\t질문\n"
    (tmp_path / "segments.csv").write_bytes(text.encode(encoding))
    (recording,), _ = with_segments(tmp_path, _recordings(tmp_path, "b/a.mp4"))
    assert recording.segments is not None
    assert recording.segments[0].label == "질문"


def _part(start: float, end: float, label: str = "", kind: str = "part") -> Segment:
    return Segment(kind=kind, label=label, start_s=start, end_s=end, source="table")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_segments(tmp_path: Path, separator: str) -> None:
    rows = [
        "recording,start,end,label", "a.mp4,1:00,2:00,Why us?", "a.mp4,0,60,", "",
        "a.mp4,100,2:10,Exclude", "b/c.mp4,0:05,1:00:00,질문 하나",
    ]  # fmt: skip
    path = tmp_path / "segments.csv"
    path.write_text("\r\n".join(rows).replace(",", separator), encoding="utf-8")
    read = read_segments(path, {"a.mp4", "b/c.mp4"})
    assert read.segments["a.mp4"] == (
        _part(0, 60), _part(60, 120, "Why us?"), _part(100, 130, kind="excluded"),
    )  # fmt: skip
    assert read.segments["b/c.mp4"] == (_part(5, 3600, "질문 하나"),)
    assert (read.faults, read.barred) == ([], {})


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (["a.mp4,1:00,oops,x"], "row_time", "line 3 has the end 'oops'"),
        (["a.mp4,,50,x"], "row_time", "line 3 has the start ''"),
        (["a.mp4,2:00,1:00,x"], "row_time", "line 3 ends at 1:00 and starts at 2:00"),
        (["a.mp4,20,30,x", "a.mp4,25,40,y"], "row_overlap", "line 4 overlaps line 3"),
        ([",20,30,x"], "row_recording", "line 3 names no recording"),
        (["gone.mp4,20,30,exclude"], "row_recording", "line 3 names 'gone.mp4'"),
        (["a.mp4,20,30,Why, then"], "row_unreadable", "line 3 does not fit the columns"),
        (['a.mp4,20,30,"Why'], "row_unreadable", "line 3 does not fit the columns"),
    ],
)
def test_a_wrong_line_costs_itself(tmp_path: Path, lines: list[str], code: str, said: str) -> None:
    path = tmp_path / "segments.csv"
    rows = ["a.mp4,0,10,kept", *lines, "b.mp4,0,10,too"]
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    read = read_segments(path, {"a.mp4", "b.mp4"})
    assert read.segments == {"a.mp4": (_part(0, 10, "kept"),), "b.mp4": (_part(0, 10, "too"),)}
    (fault,) = read.faults
    assert fault.code == code and said in fault.text and read.barred == {}


@pytest.mark.parametrize(
    "line", ["a.mp4,soon,0:30,exclude", "a.mp4,30,20,Exclude", "a.mp4,20,30,EXCLUDE,x",
             'a.mp4,20,"30,exclude'],
)  # fmt: skip
def test_what_is_to_be_left_out_is_not_guessed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "segments.csv"
    path.write_text(f"{HEADER}{line}\nb.mp4,0,10,exclude\n", encoding="utf-8")
    read = read_segments(path, {"a.mp4", "b.mp4"})
    assert list(read.barred) == ["a.mp4"] and "a.mp4 is not analysed" in read.barred["a.mp4"].text
    assert read.segments == {"b.mp4": (_part(0, 10, kind="excluded"),)}


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "segments.csv"
    path.write_text("recording,from,to\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="has the columns recording, from"):
        read_segments(path, {"a.mp4"})


def test_a_webvtt_file_that_cannot_be_used_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text("1\n00:01.000 --> 00:02.000\nx\n", encoding="utf-8")
    (tmp_path / "b.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:05.000\nx\n", encoding="utf-8")
    (a, b), table = with_segments(tmp_path, _recordings(tmp_path, "a.mp4", "b.mp4"))
    assert a.segments == () and b.segments and table.barred == {}
    (fault,) = table.faults
    assert (fault.code, fault.name) == ("webvtt", "a.mp4 (a.vtt)")
    assert "does not begin with WEBVTT" in fault.text


@pytest.mark.parametrize("excludes", [False, True])
def test_a_webvtt_file_that_excludes_is_not_ignored(tmp_path: Path, excludes: bool) -> None:
    cues = ["00:00.000 --> 00:09.000", "Why?", "", "00:05.000 --> 00:12.000", "Then?", ""]
    cues += ["00:20.000 --> 00:25.000", "Exclude" if excludes else "Exclude nothing"]
    (tmp_path / "a.vtt").write_text("\n".join(["WEBVTT", "", *cues]), encoding="utf-8")
    (a,), table = with_segments(tmp_path, _recordings(tmp_path, "a.mp4"))
    (fault,) = table.faults
    assert (a.segments, fault.code) == ((), "webvtt_excludes" if excludes else "webvtt")
    assert list(table.barred) == (["a.mp4"] if excludes else [])
    assert ("a.mp4 is not analysed" in fault.text) == excludes


def test_what_the_table_or_the_file_beside_excludes_is_excluded(tmp_path: Path) -> None:
    lines = "a.mp4,5,7,exclude\nb.mp4,0,10,Why?\n"
    (tmp_path / "segments.csv").write_text(HEADER + lines, encoding="utf-8")
    cues = "WEBVTT\n\n00:01.000 --> 00:09.000\nHow?\n\n00:08.000 --> 00:09.000\nexclude\n"
    for name in ("a.vtt", "b.vtt"):
        (tmp_path / name).write_text(cues, encoding="utf-8")
    (a, b), table = with_segments(tmp_path, _recordings(tmp_path, "a.mp4", "b.mp4"))
    assert (table.faults, table.barred) == ([], {})
    assert [(s.kind, s.label, s.start_s) for s in a.segments or ()] == [
        ("part", "How?", 1.0), ("excluded", "", 5.0), ("excluded", "", 8.0)
    ]  # fmt: skip
    assert [(s.kind, s.label, s.start_s) for s in b.segments or ()] == [
        ("part", "Why?", 0.0), ("excluded", "", 8.0)
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["kim", "kim/a.mp4"])
def test_of_a_part_of_a_collection_its_table_counts(tmp_path: Path, given: str) -> None:
    (tmp_path / "kim").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "kim" / name).write_bytes(b"")
    lines = "kim/a.mp4,5,7,exclude\nkim/b.mp4,soon,7,exclude\nlee/a.mp4,0,10,Why?\n"
    (tmp_path / "segments.csv").write_text(HEADER + lines, encoding="utf-8")
    names = ("a.mp4",) if given.endswith("mp4") else ("a.mp4", "b.mp4")
    found, table = with_segments(tmp_path / given, _recordings(tmp_path / "kim", *names))
    assert [(s.kind, s.start_s) for s in found[0].segments or ()] == [("excluded", 5.0)]
    assert list(table.barred) == list(names[1:])
    assert [fault.recording_id for fault in table.faults] == list(names[1:])


def test_another_table_of_that_name_above_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "segments.csv").write_text("customer,share\nA,1\n", encoding="utf-8")
    (tmp_path / "kim").mkdir()
    (recording,), table = with_segments(tmp_path / "kim", _recordings(tmp_path / "kim", "a.mp4"))
    assert (recording.segments, table.faults) == ((), [])


def test_of_one_recording_alone_the_lines_of_others_do_not_matter(tmp_path: Path) -> None:
    text = HEADER + "gone.mp4,0,10,x\na.mp4,0,10,y\n"
    (tmp_path / "segments.csv").write_text(text, encoding="utf-8")
    (tmp_path / "a.mp4").write_bytes(b"")
    (recording,), table = with_segments(tmp_path / "a.mp4", _recordings(tmp_path, "a.mp4"))
    assert table.faults == []
    assert recording.segments is not None
    assert recording.segments[0].label == "y"
