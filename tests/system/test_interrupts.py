"""Being stopped: Ctrl-C and SIGTERM end a batch in order, and leave nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.run import analyze
from poise.batch.status import look_up
from poise.errors import SettingsError
from poise.settings import Settings
from poise.system.exit_codes import exits
from poise.system.interrupts import Stopped, deaf_children, listening, undisturbed
from tests.chaos.kit import command
from tests.clips import face_clip
from tests.conftest import SampleFaces
from tests.processes import (
    HANG,
    descendants,
    is_alive,
    long_there,
    misbehaving_readers,
    wait_until,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_a_signal_stops_once() -> None:
    with listening(), pytest.raises(Stopped) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM
    assert isinstance(caught.value, KeyboardInterrupt)


def test_what_is_being_written_is_finished_first() -> None:
    written = []
    with listening(), pytest.raises(Stopped):
        with undisturbed():
            with undisturbed():
                os.kill(os.getpid(), signal.SIGINT)
                written.append("inner")
            written.append("outer")
        written.append("behind")
    assert written == ["inner", "outer"]


def test_writing_after_the_stop_is_not_stopped_again() -> None:
    with listening():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        with undisturbed():
            written = True
    assert written


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with listening():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_children_do_not_hear_ctrl_c() -> None:
    with deaf_children():
        child = subprocess.Popen(["sleep", "60"])
    os.kill(child.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.3)
    child.terminate()
    assert child.wait() == -signal.SIGTERM


# The command


@pytest.fixture
def stuck(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces, request: pytest.FixtureRequest
) -> Iterator[tuple[subprocess.Popen[str], dict[int, str]]]:
    """A batch with one recording done, and one whose reader hangs holding the interpreter's lock.

    Yields:
        The command, and its descendants.
    """
    images = sample_faces.images[:, ::2, ::2]
    for name, seconds in (("quick.mp4", 0.6), ("stuck.mp4", 4)):
        long_there(face_clip(tmp_path / "in" / name, images, seconds=seconds))
    environment = misbehaving_readers(tmp_path / "site", "'stuck' in path.name", HANG)
    process = subprocess.Popen(
        command(tmp_path / "in", tmp_path / "out", model_dir, "--jobs", "2",
                "--frames-per-class", "0"),
        env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip

    def is_stuck() -> bool:
        assert process.poll() is None
        house = tmp_path / "out" / ".poise"
        reports = (tmp_path / "out").glob("quick/episodes.csv")
        return any(reports) and any((house / "unfinished").glob("begun-*"))

    try:
        wait_until(is_stuck)
        found = descendants(process.pid)
        assert sum("decoders.server" in line for line in found.values()) >= 1
        assert sum("worker_process" in line for line in found.values()) >= 2
        yield process, found
    finally:
        for pid in [process.pid, *descendants(process.pid)]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, id="sigterm", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_batch_is_written_and_can_go_on(
    stuck: tuple[subprocess.Popen[str], dict[int, str]],
    tmp_path: Path,
    model_dir: Path,
    number: int,
) -> None:
    process, found = stuck
    _check_state(tmp_path / "out", process.pid)
    with pytest.raises(SettingsError, match=f"is in use by process {process.pid} on "):
        analyze(tmp_path / "in", tmp_path / "out", Settings(model=str(model_dir), device="cpu"))
    if number == signal.SIGINT:  # a terminal sends it to all of the group
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "the same command goes on from here" in stderr
    assert "Traceback" not in stderr and stdout == ""
    wait_until(lambda: not any(map(is_alive, found)))
    rows = pd.read_csv(tmp_path / "out" / "recordings.csv")
    assert rows[["recording_id", "status"]].to_numpy().tolist() == [["quick.mp4", "done"]]
    assert (tmp_path / "out" / "index.html").is_file()
    state = look_up(tmp_path / "out")
    assert (state.counts(), state.holder) == ({"done": 1, "pending": 1}, None)


def _lasting(house: Path) -> list[str]:
    """Names of what lies there, but for the journal of a transaction that the batch is in."""
    return sorted(path.name for path in house.iterdir() if not path.name.endswith("-journal"))


def _check_state(output: Path, pid: int) -> None:
    """What `poise status` says while a batch goes on; it changes nothing."""
    before = _lasting(output / ".poise")
    state = look_up(output)
    assert state.counts() == {"done": 1, "running": 1}
    assert state.holder is not None and state.holder.pid == pid
    assert f"process {pid}" in state.in_words()
    assert _lasting(output / ".poise") == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_tells_the_signal(
    number: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> int:
        raise Stopped(number)

    with pytest.raises(SystemExit) as caught:
        exits(run, debug=False)
    assert caught.value.code == code
    assert "Stopped" in capsys.readouterr().err


def test_a_second_signal_leaves_at_once_and_leaves_nobody(
    stuck: tuple[subprocess.Popen[str], dict[int, str]],
) -> None:
    process, found = stuck
    os.kill(process.pid, signal.SIGINT)
    while process.poll() is None:
        os.kill(process.pid, signal.SIGINT)
    assert process.wait(5) == 130
    wait_until(lambda: not any(map(is_alive, found)))


@pytest.mark.slow
def test_a_killed_batch_leaves_nobody(
    stuck: tuple[subprocess.Popen[str], dict[int, str]],
) -> None:
    """SIGKILL cannot be heard: workers see that they are alone, and readers go with them."""
    process, found = stuck
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(map(is_alive, found)))
