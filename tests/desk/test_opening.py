"""Opening: the command prints an address that lets in; a second desk is told of the first."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from click.testing import CliRunner

from poise.commands import main
from poise.desk.opening import recordings_of
from tests.desk.conftest import Night


@contextmanager
def _opened(*arguments: object, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and the address that it prints."""
    desk = subprocess.Popen(
        [sys.executable, "-m", "poise", "desk", *map(str, arguments), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
    )  # fmt: skip
    try:
        assert desk.stdout is not None
        yield desk, desk.stdout.readline().strip()
    finally:
        desk.kill()
        desk.communicate()


def test_the_address_lets_in_and_a_second_desk_is_told(night: Night, tmp_path: Path) -> None:
    with _opened(night.reports, "--lang", "ko", cwd=tmp_path) as (desk, address):
        assert address.startswith("http://127.0.0.1:")
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with browser.open(address, timeout=30) as answer:
            assert '<html lang="ko">' in answer.read().decode()
        second = subprocess.run(
            [sys.executable, "-m", "poise", "desk", str(night.reports), "--no-browser"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert second.returncode == 2
        assert f"a desk is open already: process {desk.pid} on" in second.stderr
        desk.send_signal(signal.SIGINT)
        assert desk.wait(60) in (0, 130)
        assert desk.stderr is not None and "Traceback" not in desk.stderr.read()


def test_the_recordings_of_the_last_run_are_the_ones(night: Night, one_night: Night) -> None:
    assert recordings_of(night.reports) == one_night.recordings
    assert recordings_of(night.reports.parent / "new") == night.reports.parent / "recordings"


@pytest.mark.parametrize("inside", ["reports/in", "."])
def test_one_directory_may_not_lie_in_the_other(tmp_path: Path, inside: str) -> None:
    done = CliRunner().invoke(
        main, ["desk", str(tmp_path / "reports"), "--recordings", str(tmp_path / inside)]
    )
    assert done.exit_code == 2 and "must not lie among" in done.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path, listener: tuple[int, list[str]]) -> None:
    done = CliRunner().invoke(main, ["desk", str(tmp_path / "r"), "--port", str(listener[0])])
    assert done.exit_code == 2 and "Give another one with --port" in done.stderr


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith(("poise.desk", "uvicorn", "starlette"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(main, ["desk", str(tmp_path / "r")])
    assert done.exit_code == 2 and "pip install 'poise[desk]'" in done.stderr
