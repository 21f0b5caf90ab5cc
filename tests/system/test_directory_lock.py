"""One run at a time: who holds a directory, and what the second one is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poise.errors import ReportError, SettingsError
from poise.system.directory_lock import Holder, held, holder, is_held

_HOLDS = """
import sys, time
from pathlib import Path
from poise.system.directory_lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path / ".poise")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_one_is_told_who_holds_it(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(SettingsError, match=f"process {other.pid} on ") as caught,
        held(tmp_path / ".poise"),
    ):
        pass
    assert "since 2" in caught.value.cause
    assert "--wait" in caught.value.remedy
    found = holder(tmp_path / ".poise")
    assert found is not None and found.pid == other.pid


def test_a_lock_goes_with_its_process(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert holder(tmp_path / ".poise") is None
    with held(tmp_path / ".poise"):
        assert holder(tmp_path / ".poise") == holder(tmp_path / ".poise")
        assert (holder(tmp_path / ".poise") or _NOBODY).pid == os.getpid()
    assert holder(tmp_path / ".poise") is None


_NOBODY = Holder(pid=-1, host="", since=0)


def test_waiting_goes_on_when_the_other_ends(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    told: list[Holder | None] = []

    def end() -> None:
        while not told:
            time.sleep(0.02)
        other.kill()

    ending = threading.Thread(target=end)
    ending.start()
    with held(tmp_path / ".poise", wait=True, waiting=told.append):
        assert other.wait() == -signal.SIGKILL
    ending.join()
    assert told[0] is not None and told[0].pid == other.pid


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"), held(tmp_path / "file" / ".poise"):
        pass


def test_the_lock_itself_says_whether_it_is_held(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    house = tmp_path / ".poise"
    assert is_held(house)
    other.kill()
    other.wait()
    assert (house / "holder.json").exists()  # which says nothing by itself
    assert not is_held(house) and not is_held(tmp_path / "none")
    with held(house):
        assert is_held(house)
