"""A practice that is kept: what the page says is checked, and stands in the tables."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.exceptions import HTTPException

from poise.batch.intake.dates import session_in
from poise.batch.intake.discovery import discover
from poise.desk.live.intake import Reporter, add_segments, practice_of, take_in
from poise.desk.live.questions import QuestionSet
from poise.desk.state import Desk
from poise.errors import SettingsError
from poise.storage.given_segments import with_segments
from tests.processes import wait_until

TWO = QuestionSet(language="en", title="Two", questions=("Who are you?", "Why, really?"))
SETS = {TWO.mark: TWO}
GIVEN = {
    "candidate": " Kim  Minji ", "kind": "video/webm;codecs=vp8,opus", "set": TWO.mark,
    "resting": "0.30-5.90", "asked": "0:6.10-20.00,1:20.00-31.52",
}  # fmt: skip


def test_what_a_page_says() -> None:
    practice = practice_of(GIVEN, SETS)
    assert practice.candidate == "Kim Minji" and practice.suffix == ".webm"
    assert practice.resting_s == (0.3, 5.9)
    assert practice.asked == ((6.1, 20.0, "Who are you?"), (20.0, 31.52, "Why, really?"))
    name = practice.file_name(datetime(2026, 11, 27, 18, 5, 9))
    session = session_in(f"Kim Minji/{name}")
    assert (session.day, session.time) == ("2026-11-27", "18:05")


@pytest.mark.parametrize(
    "change",
    [
        {"candidate": ""}, {"candidate": "x" * 101}, {"candidate": "a\x00b"}, {"kind": "text/html"},
        {"set": "0"}, {"set": ""}, {"resting": "5-2"}, {"resting": "nan-3"}, {"asked": "0:1"},
        {"asked": "2:1-2"}, {"asked": "-1:1-2"}, {"asked": "0:1-9,1:5-12"}, {"asked": "0:1-99999"},
    ],
)  # fmt: skip
def test_what_no_page_says_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(HTTPException):
        practice_of(GIVEN | change, SETS)


def test_a_practice_stands_in_the_tables(tmp_path: Path) -> None:
    desk = Desk(reports=tmp_path / "out", recordings=tmp_path / "in", port=1)
    for number in (1, 2):
        place = desk.recordings / "Kim Minji" / f"2026-11-27 18.0{number}.00 practice.webm"
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name("draft.part")
        draft.write_bytes(b"\x1a\x45\xdf\xa3")
        assert take_in(desk, draft, place, practice_of(GIVEN, SETS)) == f"Kim Minji/{place.name}"
    found, _ = with_segments(desk.recordings, discover(desk.recordings).recordings)
    assert len(found) == 2
    for recording in found:
        assert recording.consent and recording.neutral_span_s == (0.3, 5.9)
        assert recording.candidate_id == "Kim Minji" and recording.session_date == "2026-11-27"
        assert recording.segments is not None
        told = [(s.start_s, s.end_s, s.label) for s in recording.segments]
        assert told == [(6.1, 20.0, "Who are you?"), (20.0, 31.5, "Why, really?")]
    assert not list(desk.recordings.rglob("*.part"))


def test_a_table_of_a_centre_stays_as_it_is(tmp_path: Path) -> None:
    table = tmp_path / "Segments.csv"
    table.write_text("Start;End;recording\n0:01;0:05;a.mp4\n", encoding="cp949")
    add_segments(tmp_path, "b.webm", [(1.0, 2.0, "Who?")])
    lines = table.read_text(encoding="utf-8-sig").split()
    assert lines == ["Start;End;recording", "0:01;0:05;a.mp4", "1.0;2.0;b.webm"]
    table.write_text("what,is,this\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="has the columns"):
        add_segments(tmp_path, "b.webm", [(1.0, 2.0, "Who?")])


@pytest.mark.parametrize(("before", "language"), [("both", "both"), ("", "ko")])
def test_reports_stay_in_their_language(tmp_path: Path, before: str, language: str) -> None:
    started: list[str] = []
    batches = SimpleNamespace(
        standing=lambda: SimpleNamespace(running=False, language=before), start=started.append
    )
    Reporter(SimpleNamespace(batches=batches, language="ko")).analyse()  # type: ignore[arg-type]
    wait_until(lambda: started == [language])
