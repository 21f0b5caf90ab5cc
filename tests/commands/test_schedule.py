"""`poise schedule`: prints what starts the batch every night, with the options that were given."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from poise.commands import main
from poise.commands.analyze import analyze


def _printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["schedule", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_line_is_a_command_that_poise_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = [
        "--language",
        "ko",
        "--no-private",
        "--sample-rate-hz",
        "4",
        "--centre-note",
        "-o x",
    ]
    line = _printed("내 녹화", "-o", "out", "--at", "05:07", "--for", "cron", *options)
    assert line.startswith("7 5 * * * ")
    words = shlex.split(line)[6:]
    assert words[:4] == [sys.executable, "-m", "poise", "analyze"]
    given = analyze.make_context("analyze", words[4:]).params
    assert given["recordings"] == tmp_path / "내 녹화" and given["output"] == tmp_path / "out"
    told = (given["language"], given["private"], given["sample_rate_hz"], given["centre_note"])
    assert told == ("ko", False, 4.0, "-o x")
    assert given["jobs"] is None


def test_each_kind_says_where_it_goes(tmp_path: Path) -> None:
    where = (str(tmp_path), "-o", str(tmp_path / "out"))
    units = _printed(*where, "--for", "systemd")
    assert "poise.service" in units and "poise.timer" in units and "22:00:00" in units
    task = _printed(*where, "--for", "windows")
    assert ElementTree.fromstring(task).tag.endswith("Task") and "Register-ScheduledTask" in task


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux has")
def test_without_a_wish_it_is_what_this_system_has(tmp_path: Path) -> None:
    printed = _printed(str(tmp_path), "-o", str(tmp_path / "out"))
    assert "[Timer]" in printed and "0 22 * * * nice" in printed and "<Task" not in printed


def test_a_wrong_setting_is_refused_before_the_night(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["schedule", str(tmp_path), "-o", "x", "--centre-logo", "none.png"]
    )
    assert result.exit_code == 2


@pytest.mark.parametrize("encoding", ["cp949:strict", "ascii:strict"])
def test_a_console_that_lacks_letters_costs_no_exit_code(tmp_path: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments, code in (
        (["schedule", "면접 — é 👍", "-o", str(tmp_path / "out"), "--for", "cron"], 0),
        (["analyze", str(tmp_path / "없음 — é 👍"), "-o", str(tmp_path / "out")], 2),
        (["analyze", str(tmp_path), "-o", str(tmp_path / "out"), "--decode", "— 👍"], 2),
        (["--help"], 0),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "poise", *arguments],
            env=environment, cwd=tmp_path, capture_output=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr and (done.stdout or done.stderr)
