"""`candidates.csv`: whatever a spreadsheet makes of it, and what it says of whom."""

from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path

import pytest

from poise.batch.intake.discovery import discover as look
from poise.errors import SettingsError
from poise.types import Recording

KIM_NFC = unicodedata.normalize("NFC", "김철수")
KIM_NFD = unicodedata.normalize("NFD", "김철수")
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)


def discover(root: Path) -> list[Recording]:
    """The recordings alone."""
    return look(root).recordings


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.fsencode(name))
    return root


def _candidates(root: Path, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (root / "candidates.csv").write_bytes(data)


def test_candidates_csv_overrides(tmp_path: Path) -> None:
    _tree(tmp_path, "x/1.mp4", "2.mp4", "3.mp4")
    _candidates(
        tmp_path,
        "recording,candidate_id,display_name,session_date,note\n"
        'x/1.mp4,kim,"Kim, Ji-min",2026-03-01,"said ""hello"""\n'
        "2.mp4,kim,,,\n",
    )
    found = {recording.recording_id: recording for recording in discover(tmp_path)}
    first, second, third = found["x/1.mp4"], found["2.mp4"], found["3.mp4"]
    assert (first.candidate_id, first.display_name) == ("kim", "Kim, Ji-min")
    assert (first.session_date, first.note) == ("2026-03-01", 'said "hello"')
    assert (second.candidate_id, second.display_name, second.session_date) == ("kim", "kim", "")
    assert third.candidate_id == "3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_candidates_csv_as_excel_in_korea_writes_it(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    _tree(tmp_path, f"{KIM_NFC}.mp4")
    text = f"recording,display_name,note{newline}{KIM_NFC}.mp4,김 철수,둘째 면접{newline}"
    _candidates(tmp_path, text.encode(encoding))
    (found,) = discover(tmp_path)
    assert (found.display_name, found.note) == ("김 철수", "둘째 면접")


@pytest.mark.parametrize("listed", [KIM_NFC, KIM_NFD], ids=["listed NFC", "listed NFD"])
@pytest.mark.parametrize("stored", [KIM_NFC, KIM_NFD], ids=["stored NFC", "stored NFD"])
def test_candidates_csv_in_either_unicode_form(tmp_path: Path, listed: str, stored: str) -> None:
    _tree(tmp_path, f"{stored}/1.mp4")
    _candidates(tmp_path, f"recording,note\n{listed}/1.mp4,here\n")
    assert discover(tmp_path)[0].note == "here"


@pytest.mark.parametrize("written", ["a\\1.mp4", "./a/1.mp4", "  a/1.mp4 "])
def test_candidates_csv_paths_as_people_write_them(tmp_path: Path, written: str) -> None:
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, f"recording,note\n{written},here\n")
    assert discover(tmp_path)[0].note == "here"


def test_a_line_of_an_unknown_recording_costs_itself(tmp_path: Path) -> None:
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, "recording,note\na/1.mp4,x\na/2.mp4,y\n,z\n")
    found = look(tmp_path)
    assert [(r.recording_id, r.note) for r in found.recordings] == [("a/1.mp4", "x")]
    assert [(f.code, f.line, f.recording_id) for f in found.faults] == [
        ("row_recording", 3, ""), ("row_recording", 4, ""),
    ]  # fmt: skip
    assert "line 3 names 'a/2.mp4', which is not among" in found.faults[0].text
    assert found.barred == {}


@pytest.mark.parametrize(
    "header", ["recording,name", "candidate_id,note", "", "recording,note,note"],
    ids=["unknown column", "no recording", "empty", "a column twice"],
)  # fmt: skip
def test_candidates_csv_with_wrong_columns(tmp_path: Path, header: str) -> None:
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, f"{header}\na/1.mp4,x\n" if header else "")
    with pytest.raises(SettingsError, match="has the columns"):
        discover(tmp_path)


def test_candidates_csv_with_rows_left_empty(tmp_path: Path) -> None:
    """A spreadsheet leaves them where something stood once."""
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, "recording,candidate_id,note\na/1.mp4,,x\n,,\n\n")
    assert discover(tmp_path)[0].note == "x"


def test_candidates_csv_is_read_at_the_top_only(tmp_path: Path) -> None:
    _tree(tmp_path, "a/1.mp4")
    (tmp_path / "a" / "candidates.csv").write_text("nonsense\n", encoding="utf-8")
    assert len(discover(tmp_path)) == 1


def test_a_name_from_candidates_csv_is_cleaned(tmp_path: Path) -> None:
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, "recording,candidate_id\na/1.mp4,../../etc\n")
    (found,) = discover(tmp_path)
    assert "/" not in found.candidate_id
    assert not found.candidate_id.startswith(".")


# As spreadsheets save it


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp949"])
def test_whatever_a_spreadsheet_saves_is_read(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    _tree(tmp_path, f"{KIM_NFC}.mp4")
    lines = ["recording{0}Display Name{0}consent{0}", "김철수.mp4{0}김 철수{0}No{0}"]
    _candidates(tmp_path, "\r\n".join(lines).format(separator).encode(encoding))
    (found,) = discover(tmp_path)
    assert (found.display_name, found.consent) == ("김 철수", False)


@pytest.mark.parametrize("name", ["Candidates.csv", "candidates.CSV", "CANDIDATES.CSV"])
def test_a_table_in_another_case_is_read(tmp_path: Path, name: str) -> None:
    _tree(tmp_path, "a.mp4")
    (tmp_path / name).write_text("recording,consent\na.mp4,no\n", encoding="utf-8")
    found = look(tmp_path)
    assert not found.recordings[0].consent and found.left_aside == []


def test_two_tables_are_refused(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    for name in ("candidates.csv", "Candidates.csv"):
        (tmp_path / name).write_text("recording\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="several tables"):
        look(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["candidates (1).csv", "candidates - Copy.csv", "candidates.csv.txt", "candidates.xlsx",
     "candidate.csv", "kim/candidates.csv", "candidates.csv.bak"],
)  # fmt: skip
def test_what_only_looks_like_the_table_is_said_to_be_ignored(tmp_path: Path, name: str) -> None:
    _tree(tmp_path, "kim/a.mp4", name)
    found = look(tmp_path)
    assert found.recordings[0].consent
    assert [(a.name, a.code) for a in found.left_aside] == [(name, "candidates_ignored")]


def test_a_spreadsheet_in_the_guise_of_the_table_is_refused(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, b"PK\x03\x04" + bytes(100))
    with pytest.raises(SettingsError, match="is a spreadsheet, not CSV"):
        look(tmp_path)


def test_a_table_that_cannot_be_read_stops_the_run(tmp_path: Path) -> None:
    """It says who has consented: without it nobody may be analysed."""
    _tree(tmp_path, "a.mp4")
    (tmp_path / "candidates.csv").mkdir()
    assert look(tmp_path).recordings  # a folder is no table
    (tmp_path / "candidates.csv").rmdir()
    _candidates(tmp_path, "recording\n" + "x" * 17_000_000)
    with pytest.raises(SettingsError, match="larger than 16 MB"):
        look(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["a.mp4,nervous, but fine,no", 'a.mp4,"nervous,no', 'a.mp4,"nervous" and "calm,no',
     "a.mp4,x,yes,,no"],
)  # fmt: skip
def test_a_line_that_does_not_fit_the_columns_bars_its_recording(tmp_path: Path, line: str) -> None:
    """A comma in a note shifts or loses what stands behind it: the consent."""
    _tree(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    _candidates(tmp_path, f"recording,note,consent\n{line}\nb.mp4,,no\nc.mp4,,yes\n")
    found = look(tmp_path)
    assert {name: fault.line for name, fault in found.barred.items()} == {"a.mp4": 2}
    assert [f.code for f in found.faults] == ["row_unreadable"]
    assert "a.mp4 is not analysed" in found.faults[0].text
    assert [r.consent for r in found.recordings] == [True, False, True]  # of a it is not known


def test_letters_that_are_lost_from_a_name_bar_whom_it_may_mean(tmp_path: Path) -> None:
    _tree(tmp_path, "José Cruz/1.mp4", "Kim/1.mp4", "Lee/1.mp4")
    text = "recording,consent\nJosé Cruz/1.mp4,no\nKim/1.mp4,yes\n"
    _candidates(tmp_path, text.encode("latin-1"))
    found = look(tmp_path)
    assert set(found.barred) == {"José Cruz/1.mp4"}
    assert {f.code for f in found.faults} == {"row_unreadable", "row_refusal"}


# Consent


@pytest.mark.parametrize(
    "no",
    [
        "no",
        "No",
        " NO ",
        "n",
        "false",
        "0",
        "아니오",
        "아니요",
        "동의 안 함",
        "미동의",
        "ｎｏ",
        "X",
    ],
)
def test_no_in_many_words(tmp_path: Path, no: str) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, f"recording,consent\na.mp4,{no}\n")
    assert not discover(tmp_path)[0].consent


@pytest.mark.parametrize("yes", ["yes", "Y", "true", "1", "예", "네", "", "O", "동의함"])
def test_yes_in_many_words(tmp_path: Path, yes: str) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, f"recording,consent\na.mp4,{yes}\n")
    assert discover(tmp_path)[0].consent


@pytest.mark.parametrize("word", ["maybe", "non", "?", "-", "pending", "yes/no", "ye\ufffd"])
def test_a_word_that_is_neither_bars_that_recording_alone(tmp_path: Path, word: str) -> None:
    _tree(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    _candidates(tmp_path, f"recording,candidate_id,consent\na.mp4,,yes\nb.mp4,kim,{word}\n")
    found = look(tmp_path)
    assert list(found.barred) == ["b.mp4"]
    fault = found.barred["b.mp4"]
    assert (fault.code, fault.line, fault.place) == ("row_consent", 3, "candidates.csv, line 3")
    assert repr(word) in fault.text and "b.mp4 is not analysed" in fault.text
    assert [r.candidate_id for r in found.recordings] == ["a", "kim", "c"]  # whose it is, is known


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("a.mp4,no,,,\na.mp4,yes,,,", "consent"),
        ("a.mp4,,,,\na.mp4,no,,,", "consent"),
        ("a.mp4,yes,,kim,\n./a.mp4,yes,,lee,", "candidate_id"),
        ("a.mp4,yes,,,Kim\na.mp4,yes,,,Lee", "display_name"),
        ("a.mp4,yes,x,,\na.mp4,yes,y,,\na.mp4,no,x,,", "consent"),
    ],
)
def test_lines_that_contradict_each_other_of_consent_or_person_bar_it(
    tmp_path: Path, rows: str, what: str
) -> None:
    _tree(tmp_path, "a.mp4", "b.mp4")
    header = "recording,consent,note,candidate_id,display_name"
    _candidates(tmp_path, f"{header}\n{rows}\nb.mp4,no,,,\n")
    found = look(tmp_path)
    assert list(found.barred) == ["a.mp4"]
    assert found.barred["a.mp4"].code == "row_twice"
    assert f"differ in {what}" in found.barred["a.mp4"].text
    assert [r.consent for r in found.recordings] == [True, False]  # what is stored is not purged


def test_lines_that_differ_in_a_note_or_a_date_leave_that_out(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    header = "recording,note,session_date,neutral_span,display_name"
    rows = "a.mp4,one,2026-09-05,0-6,Kim\na.mp4,two,2026-09-06,0-6,Kim"
    _candidates(tmp_path, f"{header}\n{rows}\n")
    found = look(tmp_path)
    (own,) = found.recordings
    assert (own.note, own.session_date, own.neutral_span_s) == ("", "", (0.0, 6.0))
    assert own.display_name == "Kim" and found.barred == {}
    assert "line 3 and line 2 both name 'a.mp4' and differ in session_date, note" in (
        found.faults[0].text
    )


@pytest.mark.parametrize(
    ("line", "barred"),
    [
        ("Kim Minji/l.mp4,no", {"Kim Minji/1.mp4"}),  # the letter for the number
        ("Kim Mniji/1.mp4,no", {"Kim Minji/1.mp4"}),
        ("Minji Kim,no", {"Kim Minji/1.mp4"}),
        ("Kim Minji/2.mp4,perhaps", {"Kim Minji/1.mp4"}),
        ("9.mp4,no", {"Kim Minji/1.mp4", "이서연.mp4", "8.mp4"}),  # it has no word to go by
        ("이서연 (2).mp4,no", {"이서연.mp4"}),
        (",no", {"Kim Minji/1.mp4", "이서연.mp4", "8.mp4"}),
        ("Kim Minji/2.mp4,yes", set()),
        ("Park Jiho/1.mp4,no", set()),
    ],
)
def test_a_refusal_of_nobody_bars_whom_it_may_mean(
    tmp_path: Path, line: str, barred: set[str]
) -> None:
    """A slip in the path of a refusal must not have somebody analysed who has refused."""
    _tree(tmp_path, "Kim Minji/1.mp4", "이서연.mp4", "8.mp4", "Minji Listed/1.mp4")
    _candidates(tmp_path, f"recording,consent\n{line}\nMinji Listed/1.mp4,yes\n")
    found = look(tmp_path)
    assert set(found.barred) == barred
    assert all(fault.code == "row_refusal" for fault in found.barred.values())
    assert found.faults[0].code == "row_recording"
    assert all(r.consent for r in found.recordings)


def test_a_line_that_stands_there_twice_does_no_harm(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, "recording,consent\na.mp4,no\na.mp4,아니요\n")
    assert not discover(tmp_path)[0].consent


@pytest.mark.parametrize("given", ["Kim", "Kim/1.mp4"])
def test_the_table_above_what_is_analysed_is_honoured(tmp_path: Path, given: str) -> None:
    _tree(tmp_path, "Kim/1.mp4", "Lee/1.mp4")
    _candidates(tmp_path, "recording,consent,display_name\nKim/1.mp4,no,김\nLee/1.mp4,no,\n")
    (found,) = discover(tmp_path / given)
    assert not found.consent and found.display_name == "김"


def test_a_table_of_its_own_cannot_give_the_consent_that_the_one_above_denies(
    tmp_path: Path,
) -> None:
    _tree(tmp_path, "Kim/1.mp4")
    _candidates(tmp_path, "recording,consent\nKim/1.mp4,no\n")
    _candidates(tmp_path / "Kim", "recording,consent\n1.mp4,yes\n")
    assert not discover(tmp_path / "Kim")[0].consent


def test_some_other_table_above_is_nobodys_business(tmp_path: Path) -> None:
    _tree(tmp_path, "in/Kim/1.mp4")
    _candidates(tmp_path, "name,score\nKim,3\n")
    assert discover(tmp_path / "in")[0].consent


@pytest.mark.parametrize("cell", ["maybe", "no,x"])
def test_a_table_above_whose_word_cannot_be_understood_bars_as_well(
    tmp_path: Path, cell: str
) -> None:
    _tree(tmp_path, "Kim/1.mp4", "Lee/1.mp4")
    _candidates(tmp_path, f"recording,consent\nKim/1.mp4,{cell}\nLee/1.mp4,what\n")
    assert {n: f.line for n, f in look(tmp_path / "Kim").barred.items()} == {"1.mp4": 2}
    _candidates(tmp_path / "Kim", "recording,consent\n1.mp4,yes\n")
    found = look(tmp_path / "Kim")
    assert list(found.barred) == ["1.mp4"] and len(found.faults) == 1


def test_thousands_of_refusals_of_nobody_cost_no_time(tmp_path: Path) -> None:
    """Centres keep the lines of recordings that they have deleted."""
    _tree(tmp_path, *(f"lee {k}/1.mp4" for k in range(300)))
    rows = "".join(f"once there was {k}/1.mp4,no\n" for k in range(3000))
    _candidates(tmp_path, f"recording,consent\n{rows}")
    started = time.process_time()
    assert look(tmp_path).barred == {}
    assert time.process_time() - started < 10


def test_other_peoples_lines_of_a_table_above_do_not_matter(tmp_path: Path) -> None:
    _tree(tmp_path, "Kim/1.mp4", "Lee/1.mp4")
    _candidates(tmp_path, "recording,session_date\nLee/1.mp4,9/5/2026\nLee/gone.mp4,\n")
    found = look(tmp_path / "Kim")
    assert (found.faults, found.barred) == ([], {})


def test_a_refusal_in_a_table_above_that_names_nobody_bars_whom_it_may_mean(
    tmp_path: Path,
) -> None:
    _tree(tmp_path, "Kim/1.mp4", "Lee/1.mp4")
    _candidates(tmp_path, "recording,consent\nKim/l.mp4,no\nLee/1.mp4,no\n")
    assert set(look(tmp_path / "Kim").barred) == {"1.mp4"}


# Dates


def test_dates_are_read_in_the_order_that_fits_the_column(tmp_path: Path) -> None:
    _tree(tmp_path, "us/first.mp4", "us/second.mp4")
    _candidates(
        tmp_path, "recording,session_date\nus/first.mp4,9/5/2026\nus/second.mp4,11/20/2026\n"
    )
    assert [r.session_date for r in discover(tmp_path)] == ["2026-09-05", "2026-11-20"]


@pytest.mark.parametrize(
    ("written", "why"),
    [("9/5/2026", "may be 2026-05-09 or 2026-09-05"), ("13/13/2026", "is no date"),
     ("11월 25일", "has no year")],
)  # fmt: skip
def test_a_date_that_may_be_two_or_is_none_costs_itself(
    tmp_path: Path, written: str, why: str
) -> None:
    _tree(tmp_path, "a.mp4", "20261120 b.mp4")
    rows = f"a.mp4,2026-11-01\n20261120 b.mp4,{written}\n"
    _candidates(tmp_path, f"recording,session_date\n{rows}")
    found = look(tmp_path)
    dates = {r.recording_id: r.session_date for r in found.recordings}
    assert dates == {"a.mp4": "2026-11-01", "20261120 b.mp4": "2026-11-20"}  # as if left empty
    (fault,) = found.faults
    assert (fault.code, fault.line, found.barred) == ("row_date", 3, {})
    assert repr(written) in fault.text and why in fault.text


# The resting face, and the portrait


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("0:00-0:06", (0.0, 6.0)),
        ("3-9", (3.0, 9.0)),
        ("3.5 s – 9.25 s", (3.5, 9.25)),
        ("1:02:03-1:02:09.5", (3723.0, 3729.5)),
        ("0:58 ~ 1:04", (58.0, 64.0)),
        ("", None),
    ],
)
def test_a_neutral_span(tmp_path: Path, written: str, span: tuple[float, float] | None) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, f"recording,neutral_span\na.mp4,{written}\n")
    assert discover(tmp_path)[0].neutral_span_s == span


@pytest.mark.parametrize(
    "written", ["6", "9-3", "3-3", "0:75-1:80", "a-b", "-3-9", "1:2:3:4-5", "nan-9", "0:0.5:1-9"]
)
def test_a_neutral_span_that_makes_no_sense(tmp_path: Path, written: str) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, f"recording,neutral_span,note\na.mp4,{written},x\n")
    found = look(tmp_path)
    assert (found.recordings[0].neutral_span_s, found.recordings[0].note) == (None, "x")
    (fault,) = found.faults
    assert (fault.code, fault.line, found.barred) == ("row_span", 2, {})
    assert repr(written) in fault.text and "0:00-0:06" in fault.text


def test_a_portrait(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "kim.jpg").write_bytes(JPEG)
    _candidates(tmp_path, "recording,portrait\na.mp4,faces\\kim.jpg\n")
    assert discover(tmp_path)[0].portrait == tmp_path / "faces" / "kim.jpg"


@pytest.mark.parametrize(
    "written",
    [
        "../kim.jpg",
        "gone.jpg",
        "link.jpg",
        "linked/kim.jpg",
        "a.mp4",
        "faces",
        "/etc/passwd",
        "x" * 300 + ".jpg",
    ],
)
def test_a_portrait_that_is_none_or_lies_elsewhere(tmp_path: Path, written: str) -> None:
    root = _tree(tmp_path / "in", "a.mp4")
    (tmp_path / "kim.jpg").write_bytes(JPEG)
    (root / "faces").mkdir()
    (root / "link.jpg").symlink_to(tmp_path / "kim.jpg")
    (root / "linked").symlink_to(tmp_path)
    _candidates(root, f"recording,portrait,consent\na.mp4,{written},yes\n")
    found = look(root)
    assert found.barred["a.mp4"].code == "row_portrait"  # who it is, is not guessed
    assert repr(written) in found.barred["a.mp4"].text
    _candidates(root, f"recording,portrait,consent\na.mp4,{written},no\n")
    found = look(root)
    assert not found.recordings[0].consent and found.barred == {}
