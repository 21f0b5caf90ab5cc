"""What lies there: hashes; files that grow meanwhile, or must not be read."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from poise.storage import fingerprints
from poise.storage.fingerprints import settle, sha256, take_in
from poise.storage.ledger import Ledger
from poise.types import Recording


def _recording(tmp_path: Path, name: str = "a.mp4", data: bytes = b"film") -> Recording:
    path = tmp_path / name
    path.write_bytes(data)
    return Recording(path=path, recording_id=name, candidate_id="a", display_name="a")


def test_hashes_are_those_of_the_bytes(tmp_path: Path) -> None:
    taken = take_in([_recording(tmp_path)], None)
    assert taken.recordings[0].sha256 == sha256(tmp_path / "a.mp4")
    assert len(taken.recordings[0].sha256) == 64
    assert taken.stamps == {"a.mp4": (4, (tmp_path / "a.mp4").stat().st_mtime_ns)}


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _recording(tmp_path)
    with Ledger(tmp_path) as ledger:
        first = take_in([recording], ledger).recordings[0]
    monkeypatch.setattr(fingerprints, "sha256", lambda path: pytest.fail("read again"))
    with Ledger(tmp_path) as ledger:
        assert take_in([recording], ledger).recordings[0] == first


@pytest.mark.parametrize("data", [b"film", b"a longer film"], ids=["same size", "other size"])
def test_a_changed_file_is_read_again(tmp_path: Path, data: bytes) -> None:
    recording = _recording(tmp_path, data=b"cine")
    with Ledger(tmp_path) as ledger:
        before = take_in([recording], ledger).recordings[0].sha256
        recording.path.write_bytes(data)
        os.utime(recording.path, ns=(1, 1))
        assert take_in([recording], ledger).recordings[0].sha256 != before


def test_a_file_that_is_gone_has_no_hash(tmp_path: Path) -> None:
    gone, there = _recording(tmp_path), _recording(tmp_path, "b.mp4")
    gone.path.unlink()
    assert [bool(r.sha256) for r in take_in([gone, there], None).recordings] == [False, True]


def test_a_file_that_may_not_be_read_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fingerprints, "sha256", forbidden)
    assert take_in([_recording(tmp_path)], None).recordings[0].sha256 == ""


def test_without_consent_a_file_is_not_even_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = replace(_recording(tmp_path), consent=False)
    monkeypatch.setattr(fingerprints, "sha256", lambda path: pytest.fail("read"))
    monkeypatch.setattr(fingerprints, "stamp_of", lambda path: pytest.fail("looked at"))
    taken = take_in([recording], None)
    assert (taken.recordings, taken.stamps) == ([recording], {})


def test_hashes_are_kept_while_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night's worth of files takes long to read: a kill must not cost all of it."""
    monkeypatch.setattr(fingerprints, "_KEEPING_S", 0.0)
    recordings = [_recording(tmp_path, f"{k}.mp4", bytes([k])) for k in range(3)]

    def killed(path: Path) -> str:
        if path.name == "2.mp4":
            raise KeyboardInterrupt
        return sha256(path)

    monkeypatch.setattr(fingerprints, "sha256", killed)
    with Ledger(tmp_path) as ledger:
        with pytest.raises(KeyboardInterrupt):
            take_in(recordings, ledger)
        assert ledger.stamp_of((tmp_path / "1.mp4").resolve()) is not None


# Files that are still growing


def test_a_file_changed_a_moment_ago_may_be_growing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    new, old = _recording(tmp_path, "new.mp4"), _recording(tmp_path, "old.mp4")
    os.utime(old.path, (time.time() - 60, time.time() - 60))
    taken = take_in([new, old], None)
    assert taken.growing == {"new.mp4"}
    assert [bool(r.sha256) for r in taken.recordings] == [False, True]


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0 * 24 * 365 * 60])
def test_a_clock_that_is_wrong_makes_no_file_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 2.0)
    recording = _recording(tmp_path)
    moment = max(0.0, time.time() + ahead_s)
    os.utime(recording.path, (moment, moment))
    assert take_in([recording], None).growing == frozenset()


def test_a_file_that_grows_while_it_is_hashed_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _recording(tmp_path)

    def growing(path: Path) -> str:
        digest = sha256(path)
        with path.open("ab") as file:
            file.write(b"more")
        return digest

    monkeypatch.setattr(fingerprints, "sha256", growing)
    with Ledger(tmp_path) as ledger:
        taken = take_in([recording], ledger)
        assert ledger.stamp_of(recording.path.resolve()) is None
    assert taken.growing == {"a.mp4"} and taken.recordings[0].sha256 == ""


def test_settling_tells_what_still_grows_from_what_is_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED_S", 0.5)
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
