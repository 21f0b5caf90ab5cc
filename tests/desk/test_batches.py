"""Batches from the desk: in a process of their own, seen wherever they were started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poise.desk.batches import Batches
from poise.errors import SettingsError
from poise.settings import Settings
from poise.storage.results.store import ResultStore
from poise.system.directory_lock import held, holder
from tests.clips import face_clip, frames_at
from tests.conftest import SAMPLES
from tests.desk.conftest import Night
from tests.desk.kit import serving
from tests.processes import descendants, is_alive, wait_until


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    images = frames_at(SAMPLES / "Sample A" / "interview 1.mp4", (0.6, 4.0, 7.0))
    face_clip(folder / "a.mp4", images)
    return folder


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_batch_outlives_its_desk_and_goes_on_after_it_was_killed(
    tmp_path: Path, recordings: Path
) -> None:
    reports, pages, file = tmp_path / "reports", [], tmp_path / "poise.toml"
    file.write_text("frames_per_class = 0\nsound = false\n", encoding="utf-8")
    quick = {"settings": Settings(frames_per_class=0, sound=False), "settings_file": file}
    with serving(reports, recordings, **quick) as there:
        assert there.ask("/batch/start", "POST", {"language": "ko"}).code == 200
        assert there.ask("/batch/start", "POST", {"language": "ko"}).code == 409
        assert there.ask("/status").json()["running"] is True
        wait_until(lambda: holder(reports / ".poise"))
    with serving(reports, recordings, **quick) as there:

        def told() -> dict[str, Any]:
            pages.append(there.ask("/status").json())
            return dict(pages[-1])

        assert told()["running"] is True
        wait_until(lambda: told()["rows"]["a.mp4"]["status"] == "running")
        found = holder(reports / ".poise")
        assert found is not None and os.getsid(found.pid) == found.pid != os.getsid(0)
        family = descendants(found.pid)
        os.killpg(found.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, [found.pid, *family])))
        wait_until(lambda: not told()["running"])
        assert "was stopped before its end" in told()["headline"]
        assert told()["button"] == "Continue the analysis"
        assert there.ask("/batch/start", "POST", {"language": "ko"}).code == 200
        wait_until(lambda: not told()["running"])
        assert told()["rows"]["a.mp4"]["status"] == "done"
        assert "1 finished." in told()["detail"]
        assert any(page["rows"]["a.mp4"]["seen"] for page in pages), "how far it was"
    assert '<html lang="ko">' in (reports / "a" / "report.html").read_text(encoding="utf-8")


def test_a_batch_of_somebody_else_is_seen_and_named(night: Night) -> None:
    program = (
        "import sys, time; from pathlib import Path; from poise.system.directory_lock import held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(night.reports / ".poise")], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with serving(night.reports, night.recordings) as there:
            assert there.ask("/status").json()["running"] is True
            answer = there.ask("/batch/start", "POST", {"language": "en"})
            assert f"process {other.pid} on" in answer.json()["cause"]
            assert there.ask("/batch/stop", "POST", {}).code == 200
            assert other.wait(60) == -signal.SIGTERM
    finally:
        other.kill()
        other.communicate()


def test_nobody_is_stopped_who_does_not_hold_the_directory(night: Night) -> None:
    """A note of a batch that died may bear the number of some other process by now."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with held(night.reports / ".poise"):
            note = (night.reports / ".poise" / "holder.json").read_text(encoding="utf-8")
        stale = note.replace(f'"pid": {os.getpid()}', f'"pid": {bystander.pid}')
        (night.reports / ".poise" / "holder.json").write_text(stale, encoding="utf-8")
        with pytest.raises(SettingsError, match="no batch goes on"):
            Batches(night.recordings, night.reports, None).stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_why_a_batch_could_not_begin_is_told(tmp_path: Path, recordings: Path) -> None:
    (recordings / "candidates.csv").write_text("recording,colour\na.mp4,red\n")
    batches = Batches(recordings, tmp_path / "reports", None)
    (tmp_path / "reports").mkdir()
    batches.start("en")
    wait_until(lambda: not batches.standing().running)
    wait_until(lambda: batches.standing().trouble)
    trouble = batches.standing().trouble
    assert trouble is not None and trouble.code == "table_columns"
    assert str(trouble.values["columns"]).startswith("recording")


def test_how_far_it_is_counts_what_this_run_has_done(night: Night) -> None:
    batches = Batches(night.recordings, night.reports, None)
    standing = batches.standing()
    assert (standing.share, standing.left_s, standing.running) == (1.0, None, False)
    assert standing.state is not None and set(standing.entries) == {
        "kim/1.mp4", "kim/2.mp4", "lee.mp4",
    }  # fmt: skip
    store = ResultStore(night.reports, read_only=True)
    assert store.seen(standing.entries["kim/1.mp4"].key) == 0.0
