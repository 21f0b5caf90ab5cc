"""The overview: what lies there, what became of it, whom it shows; quickly for hundreds."""

from __future__ import annotations

import time
from pathlib import Path

from poise.desk.overview import faces_of, overview
from poise.desk.state import Desk
from tests.desk.conftest import Night
from tests.desk.many import many_candidates


def _desk(night: Night) -> Desk:
    return Desk(reports=night.reports, recordings=night.recordings, port=1)


def test_doubts_and_faces_are_those_of_the_result(night: Night) -> None:
    desk = _desk(night)
    seen = overview(desk, desk.batches.standing())
    assert [(r.recording.recording_id, r.doubt) for r in seen.rows] == [
        ("kim/1.mp4", "after_a_cut"), ("kim/2.mp4", ""), ("lee.mp4", ""),
    ]  # fmt: skip
    one, broken = seen.row("kim/1.mp4"), seen.row("lee.mp4")
    assert one is not None and [p.name for p in faces_of(desk, one)] == ["face-0.jpg", "face-1.jpg"]
    assert broken is not None and faces_of(desk, broken) == [] and broken.code
    assert seen.row("none") is None and len(seen.of_candidate("kim")) == 2


def test_what_is_new_waits_unless_there_is_no_consent(night: Night) -> None:
    desk = _desk(night)
    for name in ("new.mp4", "no.mp4"):
        (night.recordings / name).write_bytes(b"x")
    table = night.recordings / "candidates.csv"
    table.write_text("recording,consent\nno.mp4,no\n", encoding="utf-8")
    seen = overview(desk, desk.batches.standing())
    assert seen.waiting() == 1
    assert {r.recording.recording_id: r.status for r in seen.rows if "/" not in
            r.recording.recording_id} == {
        "lee.mp4": "failed", "new.mp4": "new", "no.mp4": "not_consented",
    }  # fmt: skip


def test_three_hundred_candidates_are_looked_through_quickly(tmp_path: Path) -> None:
    night = many_candidates(tmp_path, 300)
    desk = _desk(night)
    overview(desk, desk.batches.standing())
    started = time.process_time()
    seen = overview(desk, desk.batches.standing())
    assert time.process_time() - started < 0.5
    assert len(seen.rows) == 300
    assert sum(bool(row.doubt) for row in seen.rows) == 3
