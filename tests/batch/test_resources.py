"""What a machine and its files may lack: space, rights, time stamps that make sense.

`tests/README.md` says which test covers which case.
"""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

import poise.media.reader
from poise.analysis.context import close_context
from poise.analysis.recording import analyse_recording
from poise.batch import run
from poise.batch.outcomes import Listener, RunResult
from poise.batch.run import analyze
from poise.errors import DiskFullError, ReportError
from poise.settings import Settings
from poise.storage import fingerprints
from poise.system.atomic_files import Reserve, not_written, private, sha256, write_whole
from tests.clips import TICKS, copy, counting, counting_clip, face_clip, pts_of, write_clip
from tests.conftest import SampleFaces

Analyse = Callable[..., RunResult]


@pytest.fixture
def analyse(tmp_path: Path, model_dir: Path, workers_closed: None) -> Analyse:
    """A run from `in` to `out`, in this process."""

    def run(**keywords: object) -> RunResult:
        settings = Settings(model=str(model_dir), device="cpu", jobs=1)
        return analyze(tmp_path / "in", tmp_path / "out", settings, **keywords)  # type: ignore[arg-type]

    return run


def _only(result: RunResult) -> tuple[str, str, int]:
    """Status, message and sampled frames of the one recording."""
    (outcome,) = result.outcomes
    frames = outcome.result.statistics.sampled_frames if outcome.result else 0
    return outcome.status, outcome.message, frames


# Space and rights


def test_too_little_space_is_said_before_the_batch_starts(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    monkeypatch.setattr(run, "free_bytes", lambda path: 10_000_000)
    monkeypatch.setattr(
        "poise.analysis.recording.analyse_recording", lambda *a: pytest.fail("started")
    )
    with pytest.raises(DiskFullError, match="only 10 MB are free, and the batch may need 6"):
        analyse()


def test_space_is_not_needed_for_what_is_done(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    analyse()
    monkeypatch.setattr(run, "free_bytes", lambda path: 10_000_000)
    assert analyse().exit_code == 0


def test_the_reserve_gives_its_room_back(tmp_path: Path) -> None:
    with Reserve(tmp_path / "reserve") as reserve:
        assert (tmp_path / "reserve").stat().st_size == 8_000_000
        reserve.release()
        assert not (tmp_path / "reserve").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "kind"), [(28, DiskFullError), (122, DiskFullError),
                                              (13, ReportError), (30, ReportError)])  # fmt: skip
def test_what_cannot_be_written_is_of_this_house(
    tmp_path: Path, number: int, kind: type[ReportError]
) -> None:
    def fail(draft: Path) -> None:
        draft.write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(ReportError) as caught:
        write_whole(tmp_path / "a", fail)
    assert type(caught.value) is kind and caught.value.remedy
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
    assert type(not_written(OSError(number, ""), tmp_path)) is kind


def test_output_on_a_disk_that_is_read_only(tmp_path: Path, analyse: Analyse) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    (tmp_path / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path / "out")]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(ReportError, match=r"cannot be written \(Read-only file system\)"):
            analyse()
    finally:
        subprocess.run(["umount", str(tmp_path / "out")], check=True)


def test_output_that_may_not_be_written_to(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere: the system's answer to another user is given here."""
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    mkdir = Path.mkdir

    def forbidden(path: Path, *arguments: object, **keywords: object) -> None:
        if path.name == ".poise":
            raise PermissionError(13, "Permission denied")
        mkdir(path, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(ReportError, match=r"cannot be written \(Permission denied\)") as caught:
        analyse()
    assert "may be written to" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_recording_that_may_not_be_read_is_one_failure(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    counting_clip(tmp_path / "in" / "b.mp4", range(0, 800, 200))
    hash_of = fingerprints.hash_of

    def forbidden(path: Path, stopped: Callable[[], bool]) -> str:
        if path.name == "b.mp4":
            path.write_bytes(b"")  # the reader, a process of its own, must fail as well
            raise PermissionError(13, "Permission denied")
        return hash_of(path, stopped)

    monkeypatch.setattr(fingerprints, "hash_of", forbidden)
    result = analyse()
    assert [o.status for o in result.outcomes] == ["done", "failed"]
    assert result.exit_code == 3


def test_files_are_for_the_user_alone(tmp_path: Path, analyse: Analyse) -> None:
    before = os.umask(0o022)
    try:
        face = counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
        assert stat.S_IMODE(face.stat().st_mode) == 0o644
        analyse()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    for path in [tmp_path / "out", *(tmp_path / "out").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_files_can_be_left_to_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with private(False):
            (tmp_path / "a").write_bytes(b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


# Files that do not stay as they are


def test_a_recording_that_vanishes_is_one_failure(tmp_path: Path, analyse: Analyse) -> None:
    for name in "ab":
        counting_clip(tmp_path / "in" / f"{name}.mp4", range(0, 600 + 200 * (name == "b"), 200))
    vanish = Listener(planned=lambda plan: (tmp_path / "in" / "a.mp4").unlink())
    result = analyse(listener=vanish)
    assert {o.recording.recording_id: o.status for o in result.outcomes} == {
        "a.mp4": "failed", "b.mp4": "done"
    }  # fmt: skip


def test_a_recording_that_is_all_there_a_moment_later_is_analysed_at_the_end(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    whole = counting_clip(tmp_path / "whole.mp4", range(0, 1000, 200)).read_bytes()
    growing = tmp_path / "in" / "growing.mp4"
    counting_clip(tmp_path / "in" / "old.mp4", range(0, 600, 200))
    os.utime(tmp_path / "in" / "old.mp4", (1, 1))
    growing.write_bytes(whole[:400])
    os.utime(growing, (time.time() + 1.9,) * 2)  # recent for four seconds, if this takes so long
    order: list[str] = []

    def finished(outcome: object) -> None:
        order.append(outcome.recording.recording_id)  # type: ignore[attr-defined]
        if len(order) == 1:
            growing.write_bytes(whole)

    result = analyse(listener=Listener(finished=finished))
    assert order == ["old.mp4", "growing.mp4"]
    assert [o.status for o in result.outcomes] == ["done", "done"]
    assert result.outcomes[0].recording.sha256 == sha256(growing)


def test_a_recording_that_goes_on_growing_is_one_clear_failure(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    growing = counting_clip(tmp_path / "in" / "growing.mp4", range(0, 600, 200))
    ended = threading.Event()

    def copy() -> None:
        while not ended.wait(0.05):
            with growing.open("ab") as file:
                file.write(bytes(10))

    copying = threading.Thread(target=copy)
    copying.start()
    try:
        status, message, _ = _only(analyse())
    finally:
        ended.set()
        copying.join()
    assert status == "failed"
    assert message.startswith("it is still being written") and "same command again" in message
    os.utime(growing, (1, 1))
    assert _only(analyse())[0] == "done"


def test_a_recording_that_changes_while_it_is_read_leaves_no_result_under_its_old_hash(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    before = path.read_bytes()
    changes = iter([True, False])

    def changing(path: Path, *rest: object, **more: object) -> object:
        found = analyse_recording(path, *rest, **more)  # type: ignore[arg-type]
        if next(changes):
            path.write_bytes(path.read_bytes() + b"\0\0\0\x08free")
        return found

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", changing)
    status, _, frames = _only(analyse())
    assert (status, frames) == ("done", 3)  # tried again at the end, under its new hash
    assert len(list((tmp_path / "out" / ".poise" / "results").iterdir())) == 1
    path.write_bytes(before)
    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse_recording)
    assert not analyse().outcomes[0].reused


@pytest.mark.parametrize("moment", [0.0, 4e9], ids=["long ago", "in the future"])
def test_a_clock_that_is_wrong_changes_nothing(
    tmp_path: Path, analyse: Analyse, moment: float
) -> None:
    path = counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    os.utime(path, (moment, moment))
    assert _only(analyse())[0] == "done"
    assert analyse().outcomes[0].reused


def test_a_clock_that_jumps_does_not_stop_the_watchdog_or_a_run(
    tmp_path: Path, analyse: Analyse, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting_clip(tmp_path / "in" / "a.mp4", range(0, 600, 200))
    times = iter([2e9, 1e9] * 10_000)
    monkeypatch.setattr(time, "time", lambda: next(times))
    result = analyse()
    assert _only(result)[0] == "done" and 0 < result.seconds < 100


# Recordings of odd shapes


def test_six_hours(tmp_path: Path, analyse: Analyse) -> None:
    """A frame every twenty seconds: time, not pixels, is what is long here."""
    times = range(0, 6 * 3600 * TICKS, 20 * TICKS)
    write_clip(tmp_path / "in" / "a.mp4", (counting(k % 256) for k in range(len(times))), times)
    assert _only(analyse()) == ("done", "", 1080)
    frames = pd.read_csv(tmp_path / "out" / "a" / "frames.csv")
    assert frames["pts_ms"].iloc[-1] == times[-1]
    assert frames["timecode"].iloc[-1] == "05:59:40.000"


def test_8k(tmp_path: Path, analyse: Analyse) -> None:
    write_clip(tmp_path / "in" / "a.mp4", [np.full((4320, 7680, 3), 90, np.uint8)] * 2, (0, 200))
    assert _only(analyse()) == ("done", "", 2)


def test_a_single_pixel(tmp_path: Path, analyse: Analyse) -> None:
    from PIL import Image as Pillow

    (tmp_path / "in").mkdir()
    frames = [Pillow.new("RGB", (1, 1), (k, 0, 0)) for k in (0, 90, 200)]
    frames[0].save(tmp_path / "in" / "a.gif", save_all=True, append_images=frames[1:], duration=200)
    status, _, sampled = _only(analyse())
    assert (status, sampled) == ("done", 3)


def test_120_frames_per_second(tmp_path: Path, analyse: Analyse) -> None:
    times = [round(k * 1000 / 120) for k in range(240)]
    counting_clip(tmp_path / "in" / "a.mp4", times)
    assert _only(analyse()) == ("done", "", 10)
    frames = pd.read_csv(tmp_path / "out" / "a" / "frames.csv")
    assert [times[k] for k in frames["frame_index"]] == frames["pts_ms"].tolist()


def test_one_frame(tmp_path: Path, analyse: Analyse, sample_faces: SampleFaces) -> None:
    face_clip(tmp_path / "in" / "a.mp4", sample_faces.images[:1], seconds=0.2)
    assert _only(analyse()) == ("done", "", 1)
    assert pd.read_csv(tmp_path / "out" / "a" / "frames.csv")["usable"].tolist() == [True]


# Time stamps


def _remuxed(source: Path, target: Path, change: Callable[[int, av.Packet], bool]) -> Path:
    """The packets of a recording, each after a change; it says whether the packet stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [p for p in container.demux(stream) if p.dts is not None]
        for number, packet in enumerate(packets):
            if change(number, packet):
                packet.stream = copy
                output.mux(packet)
    return target


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two seconds at 25 frames per second, each of which can be decoded alone."""
    return counting_clip(tmp_path / "source.mp4", range(0, 2000, 40), options={"g": "1"})


def test_no_duration(tmp_path: Path, analyse: Analyse, source: Path) -> None:
    """As a browser records: a stream that nobody closed says nothing of its length."""
    path = tmp_path / "in" / "a.mkv"
    path.parent.mkdir()
    with (
        av.open(str(source)) as container,
        av.open(str(path), "w", format="matroska", options={"live": "1"}) as output,
    ):
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                output.mux(packet)
    with av.open(str(path)) as container:
        assert container.duration is None and container.streams.video[0].duration is None
    assert _only(analyse()) == ("done", "", 10)


def test_no_time_stamps(
    tmp_path: Path, analyse: Analyse, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames without a time cannot be sampled by it: the recording fails, in words."""
    copy(source, tmp_path / "in" / "a.mp4")
    monkeypatch.setattr(poise.media.reader, "SERVER", _TIMELESS)
    close_context()
    status, message, _ = _only(analyse())
    close_context()
    assert status == "failed"
    assert message.startswith("not a single frame could be read")


_TIMELESS = """
import poise.media.decoders.pyav as pyav
import poise.media.decoders.server as server
pyav.PyAVDecoder.time_of = lambda self, frame: None
server.main()
"""


def test_negative_time_stamps(tmp_path: Path, analyse: Analyse, source: Path) -> None:

    def earlier(number: int, packet: av.Packet) -> bool:
        assert packet.time_base is not None and packet.pts is not None
        packet.pts = packet.dts = round(Fraction(number * 40 - 500, 1000) / packet.time_base)
        return True

    _remuxed(source, tmp_path / "in" / "a.mkv", earlier)
    status, _, frames = _only(analyse())
    assert (status, frames) == ("done", 10)
    times = pd.read_csv(tmp_path / "out" / "a" / "frames.csv")["pts_ms"]
    assert times.min() == 0 and times.is_monotonic_increasing and times.max() == 1800


def test_repeating_time_stamps(tmp_path: Path, analyse: Analyse, source: Path) -> None:
    """Half of the frames claim to be shown when the one before is: they are not shown."""

    def repeated(number: int, packet: av.Packet) -> bool:
        assert packet.time_base is not None
        packet.pts = round(Fraction(number // 2 * 80, 1000) / packet.time_base)
        packet.dts = round(Fraction(number - 100, 1000) / packet.time_base)
        return True

    path = _remuxed(source, tmp_path / "in" / "a.mkv", repeated)
    assert len(set(pts_of(path))) == 25 < len(pts_of(path))
    assert _only(analyse()) == ("done", "", 10)
    times = pd.read_csv(tmp_path / "out" / "a" / "frames.csv")["pts_ms"]
    assert times.is_monotonic_increasing and times.is_unique


def test_time_stamps_that_jump_back(tmp_path: Path, analyse: Analyse, source: Path) -> None:
    def jumping(number: int, packet: av.Packet) -> bool:
        assert packet.time_base is not None
        shown_ms = number * 40 - (800 if number >= 30 else 0)
        packet.pts = packet.dts = round(Fraction(shown_ms, 1000) / packet.time_base)
        return True

    with suppress(av.error.FFmpegError):  # what was written until then breaks off
        _remuxed(source, tmp_path / "in" / "a.mkv", jumping)
    status, _, frames = _only(analyse())
    assert status in ("done", "partial") and frames >= 6
    times = pd.read_csv(tmp_path / "out" / "a" / "frames.csv")["pts_ms"]
    assert times.is_monotonic_increasing and times.is_unique
