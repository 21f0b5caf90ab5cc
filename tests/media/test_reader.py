"""The decoding process: decoders that hang, crash or refuse, and readers that leave."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import poise.media.reader
from poise.errors import VideoError
from poise.media.container_types import UnreadableError
from poise.media.decoders.server import SampleEnd
from poise.media.reader import DecodingProcess
from poise.types import FrameBatch
from tests.clips import (
    counting_clip,
    number_in,
)
from tests.conftest import SAMPLES
from tests.media.kit import BACKENDS, UNEVEN_MS, numbers_of, sampled, times_of
from tests.processes import is_alive, wait_until

# Decoders that hang, die or fall silent

_SLEEPS = """
import sys, time
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
connection.recv()
time.sleep(600)
"""
_STOPS_AFTER_A_BATCH = """
import ctypes, os, sys, time
import poise.media.decoders.server as server
answer = server.answer
class Counting:
    def __init__(self, connection):
        self.connection, self.sent = connection, 0
    def send(self, item):
        self.connection.send(item)
        self.count()
    def count(self):
        self.sent += 1
        if self.sent == {after}:
            {end}
send = server.send
def counted(connection, item):
    if not isinstance(connection, Counting):
        return send(connection, item)
    send(connection.connection, item)
    connection.count()
server.send = counted
def stopping(connection, request):
    stops = request.backend in {backends}
    answer(Counting(connection) if stops else connection, request)
server.answer = stopping
if {after} == 0:
    open_decoder = server.open_decoder
    def opening(path, backend, view):
        if backend in {backends}:
            {end}
        return open_decoder(path, backend, view)
    server.open_decoder = opening
server.main()
"""
_HOLDS_THE_LOCK = "ctypes.PyDLL(None).sleep(600)"


def test_a_process_may_be_started_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with DecodingProcess() as process:
        process.prepare()
        monkeypatch.setattr("poise.media.reader.start_python", None)  # no second one
        process.prepare()
        info = process.describe(SAMPLES / "Sample A" / "interview 1.mp4", backend="pyav")
        assert info.width_px == 640


def test_one_that_cannot_be_started_is_met_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr("poise.media.reader.start_python", fail)
    with DecodingProcess() as process:
        process.prepare()
        monkeypatch.undo()
        info = process.describe(SAMPLES / "Sample A" / "interview 1.mp4", backend="pyav")
        assert info.width_px == 640


def test_a_decoder_that_hangs_is_killed_and_the_next_recording_works(
    monkeypatch: pytest.MonkeyPatch, even: Path
) -> None:
    serve = poise.media.reader.SERVER
    monkeypatch.setattr(poise.media.reader, "SERVER", _SLEEPS)
    with DecodingProcess(stall_timeout_s=1.0) as process:
        started = time.monotonic()
        with pytest.raises(VideoError, match=r"no progress for 1 s"):
            sampled(process, even)
        assert time.monotonic() - started < 60
        monkeypatch.setattr(poise.media.reader, "SERVER", serve)
        process.stall_timeout_s = 30
        assert numbers_of(sampled(process, even)[1])[:2] == [0, 5]


@pytest.mark.parametrize(("backend", "after"), [("pyav", 0), ("decord", 3)])
def test_where_a_decoder_hangs_holding_the_lock_the_other_goes_on(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess, backend: str, after: int
) -> None:
    """It hangs before it says anything, or after some batches."""
    _, whole, _ = sampled(decoding, even, "pyav", 60.0)
    monkeypatch.setattr(
        poise.media.reader, "SERVER",
        _STOPS_AFTER_A_BATCH.format(end=_HOLDS_THE_LOCK, after=after, backends=[backend]),
    )  # fmt: skip
    with DecodingProcess(stall_timeout_s=8.0) as process:
        started = time.monotonic()
        _, batches, loss = sampled(process, even, backend, 60.0)
        assert time.monotonic() - started < 8.0 + 60
        (warning,) = process.warnings
    assert loss == ""
    assert times_of(batches) == times_of(whole)
    assert numbers_of(batches) == numbers_of(whole)
    index = [int(i) for batch in batches for i in batch.frame_index]
    assert index == [int(i) for batch in whole for i in batch.frame_index]
    assert warning.startswith(f"{backend}: the decoder made no progress for 8 s")
    assert " 0.0 s" in warning if after == 0 else " 0.0 s" not in warning


_STOPS_AT = """
import ctypes, os, sys, time
from pathlib import Path
import poise.errors
import poise.media.decoders.server as server
answer, send = server.answer, server.send
reading = [""]
def answering(connection, request):
    reading[0] = request.backend
    answer(connection, request)
def sending(connection, item):
    pts_s = getattr(item, "pts_s", None)
    if reading[0] in {backends} and pts_s is not None and pts_s[-1] > {at_s}:
        {end}
    send(connection, item)
server.answer, server.send = answering, sending
server.main()
"""
_ONCE = """
        if not Path({marker!r}).exists():
            Path({marker!r}).touch()
            os._exit(1)
"""


def _stopping_at(at_s: float, end: str, backends: Sequence[str]) -> str:
    return _STOPS_AT.format(at_s=at_s, end=end, backends=list(backends))


def test_a_decoder_that_crashes_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess, tmp_path: Path
) -> None:
    _, whole, _ = sampled(decoding, even, "pyav", 60.0)
    once = _ONCE.format(marker=str(tmp_path / "crashed")).strip()
    monkeypatch.setattr(poise.media.reader, "SERVER", _stopping_at(0.7, once, ["pyav"]))
    with DecodingProcess(stall_timeout_s=30) as process:
        _, items = process.sample(even, backend="pyav", rate_hz=60, short_side_px=None)
        *batches, end = list(items)
        (warning,) = process.warnings
    assert (tmp_path / "crashed").exists()
    assert warning.startswith("pyav: the decoder crashed while reading; it was started again at ")
    assert isinstance(end, SampleEnd) and (end.loss, end.remarks) == ("", ())
    seen = [batch for batch in batches if isinstance(batch, FrameBatch)]
    for name in ("images", "frame_index", "pts_s"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(batch, name) for batch in seen]),
            np.concatenate([getattr(batch, name) for batch in whole]),
        )


def test_a_decoder_that_crashes_again_at_one_place_is_replaced_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess
) -> None:
    _, whole, _ = sampled(decoding, even, "pyav", 60.0)
    monkeypatch.setattr(poise.media.reader, "SERVER", _stopping_at(0.7, "os._exit(1)", ["pyav"]))
    with DecodingProcess(stall_timeout_s=30) as process:
        _, items = process.sample(even, backend="auto", rate_hz=60, short_side_px=None)
        *batches, end = list(items)
        assert len(process.warnings) == 2
        _, again = process.sample(even, backend="auto", rate_hz=60, short_side_px=None)
        *_, second_end = list(again)
    assert times_of(batches) == times_of(whole)  # type: ignore[arg-type]
    assert isinstance(end, SampleEnd) and isinstance(second_end, SampleEnd)
    (remark,) = end.remarks
    assert remark.code == "other_decoder"
    assert remark.text == "pyav: the decoder crashed while reading; decord read it from 0.6 s on"
    assert [r.code for r in second_end.remarks] == ["other_decoder"]


def test_what_one_decoder_refuses_the_other_is_asked(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess
) -> None:
    _, whole, _ = sampled(decoding, even, "pyav", 60.0)
    refuses = "raise OSError(95, 'Operation not supported')"
    for at_s in (-1, 0.7):  # at once, or half-way
        server = _stopping_at(at_s, refuses, ["pyav"])
        monkeypatch.setattr(poise.media.reader, "SERVER", server)
        with DecodingProcess(stall_timeout_s=30) as process:
            _, items = process.sample(even, backend="auto", rate_hz=60, short_side_px=None)
            *batches, end = list(items)
        assert times_of(batches) == times_of(whole)  # type: ignore[arg-type]
        assert isinstance(end, SampleEnd)
        assert "Operation not supported" in end.remarks[0].text


def test_where_the_other_decoder_fails_too_the_first_cause_is_told(
    monkeypatch: pytest.MonkeyPatch, even: Path
) -> None:
    refuses = "raise OSError(95, f'{reading[0]} cannot')".replace("{", "{{").replace("}", "}}")
    server = _STOPS_AT.format(at_s=-1, end="REFUSES", backends=list(BACKENDS))
    server = server.replace("REFUSES", refuses.replace("{{", "{").replace("}}", "}"))
    monkeypatch.setattr(poise.media.reader, "SERVER", server)
    with DecodingProcess(stall_timeout_s=30) as process:
        _, items = process.sample(even, backend="auto", rate_hz=60, short_side_px=None)
        with pytest.raises(VideoError, match="cannot"):
            list(items)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        pytest.param(_HOLDS_THE_LOCK, "no progress", id="hang", marks=pytest.mark.slow),
        pytest.param("os._exit(1)", "crashed", id="crash"),
    ],
)
def test_where_both_decoders_stop_what_they_had_is_given(
    monkeypatch: pytest.MonkeyPatch, even: Path, end: str, cause: str
) -> None:
    monkeypatch.setattr(poise.media.reader, "SERVER", _stopping_at(0.7, end, BACKENDS))
    with DecodingProcess(stall_timeout_s=8.0) as process:
        _, items = process.sample(even, backend="pyav", rate_hz=60, short_side_px=None)
        seen = [next(items)]
        assert all(isinstance(item, FrameBatch) for item in seen)
        with pytest.raises(VideoError, match=cause):
            list(items)


def test_no_decoder_is_asked_of_what_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"noise" * 1000)
    with DecodingProcess(stall_timeout_s=30) as process:
        with pytest.raises(UnreadableError, match="not a kind of recording"):
            process.sample(path, backend="auto", rate_hz=5, short_side_px=None)
        assert process.warnings == []


def test_a_fetching_decoder_that_hangs_is_replaced_by_the_other(
    monkeypatch: pytest.MonkeyPatch, even: Path
) -> None:
    hangs_on_pyav = """
import sys, time
import poise.media.decoders.server as server
whole = server.open_decoder
def opened(path, backend, view):
    if backend == "pyav":
        time.sleep(600)
    return whole(path, backend, view)
server.open_decoder = opened
server.main()
"""
    monkeypatch.setattr(poise.media.reader, "SERVER", hangs_on_pyav)
    with DecodingProcess(stall_timeout_s=8.0) as process:
        images = list(process.fetch(even, backend="auto", pts_s=[0.4]))
    assert [number_in(image) for image in images] == [10]


def test_a_decoder_that_died_while_idle_is_replaced(even: Path) -> None:
    with DecodingProcess(stall_timeout_s=30) as process:
        sampled(process, even)
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        assert numbers_of(sampled(process, even)[1])[:2] == [0, 5]


def test_no_process_is_left_behind(even: Path) -> None:
    with DecodingProcess(stall_timeout_s=30) as process:
        sampled(process, even)
        pid = process.pid
    assert pid is not None and not is_alive(pid)


def test_a_recording_left_in_the_middle_does_not_answer_for_the_next(
    decoding: DecodingProcess, even: Path, uneven: Path
) -> None:
    _, items = decoding.sample(even, backend="pyav", rate_hz=60, short_side_px=None)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert len(times_of(sampled(decoding, uneven, rate_hz=60)[1])) == len(UNEVEN_MS)


def test_nothing_starts_before_it_is_needed() -> None:
    with DecodingProcess() as process:
        assert process.pid is None


def test_long_recordings_are_read_no_further_than_asked(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """The one that reads sets the pace: what waits for it in the pipe is a batch or two."""
    path = counting_clip(tmp_path / "long.mp4", range(0, 60_000, 40))
    _, items = decoding.sample(path, backend="pyav", rate_hz=25, short_side_px=None)
    first = next(items)
    assert isinstance(first, FrameBatch) and len(first) == 16
    items.close()  # type: ignore[attr-defined]
    assert sampled(decoding, path, rate_hz=0.1)[2] == ""


def test_fetching_that_is_left_in_the_middle_leaves_nothing_behind(
    decoding: DecodingProcess, even: Path
) -> None:
    images = decoding.fetch(even, backend="auto", pts_s=[0.4, 1.8, 1.04])
    assert number_in(next(images)) == 10
    images.close()  # type: ignore[attr-defined]
    (image,) = decoding.fetch(even, backend="auto", pts_s=[1.8])
    assert number_in(image) == 45


def test_a_folder_named_as_the_package_is_not_taken_for_it(
    even: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "pipeline" / "decoders"
    other.mkdir(parents=True)
    for folder in (other.parent, other):
        (folder / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with DecodingProcess(stall_timeout_s=30) as process:
        assert process.describe(even, backend="auto").width_px == 64


def test_frames_are_fetched_without_decord(even: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV decodes less until it comes to a frame."""
    refuses = "raise OSError(95, 'decord was asked')"
    monkeypatch.setattr(poise.media.reader, "SERVER", _stopping_at(-1, refuses, ["decord"]))
    with DecodingProcess(stall_timeout_s=30) as process:
        assert number_in(next(process.fetch(even, backend="auto", pts_s=[0.4]))) == 10
        assert process.warnings == []
