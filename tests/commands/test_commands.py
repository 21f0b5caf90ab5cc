"""The command: options, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poise import __version__
from tests.commands.kit import Poise
from tests.conftest import Analysed


def _subprocess(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "poise", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_help_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = """
import sys, time
started = time.process_time()
from poise.commands import main
try:
    main(["analyze", "--help"])
except SystemExit as end:
    assert not end.code
heavy = {"torch", "pandas", "numpy", "cv2", "av", "decord", "joblib", "jinja2", "matplotlib"}
print(sorted(heavy & set(sys.modules)), time.process_time() - started, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded, seconds = done.stderr.rsplit(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 1.0
    assert "Analyse all recordings below RECORDINGS" in done.stdout


@pytest.mark.parametrize("command", ["analyze", "classify", "doctor"])
def test_every_command_explains_itself(poise: Poise, command: str) -> None:
    assert f"  {command} " in poise("--help").output
    assert poise(command, "--help").exit_code == 0


def test_version(poise: Poise) -> None:
    assert __version__ in poise("--version").output


def test_as_a_process(tmp_path: Path, analysed: Analysed, own_reports: Path) -> None:
    """A second run over what is done: the streams of a real process, in seconds."""
    started = time.monotonic()
    done = _subprocess(
        "analyze", str(analysed.recordings), "-o", str(own_reports),
        "--model", analysed.settings.model, "--device", "cpu", "--jobs", "1", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 30
    assert all(row["reused"] for row in json.loads(done.stdout)["recordings"])
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr
