"""Writing candidates.csv: what was asked for changes, and nothing else."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import pytest

from poise.batch.intake.candidates_file import CANDIDATES_FILE
from poise.batch.intake.candidates_writer import edit_candidates
from poise.batch.intake.discovery import discover
from poise.errors import SettingsError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    (folder / "kim").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (folder / "kim" / name).write_bytes(b"\0" * 32)
    return folder


def _table(root: Path) -> list[list[str]]:
    text = (root / CANDIDATES_FILE).read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_table_is_made_that_its_reader_takes(root: Path) -> None:
    values = {
        "display_name": "김민지",
        "session_date": "2026-11-06",
        "note": 'says "hi", twice\nso',
        "consent": "no",
        "neutral_span": "0:00-0:06",
    }
    path = edit_candidates(root, {"kim/a.mp4": values})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = discover(root).recordings
    assert (first.display_name, first.session_date, first.consent) == (
        "김민지",
        "2026-11-06",
        False,
    )
    assert (first.note, first.neutral_span_s) == ('says "hi", twice\nso', (0.0, 6.0))
    assert (second.display_name, second.consent) == ("kim", True)


def test_all_else_stays_as_it_stands(root: Path) -> None:
    before = (
        "Recording;Coach;note;;\r\nkim\\b.mp4;박;x;;\r\n;;;;\r\ngone.mp4;이;=1+1;;\r\n"
        "./kim/a.mp4;최;old;;\r\n"
    )
    (root / CANDIDATES_FILE).write_bytes(before.encode("cp949"))
    edit_candidates(root, {"kim/a.mp4": {"consent": "no", "note": "new; and more"}})
    text = (root / CANDIDATES_FILE).read_text(encoding="utf-8-sig")
    cells = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert cells[0] == ["Recording", "Coach", "note", "", "", "consent"]
    assert cells[1] == ["kim\\b.mp4", "박", "x", "", "", ""]
    assert not any(cells[2])
    assert cells[3] == ["gone.mp4", "이", "=1+1", "", "", ""]
    assert cells[4] == ["./kim/a.mp4", "최", "new; and more", "", "", "no"]
    assert len(cells) == 5


def test_the_same_again_changes_nothing(root: Path) -> None:
    change = {"kim/a.mp4": {"display_name": "Kim, Minji", "consent": "yes"}}
    before = edit_candidates(root, change).read_bytes()
    assert edit_candidates(root, change).read_bytes() == before


def test_the_rights_of_a_table_stay(root: Path) -> None:
    path = edit_candidates(root, {"kim/a.mp4": {"consent": "yes"}})
    path.chmod(0o664)
    edit_candidates(root, {"kim/a.mp4": {"consent": "no"}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_both_lines_of_a_recording_agree_afterwards(root: Path) -> None:
    (root / CANDIDATES_FILE).write_text("recording,note\nkim/a.mp4,x\nkim/a.mp4,x\n")
    edit_candidates(root, {"kim/a.mp4": {"note": "y"}})
    assert _table(root)[1:] == [["kim/a.mp4", "y"], ["kim/a.mp4", "y"]]
    assert discover(root).recordings[0].note == "y"


@pytest.mark.parametrize(
    "values",
    [{"consent": "perhaps"}, {"neutral_span": "9-3"},
     {"portrait": "../../etc/passwd"}, {"portrait": "none.jpg"}, {"candidate_id": "x"}],
)  # fmt: skip
def test_what_the_reader_would_refuse_is_not_written(root: Path, values: dict[str, str]) -> None:
    before = edit_candidates(root, {"kim/b.mp4": {"note": "x"}}).read_bytes()
    with pytest.raises(SettingsError):
        edit_candidates(root, {"kim/a.mp4": values})
    assert (root / CANDIDATES_FILE).read_bytes() == before


def test_characters_that_cannot_be_read_are_not_lost(root: Path) -> None:
    before = b"recording,note\r\nkim/a.mp4,\xff\x80\r\n"
    (root / CANDIDATES_FILE).write_bytes(before)
    with pytest.raises(SettingsError, match="cannot be read"):
        edit_candidates(root, {"kim/b.mp4": {"note": "x"}})
    assert (root / CANDIDATES_FILE).read_bytes() == before


def test_a_table_above_or_a_link_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / CANDIDATES_FILE).write_text("recording,note\nrecordings/kim/a.mp4,x\n")
    with pytest.raises(SettingsError, match="lies above"):
        edit_candidates(root, {"kim/a.mp4": {"note": "y"}})
    assert not (root / CANDIDATES_FILE).exists()
    (root / CANDIDATES_FILE).symlink_to(tmp_path / CANDIDATES_FILE)
    with pytest.raises(SettingsError, match="is a link"):
        edit_candidates(root, {"kim/a.mp4": {"note": "y"}})
