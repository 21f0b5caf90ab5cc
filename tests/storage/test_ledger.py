"""The ledger: it survives kills, damage and older versions, and forgets when it is to."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from poise.errors import DiskFullError, ReportError, SettingsError
from poise.statuses import Status
from poise.storage.ledger import LEDGER_FILE, Entry, Ledger
from poise.types import Recording


def _recording(name: str = "kim/1.mp4", sha256: str = "a" * 64) -> Recording:
    candidate = name.split("/")[0]
    return Recording(
        path=Path("/in") / name, recording_id=name, candidate_id=candidate,
        display_name=candidate.title(), session_date="2026-03-01", note="first", sha256=sha256,
    )  # fmt: skip


def _entry(name: str = "kim/1.mp4", sha256: str = "a" * 64, key: str = "k1") -> Entry:
    return Entry(recording=_recording(name, sha256), key=key)


def test_what_was_entered_is_there_again(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan({"language": "ko"}, {"name": "m"}, [_entry(), _entry("lee/1.mp4")])
        done = Entry(
            recording=_recording(), key="k1", status=Status.PARTIAL, code="partial", message="torn"
        )
        ledger.record([done])
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.last_run().settings == {"language": "ko"}
        assert ledger.last_run().ended is None
        first, second = ledger.entries()
    assert replace(first, since=0.0) == done and first.since > 0
    assert (second.status, second.recording) == ("pending", _recording("lee/1.mp4"))


def test_a_name_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"/in/\xb1\xe8.mp4"))
    with Ledger(tmp_path) as ledger:
        ledger.stamp([(odd, (1, 2), "f" * 64)])
        assert ledger.stamp_of(odd) == ((1, 2), "f" * 64)
        assert ledger.stamp_of(Path("/in/other.mp4")) is None


def test_an_earlier_run_is_remembered_but_is_not_the_last(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan({}, {}, [_entry("kim/1.mp4"), _entry("lee/1.mp4")])
        ledger.plan({}, {}, [_entry("lee/1.mp4")])
        assert [e.recording.recording_id for e in ledger.entries()] == ["lee/1.mp4"]
        assert len(ledger.entries(earlier=True)) == 2


def test_of_changed_reports_it_is_not_known_what_they_are_made_from(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.report_written("kim", "abc", ["kim/report.html"])
        assert ledger.report("kim") == ("abc", ["kim/report.html"])
        ledger.reports_changed()
        assert ledger.report("kim") == ("", ["kim/report.html"])


def test_it_is_written_so_that_a_power_cut_does_not_harm_it(tmp_path: Path, synced: None) -> None:
    with Ledger(tmp_path) as ledger, ledger.changing() as database:
        asked = ("journal_mode", "synchronous", "secure_delete", "user_version")
        said = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    assert said == ["delete", 2, 1, 2]


def test_killed_in_a_transaction_it_is_as_before(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan({}, {}, [_entry()])
    program = f"""
import os, signal
from pathlib import Path
from poise.storage.ledger import Ledger
ledger = Ledger(Path({str(tmp_path)!r}))
with ledger.changing() as database:
    database.execute("UPDATE recordings SET status = 'done'")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    with Ledger(tmp_path) as ledger:
        assert ledger.set_aside is None
        assert [e.status for e in ledger.entries()] == ["pending"]


def test_a_failure_in_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        with pytest.raises(ZeroDivisionError), ledger.changing() as database:
            database.execute("INSERT INTO expired VALUES ('x')")
            raise ZeroDivisionError
        assert ledger.expired() == set()
        ledger.expire(["y"])
        assert ledger.expired() == {"y"}


@pytest.mark.parametrize("damage", ["noise", "middle", "short", "empty header"])
def test_a_damaged_one_is_set_aside_and_made_anew(tmp_path: Path, damage: str) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan({}, {}, [_entry(f"kim/{k}.mp4") for k in range(200)])
    path = tmp_path / LEDGER_FILE
    data = bytearray(path.read_bytes())
    if damage == "noise":
        data[:] = b"nonsense" * 500
    elif damage == "middle":
        data[len(data) // 4 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 4)
    elif damage == "short":
        del data[len(data) // 2 :]
    else:
        data[:16] = b"x" * 16
    path.write_bytes(data)
    with Ledger(tmp_path) as ledger:
        assert ledger.set_aside is not None
        assert ledger.set_aside.read_bytes() == bytes(data)
        assert ledger.entries() == []
        ledger.plan({}, {}, [_entry()])
    with Ledger(tmp_path) as ledger:
        assert ledger.set_aside is None and len(ledger.entries()) == 1


def test_one_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER_FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = (tmp_path / LEDGER_FILE).read_bytes()
    for read_only in (False, True):
        with pytest.raises(SettingsError, match="newer Poise") as caught:
            Ledger(tmp_path, read_only=read_only)
        assert "Update Poise" in caught.value.remedy
    assert (tmp_path / LEDGER_FILE).read_bytes() == before


def test_forgetting_leaves_no_byte(tmp_path: Path) -> None:
    names = [f"kim/{k}.mp4" for k in range(50)] + ["lee/1.mp4"]
    with Ledger(tmp_path) as ledger:
        entries = [_entry(n, f"{k:064x}", f"key{k}") for k, n in enumerate(names)]
        ledger.plan({}, {}, entries)
        ledger.stamp([(e.recording.path, (1, 2), e.recording.sha256) for e in entries])
        ledger.report_written("kim", "x", ["kim/report.html"])
        ledger.expire([entries[0].recording.sha256])
        (tmp_path / f"{LEDGER_FILE}.damaged-1").write_bytes(b"kim")
        gone = [e.recording for e in entries if e.recording.candidate_id == "kim"]
        assert ledger.forget(gone, ["kim"]) == 50 + 50 + 1 + 1
        for path in tmp_path.iterdir():  # the connection is still open
            data = path.read_bytes()
            assert b"kim" not in data and b"Kim" not in data, path.name
            assert f"{7:064x}".encode() not in data
        assert [e.recording.recording_id for e in ledger.entries()] == ["lee/1.mp4"]


def test_forgetting_keeps_the_hash_that_another_has_too(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        entries = [_entry("kim/1.mp4"), _entry("lee/1.mp4")]
        ledger.plan({}, {}, entries)
        ledger.stamp([(e.recording.path, (1, 2), e.recording.sha256) for e in entries])
        ledger.forget([entries[0].recording], ["kim"])
        assert ledger.stamp_of(entries[0].recording.path) is None
        assert ledger.stamp_of(entries[1].recording.path) is not None


def test_reading_makes_and_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no reports"):
        Ledger(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []
    with Ledger(tmp_path) as ledger:
        ledger.plan({}, {}, [_entry()])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with Ledger(tmp_path, read_only=True) as ledger:
        assert len(ledger.entries()) == 1
        with pytest.raises(ReportError):
            ledger.expire(["x"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with Ledger(tmp_path) as writing:
        writing.plan({}, {}, [_entry()])
        with Ledger(tmp_path, read_only=True) as reading:
            assert [e.status for e in reading.entries()] == ["pending"]
            writing.record([Entry(recording=_recording(), key="k1", status=Status.DONE)])
            assert [e.status for e in reading.entries()] == ["done"]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan({}, {}, [_entry()])
        with ledger.changing() as database:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match="the disk is full"):
            ledger.expire(f"{k:064x}" for k in range(1000))
        assert ledger.expired() == set()
        assert [e.status for e in ledger.entries()] == ["pending"]
