"""Discovery: which files are recordings, and whose."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poise.batch.discovery import SUFFIXES, discover, safe_name
from poise.errors import SettingsError
from poise.types import Recording

KIM_NFC = unicodedata.normalize("NFC", "김철수")
KIM_NFD = unicodedata.normalize("NFD", "김철수")


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.fsencode(name))
    return root


def _candidates(root: Path, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (root / "candidates.csv").write_bytes(data)


def _owners(found: list[Recording]) -> dict[str, str]:
    return {recording.recording_id: recording.candidate_id for recording in found}


def test_the_folder_below_the_top_is_the_candidate(tmp_path: Path) -> None:
    _tree(tmp_path, "kim/1.mp4", "kim/later/2.mov", "lee/1.webm")
    assert _owners(discover(tmp_path)) == {
        "kim/1.mp4": "kim", "kim/later/2.mov": "kim", "lee/1.webm": "lee"
    }  # fmt: skip


def test_at_the_top_the_stem_is_the_candidate(tmp_path: Path) -> None:
    _tree(tmp_path, "park ji-min.take 2.mp4")
    assert _owners(discover(tmp_path)) == {"park ji-min.take 2.mp4": "park ji-min.take 2"}


def test_a_single_file(tmp_path: Path) -> None:
    _tree(tmp_path, "a/박 지민.mp4")
    (found,) = discover(tmp_path / "a" / "박 지민.mp4")
    assert (found.recording_id, found.candidate_id) == ("박 지민.mp4", "박 지민")


def test_recordings_come_in_order(tmp_path: Path) -> None:
    _tree(tmp_path, "b.mp4", "a/2.mp4", "a/1.mp4", "C.mp4")
    ids = [recording.recording_id for recording in discover(tmp_path)]
    assert ids == sorted(ids)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_suffixes_in_either_case(tmp_path: Path, suffix: str) -> None:
    _tree(tmp_path, f"a{suffix}", f"B{suffix.upper()}")
    assert len(discover(tmp_path)) == 2


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    _tree(tmp_path, "a.txt", "b.mp4.part", "c.jpg", "d.wav", "e", "mp4", "thumbs.db")
    (tmp_path / "folder.mp4").mkdir()
    assert discover(tmp_path) == []


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    _tree(tmp_path, ".a.mp4", "._b.mp4", ".trash/c.mp4", "kim/.d.mp4", "kim/e.mp4")
    assert [r.recording_id for r in discover(tmp_path)] == ["kim/e.mp4"]


def test_a_hidden_folder_above_the_input_does_not_matter(tmp_path: Path) -> None:
    assert len(discover(_tree(tmp_path / ".data", "a.mp4"))) == 1


def test_a_dangling_link_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    assert discover(tmp_path) == []


def test_an_empty_folder(tmp_path: Path) -> None:
    assert discover(tmp_path) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        discover(tmp_path / "none")


@pytest.mark.parametrize("form", [KIM_NFC, KIM_NFD], ids=["NFC", "NFD"])
def test_korean_names_are_composed(tmp_path: Path, form: str) -> None:
    _tree(tmp_path, f"{form}/{form} 1.mp4")
    (found,) = discover(tmp_path)
    assert found.recording_id == f"{KIM_NFC}/{KIM_NFC} 1.mp4"
    assert (found.candidate_id, found.display_name) == (KIM_NFC, KIM_NFC)
    assert found.path.is_file()


def test_both_forms_of_a_folder_are_one_candidate(tmp_path: Path) -> None:
    _tree(tmp_path, f"{KIM_NFC}/1.mp4", f"{KIM_NFD}/2.mp4")
    assert set(_owners(discover(tmp_path)).values()) == {KIM_NFC}


def test_both_forms_of_a_file_are_two_recordings(tmp_path: Path) -> None:
    """What is done with a recording is kept by its identifier: no two may share one."""
    _tree(tmp_path, f"{KIM_NFC}.mp4", f"{KIM_NFD}.mp4")
    found = discover(tmp_path)
    assert len(found) == 2
    assert len({recording.recording_id for recording in found}) == 2


def test_a_name_in_another_encoding_can_still_be_written(tmp_path: Path) -> None:
    """Names from a Korean zip file may be no UTF-8; Python gives such bytes as lone surrogates."""
    _tree(tmp_path, os.fsdecode("김철수/1.mp4".encode("cp949")), "lee/1.mp4")
    found = discover(tmp_path)
    assert len(found) == 2 and all(recording.path.is_file() for recording in found)
    for recording in found:
        for name in (recording.recording_id, recording.candidate_id, recording.display_name):
            assert name.encode("utf-8")


def test_names_that_collide_after_cleaning(tmp_path: Path) -> None:
    _tree(tmp_path, "a?/1.mp4", "a*/1.mp4", "a_b/1.mp4", "a:b/1.mp4")
    found = discover(tmp_path)
    assert len({recording.candidate_id for recording in found}) == 4
    assert {recording.display_name for recording in found} == {"a?", "a*", "a_b", "a:b"}


def test_names_that_differ_only_in_case(tmp_path: Path) -> None:
    _tree(tmp_path, "Kim/1.mp4", "kim/1.mp4", "KIM.mp4")
    names = {recording.candidate_id for recording in discover(tmp_path)}
    assert len({name.casefold() for name in names}) == 3


def test_a_number_given_to_one_does_not_collide_with_a_name(tmp_path: Path) -> None:
    _tree(tmp_path, "a/1.mp4", "A/1.mp4", "a (2)/1.mp4")
    names = {recording.candidate_id for recording in discover(tmp_path)}
    assert len({name.casefold() for name in names}) == 3


def test_recordings_of_one_candidate_share_the_name(tmp_path: Path) -> None:
    _tree(tmp_path, "a?/1.mp4", "a?/2.mp4", "a?/x/3.mp4", "a_/1.mp4")
    owners = _owners(discover(tmp_path))
    assert owners["a?/1.mp4"] == owners["a?/2.mp4"] == owners["a?/x/3.mp4"] != owners["a_/1.mp4"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kim Ji-min", "Kim Ji-min"),
        ("김 지민 (2)", "김 지민 (2)"),
        ("a/b\\c", "a_b_c"),
        ("tab\there", "tab_here"),
        ("  ends. ", "ends"),
        (".hidden", "hidden"),
        ("#50%?", "50"),
        ("index", "candidate_index"),
        ("CON", "candidate_CON"),
        ("nul.txt", "candidate_nul.txt"),
        ("", "candidate"),
        ("...", "candidate"),
        ("é", "é"),
    ],
)
def test_safe_names(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@pytest.mark.parametrize("name", ["recordings.csv", "data_dictionary.csv", "recordings.parquet"])
def test_no_candidate_is_called_as_a_table_of_the_run(name: str) -> None:
    assert safe_name(name).casefold() != name


@given(st.text(max_size=200))
@example("0000" + "𐎠" * 28 + " 𐎠")  # cut to length just behind a space
def test_every_name_becomes_one_that_file_systems_take(name: str) -> None:
    safe = safe_name(name)
    assert safe and len(safe.encode()) <= 140
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t')
    assert safe == safe.strip() and not safe.startswith(".") and not safe.endswith(".")
    assert safe == unicodedata.normalize("NFC", safe)


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
    "header", ["recording,name", "candidate_id,note", "", "recording;note"],
    ids=["unknown column", "no recording", "empty", "semicolons"],
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


@pytest.mark.parametrize(
    ("name", "session_date"),
    [
        ("2026-11-20 second.mp4", "2026-11-20"),
        ("kim/20261120_091500.mp4", "2026-11-20"),
        ("kim/KakaoTalk_2026.11.20 9.mp4", "2026-11-20"),
        ("kim/2026-11-20/answer.mp4", "2026-11-20"),
        ("2025-01-01/2026_11_20.mp4", "2026-11-20"),
        ("kim/2026-13-40.mp4", ""),
        ("kim/120261120.mp4", ""),
        ("kim/2026-1120.mp4", ""),
        ("kim/answer.mp4", ""),
    ],
)
def test_a_date_in_the_name(tmp_path: Path, name: str, session_date: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    (recording,) = discover(tmp_path)
    assert recording.session_date == session_date
