"""What lies there: hashes; files that grow meanwhile, or must not be read."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from poise.storage import fingerprints
from poise.storage.fingerprints import (
    Hashed,
    Hashing,
    hash_now,
    hash_of,
    recognise,
    remember,
    settle,
)
from poise.storage.ledger import Ledger
from poise.types import Recording


def _recording(tmp_path: Path, name: str = "a.mp4", data: bytes = b"film") -> Recording:
    path = tmp_path / name
    path.write_bytes(data)
    return Recording(path=path, recording_id=name, candidate_id="a", display_name="a")


def _hashed(recording: Recording, ledger: Ledger | None = None) -> Hashed:
    """As a run does it: known from before, or else read and remembered."""
    (seen,) = recognise([recording], ledger)
    if seen.recording.sha256 or seen.stamp is None or seen.growing:
        return seen
    hashed = hash_now(seen)
    if ledger:
        remember([hashed], ledger)
    return hashed


def test_hashes_are_those_of_the_bytes(tmp_path: Path) -> None:
    hashed = _hashed(_recording(tmp_path))
    assert hashed.recording.sha256 == hashlib.sha256(b"film").hexdigest()
    assert hashed.was_read and hashed.stamp is not None
    assert hashed.stamp[:2] == (4, (tmp_path / "a.mp4").stat().st_mtime_ns)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    recording = _recording(tmp_path)
    with Ledger(tmp_path) as ledger:
        first = _hashed(recording, ledger).recording
    with Ledger(tmp_path) as ledger:
        (seen,) = recognise([recording], ledger)
    assert seen.recording == first and not seen.was_read


@pytest.mark.parametrize("data", [b"film", b"a longer film"], ids=["same size", "other size"])
def test_a_changed_file_is_read_again(tmp_path: Path, data: bytes) -> None:
    recording = _recording(tmp_path, data=b"cine")
    with Ledger(tmp_path) as ledger:
        before = _hashed(recording, ledger).recording.sha256
        recording.path.write_bytes(data)
        os.utime(recording.path, ns=(1, 1))
        assert _hashed(recording, ledger).recording.sha256 != before


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    recording = _recording(tmp_path, data=b"cine")
    os.utime(recording.path, ns=(10**18, 10**18))
    with Ledger(tmp_path) as ledger:
        before = _hashed(recording, ledger).recording.sha256
        other = _recording(tmp_path, "other.mp4", b"film")
        os.utime(other.path, ns=(10**18, 10**18))
        time.sleep(0.02)  # coarse clocks
        other.path.replace(recording.path)
        after = _hashed(recording, ledger).recording.sha256
    assert after != before and after == hashlib.sha256(b"film").hexdigest()


def test_a_file_that_is_gone_has_neither_hash_nor_stamp(tmp_path: Path) -> None:
    gone = _recording(tmp_path)
    gone.path.unlink()
    assert _hashed(gone) == Hashed(recording=gone)


def test_a_file_that_cannot_be_read_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path, stopped: Callable[[], bool]) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(fingerprints, "hash_of", failing)
    hashed = _hashed(_recording(tmp_path))
    assert hashed.recording.sha256 == "" and hashed.stamp is not None and not hashed.was_read


def test_without_consent_a_file_is_not_even_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = replace(_recording(tmp_path), consent=False)
    monkeypatch.setattr(fingerprints, "stamp_of", lambda path: pytest.fail("looked at"))
    assert recognise([recording], None) == [Hashed(recording=recording)]


def test_what_was_not_hashed_in_full_is_not_remembered(tmp_path: Path) -> None:
    (seen,) = recognise([_recording(tmp_path)], None)
    stopped = hash_now(seen, lambda: True)
    assert stopped.recording.sha256 == ""
    with Ledger(tmp_path) as ledger:
        remember([stopped], ledger)
        assert ledger.stamp_of((tmp_path / "a.mp4").resolve()) is None


# Beside the analysis


def test_hashing_goes_on_in_the_background_and_in_order(tmp_path: Path) -> None:
    seen = recognise([_recording(tmp_path, f"{k}.mp4", bytes([k])) for k in range(5)], None)
    names = []
    with closing(Hashing(seen)) as hashing:
        assert hashing.left == 5
        while hashing.left:
            names += [h.recording.recording_id for h in hashing.take(wait=True)]
        assert hashing.take(wait=True) == []
    assert names == [f"{k}.mp4" for k in range(5)]


def test_the_first_hash_is_there_while_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def waiting(path: Path, stopped: Callable[[], bool]) -> str:
        if path.name != "0.mp4":
            assert goes_on.wait(30)
        return hash_of(path, stopped)

    monkeypatch.setattr(fingerprints, "hash_of", waiting)
    seen = recognise([_recording(tmp_path, f"{k}.mp4", bytes([k])) for k in range(3)], None)
    with closing(Hashing(seen)) as hashing:
        first = hashing.take(wait=True)
        assert [h.recording.recording_id for h in first] == ["0.mp4"]
        assert hashing.take() == [] and hashing.left == 2
        goes_on.set()
        assert len(hashing.take(wait=True)) >= 1


def test_a_hash_that_fails_in_an_unforeseen_way_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(path: Path, stopped: Callable[[], bool]) -> str:
        raise RuntimeError("odd")

    monkeypatch.setattr(fingerprints, "hash_of", odd)
    with closing(Hashing(recognise([_recording(tmp_path)], None))) as hashing:
        (hashed,) = hashing.take(wait=True)
    assert hashed.recording.sha256 == ""


def test_closed_it_gives_up_a_long_file(tmp_path: Path) -> None:
    recording = _recording(tmp_path)
    with recording.path.open("wb") as file:
        file.truncate(20_000_000_000)  # no blocks are written
    started = time.monotonic()
    with closing(Hashing(recognise([recording], None))):
        pass
    assert time.monotonic() - started < 60  # to the end it would take minutes


# Files that are still growing


def test_a_file_changed_a_moment_ago_may_be_growing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    new, old = _recording(tmp_path, "new.mp4"), _recording(tmp_path, "old.mp4")
    os.utime(old.path, (time.time() - 60, time.time() - 60))
    assert [seen.growing for seen in recognise([new, old], None)] == [True, False]


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0 * 24 * 365 * 60])
def test_a_clock_that_is_wrong_makes_no_file_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    recording = _recording(tmp_path)
    moment = max(0.0, time.time() + ahead_s)
    os.utime(recording.path, (moment, moment))
    assert not recognise([recording], None)[0].growing


def test_a_file_that_grows_while_it_is_hashed_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _recording(tmp_path)

    def growing(path: Path, stopped: Callable[[], bool]) -> str:
        digest = hash_of(path, stopped)
        with path.open("ab") as file:
            file.write(b"more")
        return digest

    monkeypatch.setattr(fingerprints, "hash_of", growing)
    with Ledger(tmp_path) as ledger:
        hashed = _hashed(recording, ledger)
        assert ledger.stamp_of(recording.path.resolve()) is None
    assert hashed.growing and hashed.recording.sha256 == ""


def test_settling_tells_what_still_grows_from_what_is_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 1.0)
    still, there, gone = (_recording(tmp_path, f"{n}.mp4") for n in ("still", "there", "gone"))
    gone.path.unlink()
    ended = threading.Event()

    def copy() -> None:
        while not ended.wait(0.05):
            with still.path.open("ab") as file:
                file.write(b"more")

    copying = threading.Thread(target=copy)
    copying.start()
    try:
        assert settle([still, there, gone]) == {"there.mp4", "gone.mp4"}
    finally:
        ended.set()
        copying.join()
