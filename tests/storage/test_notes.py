"""`notes.csv`: read as any spreadsheet saves it, written whole; what is wrong is named."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from poise.coach_notes import CoachNote
from poise.errors import SettingsError
from poise.storage.notes import add_note, read_notes, remove_note, replace_note, with_notes
from poise.types import Recording

HEADER = "recording,time,author,note\n"


def _note(text: str, time_s: float | None = None, author: str = "") -> CoachNote:
    return CoachNote(time_s=time_s, author=author, text=text)


def _recordings(root: Path, *names: str) -> list[Recording]:
    return [
        Recording(path=root / name, recording_id=name, candidate_id="a", display_name="a")
        for name in names
    ]


def test_times_in_every_form_and_in_order(tmp_path: Path) -> None:
    rows = "a.mp4,1:05,Park,later\na.mp4,,Park,whole\n./a.mp4,0:00:07.5,,half\na.mp4,65,,too\n"
    (tmp_path / "notes.csv").write_text(HEADER + rows, encoding="utf-8")
    assert read_notes(tmp_path) == {
        "a.mp4": [
            _note("whole", None, "Park"), _note("half", 7.5), _note("later", 65.0, "Park"),
            _note("too", 65.0),
        ]
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp949"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_as_a_spreadsheet_saves_it(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = ["recording,Time,AUTHOR,note,", 'b\\가.mp4,0:02,박 코치,"좋은 시작, 정말",', ",,,,"]
    text = "\r\n".join(lines)
    if separator != ",":
        text = text.replace('"좋은 시작, 정말"', "좋은 시작, 정말").replace(",", separator)
        text = text.replace(f"시작{separator}", "시작,")
    (tmp_path / "Notes.CSV").write_bytes(text.encode(encoding))
    assert read_notes(tmp_path) == {"b/가.mp4": [_note("좋은 시작, 정말", 2.0, "박 코치")]}


def test_recordings_get_their_notes_and_others_are_named(tmp_path: Path) -> None:
    rows = "a.mp4,1,,said\ngone.mp4,2,,of nobody\n"
    (tmp_path / "notes.csv").write_text(HEADER + rows, encoding="utf-8")
    (a, b), faults = with_notes(tmp_path, _recordings(tmp_path, "a.mp4", "b.mp4"))
    assert (a.notes, b.notes) == ((_note("said", 1.0),), ())
    assert [(f.code, f.name) for f in faults] == [("row_recording", "notes.csv:3")]
    assert "'gone.mp4'" in faults[0].text
    (tmp_path / "a.mp4").write_bytes(b"")
    assert with_notes(tmp_path / "a.mp4", [a])[1] == []  # of one recording alone


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recording,time\na.mp4,1\n", "recording, time"),
        ("recording,note,note\n", "recording, note, note"),
        ("PK\x03\x04", "a spreadsheet, not CSV"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "notes.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        with_notes(tmp_path, [])


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("a.mp4,soon,,x", "row_time", "line 3 has the time 'soon'"),
        ("a.mp4,1:75,,x", "row_time", "1:75"),
        (",1,,x", "row_recording", "line 3 names no recording"),
        ("a.mp4,1,,nervous, but fine", "row_unreadable", "line 3 does not fit"),
        ('a.mp4,1,,"nervous', "row_unreadable", "line 3 does not fit"),
    ],
)
def test_a_wrong_line_costs_itself(tmp_path: Path, line: str, code: str, said: str) -> None:
    path = tmp_path / "notes.csv"
    path.write_text(f"{HEADER}a.mp4,1,,said\n{line}\nb.mp4,,,too\n", encoding="utf-8")
    (a, b), faults = with_notes(tmp_path, _recordings(tmp_path, "a.mp4", "b.mp4"))
    assert (a.notes, b.notes) == ((_note("said", 1.0),), (_note("too"),))
    assert [f.code for f in faults] == [code] and said in faults[0].text


def test_what_cannot_be_read_is_not_lost_by_writing(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text(f"{HEADER}a.mp4,1,,nervous, but fine\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="line 2 does not fit"):
        add_note(tmp_path, "a.mp4", _note("x"))
    assert path.read_bytes() == before
    path.write_text(f"{HEADER}a.mp4,soon,,x\n", encoding="utf-8")  # read, but not understood
    add_note(tmp_path, "a.mp4", _note("y"))
    assert "soon" in path.read_text(encoding="utf-8-sig")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    notes = [
        _note("=1+1 이상\nsecond line", 3725.25, '박, "코치"'),
        _note("- well done", None),
        _note("at once", 0.0, "@home"),
    ]
    for note in notes:
        add_note(tmp_path, "-김/a.mp4", note)
    assert read_notes(tmp_path) == {"-김/a.mp4": [notes[1], notes[2], notes[0]]}
    path = tmp_path / "notes.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "-", "@", "+")]
    assert cells[5] == "1:02:05.250"
    with pytest.raises(SettingsError, match="empty"):
        add_note(tmp_path, "a.mp4", _note(" \n"))


def test_notes_are_replaced_and_removed_and_all_else_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "NOTES.csv"
    path.write_text("recording;note;time;mine\na.mp4;one;0:01;x\na.mp4;two;;y\n", encoding="cp949")
    path.chmod(0o664)
    assert replace_note(tmp_path, "a.mp4", _note("one", 1.0), _note("eins", 2.0, "Park"))
    assert not replace_note(tmp_path, "b.mp4", _note("two"), _note("zwei"))
    assert not remove_note(tmp_path, "a.mp4", _note("one", 1.0))
    assert remove_note(tmp_path, "a.mp4", _note("two"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"recording": "a.mp4", "note": "eins", "time": "0:00:02", "mine": "x",
             "author": "Park"}
        ]  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o664
    assert [p.name for p in tmp_path.iterdir()] == ["NOTES.csv"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(HEADER + "a.mp4,1,,of others\n", encoding="utf-8")
    (tmp_path / "notes.csv").symlink_to(other)
    for use in (read_notes, lambda root: add_note(root, "a.mp4", _note("x"))):
        with pytest.raises(SettingsError, match="is a link"):
            use(tmp_path)
    assert "of others" in other.read_text(encoding="utf-8")


def test_one_of_two_equal_notes_is_removed(tmp_path: Path) -> None:
    for _ in range(2):
        add_note(tmp_path, "a.mp4", _note("twice", 1.0))
    assert remove_note(tmp_path, "a.mp4", _note("twice", 1.0))
    assert read_notes(tmp_path) == {"a.mp4": [_note("twice", 1.0)]}
