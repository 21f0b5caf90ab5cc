"""A wrong line in a table costs itself or the recording that it names, and never the batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.batch.forgetting.purge import purge
from poise.batch.outcomes import Listener, RunResult
from poise.batch.rerender import render
from poise.batch.run import analyze
from poise.errors import SettingsError
from poise.settings import Settings
from tests.batch.kit import Pretended, Run, by_id, read_table, write_recordings

CANDIDATES = "recording,candidate_id,session_date,consent,neutral_span,portrait,note"
SEGMENTS = "recording,start,end,label"
NOTES = "recording,time,author,note"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Recordings of three people."""
    return write_recordings(tmp_path / "in", kim__1=b"kim", lee__1=b"lee, ", park__1=b"park, ,")


def _table(root: Path, name: str, header: str, *lines: str) -> None:
    (root / name).write_text("\n".join([header, *lines, ""]), encoding="utf-8")


def _statuses(result: RunResult) -> dict[str, str]:
    return {name.partition("/")[0]: str(o.status) for name, o in by_id(result).items()}


def _index(result: RunResult) -> str:
    assert result.index is not None
    return result.index.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("kim/1.mp4,,,maybe,,,", "row_consent"),
        ("kim/1.mp4,,,yes,,gone.jpg,", "row_portrait"),
        ("kim/1.mp4,,,,,,nervous, but fine", "row_unreadable"),
        ("kim/1.mp4,,,yes,,,\nkim/1.mp4,,,no,,,", "row_twice"),
        ("kim/2.mp4,,,no,,,", "row_refusal"),
    ],
)
def test_what_may_concern_consent_or_person_costs_that_recording(
    root: Path, pretended: Pretended, analyse_here: Run, line: str, code: str
) -> None:
    analyse_here()  # what is stored is no reason to show it
    _table(root, "candidates.csv", CANDIDATES, line, "park/1.mp4,,,no,,,")
    said: list[str] = []
    pretended.seen.clear()
    (root / "lee" / "2.mp4").write_bytes(b"new")
    result = analyse_here(listener=Listener(noticed=said.append))
    assert _statuses(result) == {"kim": "failed", "lee": "done", "park": "not_consented"}
    assert pretended.seen == ["2.mp4"] and result.exit_code == 3
    assert by_id(result)["kim/1.mp4"].code == code
    assert any("kim/1.mp4 is not analysed" in text for text in said)
    rows = read_table(result.output / "recordings.csv").set_index("recording_id")
    assert rows["error_code"]["kim/1.mp4"] == code and rows["coverage"].isna()["kim/1.mp4"]
    assert "kim/1.mp4 (candidates.csv:" in _index(result)
    assert "<figure" not in (result.output / "kim" / "report.html").read_text(encoding="utf-8")

    _table(root, "candidates.csv", CANDIDATES, "kim/1.mp4,,,yes,,,")
    mended = analyse_here()
    assert _statuses(mended) == {"kim": "done", "lee": "done", "park": "done"}
    assert by_id(mended)["kim/1.mp4"].reused  # a slip is no withdrawal
    assert "candidates.csv:" not in _index(mended)


@pytest.mark.parametrize(
    ("name", "header", "line", "code"),
    [
        ("candidates.csv", CANDIDATES, "kim/1.mp4,,9/5/2026,,,,", "row_date"),
        ("candidates.csv", CANDIDATES, "kim/1.mp4,,,,soon,,", "row_span"),
        ("candidates.csv", CANDIDATES, "gone/1.mp4,,,,,,", "row_recording"),
        ("candidates.csv", CANDIDATES, "kim/1.mp4,,,,,,a\nkim/1.mp4,,,,,,b", "row_twice"),
        ("segments.csv", SEGMENTS, "kim/1.mp4,0,soon,x", "row_time"),
        ("segments.csv", SEGMENTS, "gone/1.mp4,0,1,x", "row_recording"),
        ("segments.csv", SEGMENTS, "kim/1.mp4,0,2,x\nkim/1.mp4,1,3,y", "row_overlap"),
        ("segments.csv", SEGMENTS, "kim/1.mp4,9:00,9:30,x", "row_beyond"),
        ("notes.csv", NOTES, "kim/1.mp4,soon,,x", "row_time"),
        ("notes.csv", NOTES, "gone/1.mp4,1,,x", "row_recording"),
        ("notes.csv", NOTES, "kim/1.mp4,1,,nervous, but fine", "row_unreadable"),
        ("notes.csv", NOTES, "kim/1.mp4,9:00,,x", "row_beyond"),
        ("kim/1.vtt", "no WebVTT", "", "webvtt"),
    ],
)
def test_any_other_wrong_line_costs_itself_and_is_named(
    root: Path, analyse_here: Run, name: str, header: str, line: str, code: str
) -> None:
    _table(root, name, header, line)
    said: list[str] = []
    result = analyse_here(listener=Listener(noticed=said.append))
    assert set(_statuses(result).values()) == {"done"} and result.exit_code == 0
    codes = [left.code for left in result.left_aside if left.code != "other_kind"]
    assert codes == [code] and len(said) == 1
    assert Path(name).name in said[0]
    table = read_table(result.output / "left_aside.csv").set_index("code")
    assert Path(name).name in table["name"][code] and len(table["remedy"][code]) > 10
    assert table["name"][code] in _index(result)


def test_written_again_they_are_named_too(root: Path, analyse_here: Run) -> None:
    _table(root, "candidates.csv", CANDIDATES, "kim/1.mp4,,9/5/2026,,,,", "gone/1.mp4,,,,,,")
    _table(root, "segments.csv", SEGMENTS, "kim/1.mp4,0,soon,x", "gone/1.mp4,0,1,x")
    _table(root, "notes.csv", NOTES, "kim/1.mp4,soon,,x", "kim/1.mp4,1,,nervous, but fine")
    result = analyse_here()
    assert len(result.left_aside) == 6
    again = render(result.output, language="ko")
    assert again.left_aside == sorted(result.left_aside, key=lambda left: left.name)
    assert all(left.name in _index(result) for left in result.left_aside)


def test_a_stretch_that_is_to_be_left_out_and_cannot_be_read(root: Path, analyse_here: Run) -> None:
    _table(root, "segments.csv", SEGMENTS, "kim/1.mp4,0,soon,exclude", "lee/1.mp4,0,0:01,exclude")
    result = analyse_here()
    assert _statuses(result) == {"kim": "failed", "lee": "done", "park": "done"}
    assert by_id(result)["kim/1.mp4"].code == "row_time"


@pytest.mark.parametrize("name", ["candidates.csv", "segments.csv", "notes.csv"])
@pytest.mark.parametrize("data", [b"PK\x03\x04", b"nonsense\n", b"\x00\x01\x02", b"recording\n"])
def test_what_is_no_such_table_stops_before_anything_is_computed(
    root: Path, pretended: Pretended, analyse_here: Run, name: str, data: bytes
) -> None:
    if (name, data) == ("candidates.csv", b"recording\n"):
        return  # this one may be as short as that
    (root / name).write_bytes(data)
    with pytest.raises(SettingsError) as error:
        analyse_here()
    assert name in str(error.value) and pretended.seen == []
    assert not (root.parent / "out").exists()


def test_strict_stops_at_a_wrong_line(root: Path, pretended: Pretended, analyse_here: Run) -> None:
    _table(root, "notes.csv", NOTES, "kim/1.mp4,soon,,x")
    with pytest.raises(SettingsError, match=r"notes\.csv: line 2 has the time 'soon'"):
        analyse_here(strict=True)
    assert pretended.seen == []


def test_a_twin_of_a_barred_recording_is_analysed(root: Path, analyse_here: Run) -> None:
    (root / "lee" / "1.mp4").write_bytes(b"kim")
    _table(root, "candidates.csv", CANDIDATES, "kim/1.mp4,,,maybe,,,")
    assert _statuses(analyse_here()) == {"kim": "failed", "lee": "done", "park": "done"}


def test_a_dry_run_says_it_too(root: Path, analyse_here: Run) -> None:
    _table(root, "candidates.csv", CANDIDATES, "kim/1.mp4,,,maybe,,,")
    result = analyse_here(dry_run=True)
    assert _statuses(result) == {"kim": "failed", "lee": "planned", "park": "planned"}
    assert "line 2 has the consent 'maybe'" in by_id(result)["kim/1.mp4"].message


def test_a_purge_takes_lines_that_name_the_person_along(
    tmp_path: Path, pretended: Pretended, settings: Settings
) -> None:
    root = write_recordings(tmp_path / "in", **{"Yun Bora": b"yun", "lee__1": b"lee"})
    (root / "Yun Bora.txt").touch()
    lines = ["Yun Bora.mp4,soon,,x", "Yun Bora.mp4,9:00,,y", "lee/1.mp4,soon,,x"]
    _table(root, "notes.csv", NOTES, *lines)
    result = analyze(root, tmp_path / "out", settings)
    assert len(result.left_aside) == 4
    purge(tmp_path / "out", "Yun Bora")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in files if b"Yun Bora" in path.read_bytes()]
    again = analyze(root, tmp_path / "out", settings)
    assert {left.name for left in again.left_aside} == {"", "lee/1.mp4 (notes.csv:4)"}
