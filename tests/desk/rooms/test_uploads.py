"""Taking recordings: whole or not at all, bounded, never over another one."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlencode

import pytest

from poise.batch.intake.discovery import discover
from tests.conftest import SAMPLES, contents
from tests.desk.kit import Answer, Served, serving
from tests.processes import wait_until

SAMPLE = SAMPLES / "표본 B.mp4"


def _put(there: Served, body: bytes, **known: str) -> Answer:
    query = {"name": "take 1.mp4", "candidate": "김민지", "consent": "yes"} | known
    return there.ask(f"/recordings?{urlencode(query)}", "PUT", body)


def test_a_recording_lies_where_a_batch_finds_it(served: Served) -> None:
    answer = _put(served, SAMPLE.read_bytes(), date="2026-11-20")
    assert answer.json() == {"recording": "김민지/take 1.mp4"}
    (recording,) = discover(served.desk.recordings).recordings
    assert recording.path.read_bytes() == SAMPLE.read_bytes()
    assert (recording.candidate_id, recording.display_name) == ("김민지", "김민지")
    assert (recording.session_date, recording.consent) == ("2026-11-20", True)
    assert stat.S_IMODE(recording.path.stat().st_mode) & 0o077 == 0


def test_without_consent_it_is_kept_and_not_analysed(served: Served) -> None:
    for consent in ("no", "", "true"):
        _put(served, SAMPLE.read_bytes(), name=f"a{consent}.mp4", consent=consent)
    assert [r.consent for r in discover(served.desk.recordings).recordings] == [False] * 3
    told = served.ask("/status").json()
    assert {row["status"] for row in told["rows"].values()} == {"not_consented"}


def test_a_recording_that_is_there_is_not_written_over(served: Served) -> None:
    _put(served, SAMPLE.read_bytes())
    before = contents(served.desk.recordings)
    answer = _put(served, SAMPLE.read_bytes() + b"x")
    assert answer.code == 409
    assert answer.json()["cause"] == "A recording of that name is there already."
    assert contents(served.desk.recordings) == before


@pytest.mark.parametrize(
    "known",
    [{"name": "../../a.mp4"}, {"name": "..\\..\\a.mp4"}, {"name": "/etc/a.mp4"},
     {"candidate": "../.."}, {"candidate": ".poise"}, {"candidate": "a/b/c"}, {"name": ".mp4"},
     {"candidate": "x" * 500, "name": "y" * 500 + ".mp4"}, {"name": "a\0b.mp4"}],
)  # fmt: skip
def test_no_name_leads_out(served: Served, known: dict[str, str]) -> None:
    _put(served, SAMPLE.read_bytes(), **known)
    base = served.desk.recordings.parent
    assert {path.name for path in base.iterdir()} <= {"recordings", "reports"}
    for recording in discover(served.desk.recordings).recordings:
        steps = recording.path.relative_to(served.desk.recordings).parts
        assert len(steps) == 2 and not steps[0].startswith(".")


@pytest.mark.parametrize("known", [{"name": "a.exe"}, {"name": "a"}, {"candidate": " "}])
def test_what_is_no_recording_by_its_name_is_refused(served: Served, known: dict[str, str]) -> None:
    assert _put(served, SAMPLE.read_bytes(), **known).code == 409
    assert contents(served.desk.recordings) == {}


def test_what_is_no_recording_by_its_bytes_leaves_nothing(served: Served) -> None:
    answer = _put(served, b"#!/bin/sh\n" * 100)
    assert (answer.code, answer.json()["remedy"]) == (
        409,
        "Check that it plays, and export it again as MP4.",
    )
    assert list(served.desk.recordings.iterdir()) == []


def test_what_breaks_off_leaves_nothing(served: Served) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in served.headers().items())
    import socket

    with socket.create_connection(("127.0.0.1", served.desk.port)) as connection:
        connection.sendall(
            f"PUT /recordings?name=a.mp4&candidate=Kim HTTP/1.1\r\n{head}"
            "Content-Length: 999999\r\n\r\n".encode()
            + SAMPLE.read_bytes()
        )
        wait_until(lambda: any(served.desk.recordings.rglob("*.part")))
    wait_until(lambda: not any(served.desk.recordings.iterdir()))


def test_a_link_for_a_folder_is_not_followed(served: Served, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (served.desk.recordings / "김민지").symlink_to(tmp_path / "outside")
    assert _put(served, SAMPLE.read_bytes()).code == 409
    assert list((tmp_path / "outside").iterdir()) == []


def test_size_and_room_are_bounded(tmp_path: Path) -> None:
    size = SAMPLE.stat().st_size
    folders = (tmp_path / "reports", tmp_path / "recordings")
    with serving(*folders, upload_bytes=size - 1) as there:
        assert _put(there, SAMPLE.read_bytes()).code == 413
        head = "".join(f"{name}: {value}\r\n" for name, value in there.headers().items())
        data = SAMPLE.read_bytes()
        sent = (
            f"PUT /recordings?name=a.mp4&candidate=Kim HTTP/1.1\r\n{head}"
            f"Transfer-Encoding: chunked\r\n\r\n{len(data):x}\r\n"
        ).encode() + data
        assert there.raw(sent + b"\r\n0\r\n\r\n").code in (0, 413)
        assert list(folders[1].iterdir()) == []
    with serving(*folders, spare_bytes=10**18) as there:
        answer = _put(there, SAMPLE.read_bytes())
        assert answer.code == 409 and "GB may still be filled" in answer.json()["cause"]
    assert list(folders[1].iterdir()) == []


def test_a_name_that_no_folder_can_have_is_kept_in_the_table(served: Served) -> None:
    _put(served, SAMPLE.read_bytes(), candidate="Kim / Minji?")
    (recording,) = discover(served.desk.recordings).recordings
    assert recording.display_name == "Kim / Minji?"
    assert recording.path.parent.name == "Kim _ Minji"
