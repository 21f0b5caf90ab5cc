"""A recording: what is known of it is changed through the table, notes and faces beside it."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from poise.batch.intake.discovery import discover
from poise.desk.rooms.recording import portrait_name
from poise.storage.notes import read_notes
from tests.conftest import contents
from tests.desk.kit import Served

ID = "kim/1.mp4"


def _page(there: Served) -> str:
    return there.ask(f"/recording?id={quote(ID)}").body.decode()


def test_details_go_into_the_table(morning: Served) -> None:
    details = {"display_name": "Kim, Minji", "session_date": "2026-11-06", "consent": "no",
               "neutral_span": "0:01-0:07.5", "note": "first try"}  # fmt: skip
    assert morning.ask("/recording/details", "POST", {"id": ID, **details}).code == 200
    own = discover(morning.desk.recordings).recordings[0]
    assert (own.display_name, own.session_date, own.consent) == ("Kim, Minji", "2026-11-06", False)
    assert (own.neutral_span_s, own.note) == ((1.0, 7.5), "first try")
    text = _page(morning)
    for value in ("Kim, Minji", "2026-11-06", "0:01-0:07.5", "first try"):
        assert value in text


@pytest.mark.parametrize("span", ["0:00-0:10", "0:03.25-0:59.97", "61:00.001-75:30"])
def test_a_resting_span_is_shown_as_it_is_saved_again(morning: Served, span: str) -> None:
    for _ in range(2):
        details = {"id": ID, "neutral_span": span}
        assert morning.ask("/recording/details", "POST", details).code == 200
        assert f'value="{span}"' in _page(morning)


def test_what_cannot_be_used_changes_nothing(morning: Served) -> None:
    before = contents(morning.desk.recordings)
    answer = morning.ask("/recording/details", "POST", {"id": ID, "neutral_span": "soon"})
    assert answer.code == 409 and "0:00-0:06" in answer.json()["remedy"]
    for wrong in ({"portrait": "x.jpg"}, {"candidate_id": "x"}, {"recording": "x"}):
        assert morning.ask("/recording/details", "POST", {"id": ID, **wrong}).code == 400
    assert contents(morning.desk.recordings) == before


def test_the_face_that_is_clicked_becomes_the_portrait(morning: Served) -> None:
    assert _page(morning).count('class="face"') == 2
    picture = morning.ask(f"/recording/face?id={quote(ID)}&face=1")
    assert (picture.code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert morning.ask("/recording/portrait", "POST", {"id": ID, "face": "1"}).code == 200
    own = discover(morning.desk.recordings).recordings[0]
    assert own.portrait is not None and own.portrait.read_bytes() == picture.body


def test_recordings_whose_names_look_alike_have_portraits_of_their_own() -> None:
    alike = [
        "kim/1.mp4",
        "kim 1.mp4",
        "kim/1?.mp4",
        "kim/1_.mp4",
        f"{'k' * 200}/1",
        f"{'k' * 200}/2",
    ]
    assert len({portrait_name(name) for name in alike}) == len(alike)
    assert portrait_name("kim/1.mp4") == portrait_name("kim/1.mp4")


@pytest.mark.parametrize("face", ["2", "-1", "", "x", "../1", "1.jpg"])
def test_there_are_no_other_faces(morning: Served, face: str) -> None:
    assert morning.ask(f"/recording/face?id={quote(ID)}&face={quote(face)}").code == 404
    assert morning.ask("/recording/portrait", "POST", {"id": ID, "face": face}).code == 404


def test_pictures_go_into_no_linked_folder(morning: Served) -> None:
    outside = morning.desk.reports.parent / "outside"
    outside.mkdir()
    (morning.desk.recordings / "portraits").symlink_to(outside)
    assert morning.ask("/recording/portrait", "POST", {"id": ID, "face": "1"}).code == 409
    assert list(outside.iterdir()) == []


def test_notes_are_written_at_moments_and_removed(morning: Served) -> None:
    for time, note in (("75.2", "눈을 봅니다"), ("3", '"slower"\nplease')):
        sent = {"id": ID, "time": time, "author": "Coach <Park>", "note": note}
        assert morning.ask("/recording/note", "POST", sent).code == 200
    text = _page(morning)
    assert text.index("slower") < text.index("눈을 봅니다")
    assert "01:15" in text and "Coach &lt;Park&gt;" in text
    one = read_notes(morning.desk.recordings)[ID][0]
    gone = {"id": ID, "time": str(one.time_s), "author": one.author, "note": one.text}
    assert morning.ask("/recording/note/remove", "POST", gone).code == 200
    assert [n.text for n in read_notes(morning.desk.recordings)[ID]] == ["눈을 봅니다"]


def test_a_note_of_the_whole_recording_says_so(morning: Served) -> None:
    sent = {"id": ID, "time": "", "author": "", "note": "well prepared"}
    assert morning.ask("/recording/note", "POST", sent).code == 200
    assert read_notes(morning.desk.recordings)[ID][0].time_s is None
    assert "The whole recording" in _page(morning)
    assert morning.ask("/recording/note/remove", "POST", sent).code == 200
    assert read_notes(morning.desk.recordings) == {}


@pytest.mark.parametrize(
    "wrong",
    [{"time": "soon"}, {"time": "-1"}, {"time": "nan"}, {"note": " "}, {"note": "x" * 5000}],
)  # fmt: skip
def test_notes_that_say_nothing_are_refused(morning: Served, wrong: dict[str, str]) -> None:
    sent = {"id": ID, "time": "1", "author": "", "note": "x"} | wrong
    assert morning.ask("/recording/note", "POST", sent).code == 400
    assert read_notes(morning.desk.recordings) == {}


@pytest.mark.parametrize("name", ["none.mp4", "../reports/kim/report.html", "", "kim"])
def test_what_is_no_recording_is_not_there(morning: Served, name: str) -> None:
    assert morning.ask(f"/recording?id={quote(name)}").code == 404
    assert morning.ask("/recording/details", "POST", {"id": name, "note": "x"}).code == 404
    assert (
        morning.ask("/recording/note", "POST", {"id": name, "time": "1", "note": "x"}).code == 404
    )


def test_markup_in_names_is_text(morning: Served) -> None:
    hostile = "<script>alert(1)</script>\"'&"
    morning.ask("/recording/details", "POST", {"id": ID, "display_name": hostile, "note": hostile})
    for path in (f"/recording?id={quote(ID)}", "/", "/candidate?id=kim"):
        assert "<script>alert" not in morning.ask(path).body.decode()
