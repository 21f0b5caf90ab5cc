"""The log of a run: JSON lines without directories of this machine, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.system.run_log import RunLog, versions, without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Errno 2] No such file: '/home/kim/videos/a.mp4'", "[Errno 2] No such file: '.../a.mp4'"),
        ("cannot read /mnt/Kim Minji (2)/take 1/a b.mp4: torn", "cannot read .../a b.mp4: torn"),
        ("'/mnt/O'Brien, Pat; x/김 민지/a.mp4'", "'.../a.mp4'"),
        ("C:\\Users\\Kim Minji\\a.mp4 is torn", ".../a.mp4 is torn"),
        ("\\\\server\\share of kim\\a.mp4", ".../a.mp4"),
        ("from /srv/kim lee/a.mp4 to /srv/park/b.mp4", "from .../b.mp4"),
        ("kim/a.mp4 is torn", "kim/a.mp4 is torn"),
        ("1/2 of it; 1.5x", "1/2 of it; 1.5x"),
    ],
)
def test_paths_lose_their_directories(text: str, expected: str) -> None:
    assert without_paths({"a": [text]}) == {"a": [expected]}


def test_every_line_is_json_with_a_time_whatever_the_name(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.write("recording", id="\udcff\x1b[2J\n이름")
    (line,) = log.path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["event"] == "recording" and json.loads(line)["time"].endswith("Z")


def test_an_exception_is_noted_as_the_end(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunLog(tmp_path) as log:
        raise ZeroDivisionError
    assert json.loads(log.path.read_text(encoding="utf-8"))["by"] == "ZeroDivisionError"


def test_old_logs_go(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for k in range(150):
        (tmp_path / "logs" / f"2025{k:04d}.jsonl").touch()
    with RunLog(tmp_path) as log:
        pass
    assert len(list((tmp_path / "logs").iterdir())) == 101 and log.path.exists()


def test_versions_of_what_reads_and_computes() -> None:
    assert {"python", "system", "torch", "av", "numpy"} <= set(versions())
