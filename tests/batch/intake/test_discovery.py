"""Discovery: which files are recordings, and whose."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from poise.batch.intake import discovery
from poise.batch.intake.discovery import SUFFIXES
from poise.batch.intake.discovery import discover as look
from poise.errors import SettingsError
from poise.reports.locales import load_texts
from poise.types import Recording

MXF = bytes.fromhex("060e2b34020501010d01020101020400")


KIM_NFC = unicodedata.normalize("NFC", "김철수")


KIM_NFD = unicodedata.normalize("NFD", "김철수")


def discover(root: Path) -> list[Recording]:
    """The recordings alone."""
    return look(root).recordings


def _aside(root: Path) -> dict[str, str]:
    """What is left aside: name to code."""
    return {left.name: left.code for left in look(root).left_aside}


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(os.fsencode(name))
    return root


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


def _container(path: Path, head: bytes = b"\0\0\0\x18ftypisom" + bytes(40)) -> Path:
    """A file that begins as a recording (MP4, unless other bytes are given)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head)
    return path


def test_other_files_are_no_recordings_and_are_named(tmp_path: Path) -> None:
    _tree(tmp_path, "a.txt", "b.mp4.part", "c.jpg", "d.wav", "e", "mp4", "f.zip", "thumbs.db")
    assert discover(tmp_path) == []
    assert _aside(tmp_path) == {
        "a.txt": "other_kind", "b.mp4.part": "unfinished_download", "c.jpg": "other_kind",
        "d.wav": "sound_only", "e": "other_kind", "mp4": "other_kind", "f.zip": "archive",
    }  # fmt: skip


def test_segments_beside_a_recording_are_not_left_aside(tmp_path: Path) -> None:
    _tree(tmp_path, "Kim/1.MP4", "Kim/1.vtt", "Kim/2.vtt", "1.vtt")
    assert _aside(tmp_path) == {"Kim/2.vtt": "other_kind", "1.vtt": "other_kind"}


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("Ahn/camcorder.mxf", MXF + bytes(40), "unfamiliar_ending"),
        ("webcam.asf", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "unfamiliar_ending"),
        ("Choi/VTS_01_1.VOB", b"\0\0\x01\xba" + bytes(40), "unfamiliar_ending"),
        ("Do/interview", b"\0\0\0\x18ftypisom" + bytes(40), "unfamiliar_ending"),
        ("a.mp4.crdownload", b"\0\0\0\x18ftypisom" + bytes(40), "unfinished_download"),
        ("double_click_to_convert_01.zoom", b"zoom", "zoom_unconverted"),
        ("a.ogv", b"OggS" + bytes(40), "unfamiliar_ending"),
        ("a.y4m", b"YUV4MPEG2" + bytes(40), "kind_not_read"),
        ("a.bin", b"nut/multimedia container" + bytes(40), "kind_not_read"),
        ("webex.arf", bytes(40), "kind_not_read"),
        ("a.RMVB", b".RMF" + bytes(40), "kind_not_read"),
        ("a.mkv.bak", b"\x1aE\xdf\xa3" + bytes(40), "unfamiliar_ending"),
        ("audio_only.m4a", b"\0\0\0\x18ftypM4A " + bytes(40), "sound_only"),
        ("photo.HEIC", b"\0\0\0\x18ftypheic" + bytes(40), "other_kind"),
        (".hidden.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "hidden"),
        (".private/kim.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "hidden"),
        ("._kim.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "hidden"),  # AppleDouble begins otherwise
        ("kim.mp4.download/kim.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "unfinished_download"),
        (".kim.mp4.icloud", b"bplist00", "not_downloaded"),
        ("kim.mp4.lnk", b"L\0\0\0", "leads_outside"),
    ],
)
def test_what_may_be_a_recording_is_named_with_its_reason(
    tmp_path: Path, name: str, head: bytes, code: str
) -> None:
    _container(tmp_path / name, head)
    _container(tmp_path / "lee.mp4")
    assert [r.recording_id for r in discover(tmp_path)] == ["lee.mp4"]
    assert _aside(tmp_path) == {name: code}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_reason_has_its_words(tmp_path: Path, language: str) -> None:
    source = Path(discovery.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'return "(\w+)"', source)) | set(re.findall(r'"(\w+)": "\.', source))
    codes |= {"unreadable_folder", "empty_folder", "leads_outside", "forgotten", "system_folder"}
    assert {"hidden", "archive", "kind_not_read", "no_permission"} <= codes
    texts = load_texts(language)
    for code in codes:
        assert texts.has(f"error.{code}.cause") and texts.has(f"error.{code}.remedy"), code


def test_what_systems_leave_behind_is_not_worth_a_word(tmp_path: Path) -> None:
    _tree(tmp_path, "._b.mp4", ".Trash-1000/c.trashinfo", ".DS_Store", "Thumbs.db",
          "desktop.ini", "kim/.d.txt", "kim/e.mp4", "#recycle/f.txt",
          "@eaDir/kim.mp4/SYNOPHOTO_FILM.flv")  # fmt: skip
    assert [r.recording_id for r in discover(tmp_path)] == ["kim/e.mp4"]
    assert _aside(tmp_path) == {}


def test_a_bin_is_not_analysed_and_one_with_recordings_is_named(tmp_path: Path) -> None:
    bins = [
        "#recycle", "@Recycle", "kim/$RECYCLE.BIN", ".Trash-1000", "lost+found", "#snapshot",
        "~snapshot", "RECYCLER", "Network Recycle Bin", "trashbox", "휴지통",
    ]  # fmt: skip
    _tree(tmp_path, "kim/e.mp4", *(f"{name}/kim/deleted.mp4" for name in bins))
    assert [r.recording_id for r in discover(tmp_path)] == ["kim/e.mp4"]
    assert _aside(tmp_path) == dict.fromkeys(bins, "system_folder")


def test_a_folder_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may open everything: the system's answer to another user is given here."""
    _tree(tmp_path, "kim/1.mp4", "lee/1.mp4")
    scandir = os.scandir

    def forbidden(place: str | Path) -> object:
        if Path(place) == tmp_path / "kim":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", forbidden)
    assert [r.recording_id for r in discover(tmp_path)] == ["lee/1.mp4"]
    assert _aside(tmp_path) == {"kim": "unreadable_folder"}


def test_an_empty_folder_below_the_top_is_named(tmp_path: Path) -> None:
    _tree(tmp_path, "kim/1.mp4", "lee/.DS_Store")
    for name in ("folder.mp4", "choi/first", "kim/second"):
        (tmp_path / name).mkdir(parents=True)
    assert [r.recording_id for r in discover(tmp_path)] == ["kim/1.mp4"]
    empty = ["folder.mp4", "choi/first", "kim/second", "lee"]
    assert _aside(tmp_path) == dict.fromkeys(empty, "empty_folder")


def test_links_that_lead_out_are_named_and_not_followed(tmp_path: Path) -> None:
    outside = _tree(tmp_path / "outside", "1.mp4", "folder/2.mp4")
    root = _tree(tmp_path / "in", "kim/1.mp4")
    (root / "out.mp4").symlink_to(outside / "1.mp4")
    (root / "gone.mp4").symlink_to(tmp_path / "gone.mp4")
    (root / "folder").symlink_to(outside / "folder")
    (root / "again.mp4").symlink_to(root / "kim" / "1.mp4")
    (root / "kim again").symlink_to(root / "kim")
    assert [r.recording_id for r in discover(root)] == ["again.mp4", "kim/1.mp4"]
    assert _aside(root) == dict.fromkeys(["out.mp4", "gone.mp4", "folder"], "leads_outside")


def test_a_pipe_is_named_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / "b")
    assert discover(tmp_path) == []
    assert _aside(tmp_path) == {"a.mp4": "not_a_file", "b": "not_a_file"}


def test_a_hidden_folder_above_the_input_does_not_matter(tmp_path: Path) -> None:
    assert len(discover(_tree(tmp_path / ".data", "a.mp4"))) == 1


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


@pytest.mark.parametrize("line", ["no", "later"])
def test_what_a_line_says_it_says_of_both_forms_of_a_name(tmp_path: Path, line: str) -> None:
    _tree(tmp_path, f"{KIM_NFC}.mp4", f"{KIM_NFD}.mp4", "lee.mp4")
    (tmp_path / "candidates.csv").write_text(f"recording,consent\n{KIM_NFD}.mp4,{line}\n", "utf-8")
    found = look(tmp_path)
    lee, kim, twin = found.recordings
    assert (kim.consent, twin.consent, lee.consent) == ((line != "no"),) * 2 + (True,)
    assert set(found.barred) == (
        {kim.recording_id, twin.recording_id} if line == "later" else set()
    )
    _tree(tmp_path / "more", f"{KIM_NFC}.mp4", f"{KIM_NFD}.mp4")
    (tmp_path / "candidates.csv").write_text(
        f"recording,consent\nmore/{KIM_NFC}.mp4,{line}\n", "utf-8"
    )
    below = look(tmp_path / "more")  # a table above it
    assert [r.consent for r in below.recordings] == [line != "no"] * 2
    assert len(below.barred) == (2 if line == "later" else 0)


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


def test_recordings_are_known_by_where_they_lie_not_by_where_one_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    (recording,) = discover(Path("in"))
    assert recording.path == tmp_path / "in" / "a.mp4"
