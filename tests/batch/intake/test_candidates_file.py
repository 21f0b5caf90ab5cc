"""`candidates.csv`: whatever a spreadsheet makes of it, and what it says of whom."""

from __future__ import annotations

import os
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


def test_candidates_csv_with_an_unknown_recording(tmp_path: Path) -> None:
    _tree(tmp_path, "a/1.mp4")
    _candidates(tmp_path, "recording,note\na/1.mp4,x\na/2.mp4,y\n")
    with pytest.raises(SettingsError, match=r"line 3 names 'a/2\.mp4'"):
        discover(tmp_path)


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


def test_a_line_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    """A comma in a note would otherwise shift or lose what stands behind it: the consent."""
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, "recording,note,consent\na.mp4,nervous, but fine,no\n")
    with pytest.raises(SettingsError, match="line 2 has more cells"):
        look(tmp_path)


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


@pytest.mark.parametrize("word", ["maybe", "non", "?", "-", "pending", "yes/no"])
def test_a_word_that_is_neither_names_line_and_value(tmp_path: Path, word: str) -> None:
    _tree(tmp_path, "a.mp4", "b.mp4")
    _candidates(tmp_path, f"recording,consent\na.mp4,yes\nb.mp4,{word}\n")
    with pytest.raises(SettingsError, match="line 3 has the consent") as caught:
        look(tmp_path)
    assert repr(word) in caught.value.cause


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("a.mp4,no,\na.mp4,yes,", "consent"),
        ("a.mp4,,\na.mp4,no,", "consent"),
        ("a.mp4,yes,first\n./a.mp4,yes,second", "note"),
    ],
)
def test_a_recording_listed_twice_with_different_words_is_refused_with_both_lines(
    tmp_path: Path, rows: str, what: str
) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, f"recording,consent,note\n{rows}\n")
    with pytest.raises(SettingsError, match=f"lines 2 and 3 both name 'a.mp4'.*{what}"):
        look(tmp_path)


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


# Dates


def test_dates_are_read_in_the_order_that_fits_the_column(tmp_path: Path) -> None:
    _tree(tmp_path, "us/first.mp4", "us/second.mp4")
    _candidates(
        tmp_path, "recording,session_date\nus/first.mp4,9/5/2026\nus/second.mp4,11/20/2026\n"
    )
    assert [r.session_date for r in discover(tmp_path)] == ["2026-09-05", "2026-11-20"]


def test_a_date_that_may_be_two_is_refused_with_line_and_value(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    _candidates(tmp_path, "recording,session_date\na.mp4,9/5/2026\n")
    with pytest.raises(
        SettingsError, match=r"line 2 has the session_date '9/5/2026', which may be 2026-05-09 or"
    ):
        look(tmp_path)


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
    _candidates(tmp_path, f"recording,neutral_span\na.mp4,{written}\n")
    with pytest.raises(SettingsError, match="line 2 has the neutral_span") as caught:
        look(tmp_path)
    assert repr(written) in caught.value.cause and "0:00-0:06" in caught.value.remedy


def test_a_portrait(tmp_path: Path) -> None:
    _tree(tmp_path, "a.mp4")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "kim.jpg").write_bytes(JPEG)
    _candidates(tmp_path, "recording,portrait\na.mp4,faces\\kim.jpg\n")
    assert discover(tmp_path)[0].portrait == tmp_path / "faces" / "kim.jpg"


@pytest.mark.parametrize(
    "written",
    ["../kim.jpg", "gone.jpg", "link.jpg", "linked/kim.jpg", "a.mp4", "faces", "/etc/passwd"],
)
def test_a_portrait_that_is_none_or_lies_elsewhere(tmp_path: Path, written: str) -> None:
    root = _tree(tmp_path / "in", "a.mp4")
    (tmp_path / "kim.jpg").write_bytes(JPEG)
    (root / "faces").mkdir()
    (root / "link.jpg").symlink_to(tmp_path / "kim.jpg")
    (root / "linked").symlink_to(tmp_path)
    _candidates(root, f"recording,portrait\na.mp4,{written}\n")
    with pytest.raises(SettingsError, match="line 2 has the portrait") as caught:
        look(root)
    assert repr(written) in caught.value.cause
