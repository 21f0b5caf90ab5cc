"""The first page: what became of the night, and starting and stopping."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from poise.desk.overview import Overview
from poise.desk.rooms.home import in_words
from poise.reports.locales import LANGUAGES
from poise.statuses import Status
from poise.system.directory_lock import Holder
from tests.desk.kit import Served


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_tells_of_the_night_in_words(morning: Served, language: str) -> None:
    assert morning.ask("/language", "POST", {"language": language}).code == 200
    text = morning.ask("/").body.decode()
    assert f'<html lang="{language}">' in text
    wanted = {
        "en": ("2 finished, 1 could not be read.", "The last analysis ended on"),
        "ko": ("완료 2개, 읽지 못함 1개.", "마지막 분석은"),
    }[language]
    assert all(words in text for words in wanted)
    texts = morning.desk.texts
    assert texts("error.unreadable.cause") in text and texts("error.unreadable.remedy") in text
    assert texts("unsure.after_a_cut") in text
    assert len(re.findall(r'<button type="button" class="face"', text)) == 2


def test_every_recording_leads_to_what_there_is(morning: Served) -> None:
    text = morning.ask("/").body.decode()
    for address in set(re.findall(r'(?:href|src)="(/[^"]+)"', text)):
        assert morning.ask(address.replace("&amp;", "&")).code == 200, address


def test_the_status_is_what_the_page_shows(morning: Served) -> None:
    told = morning.ask("/status").json()
    assert (told["running"], told["can_start"]) == (False, True)
    assert {name: row["status"] for name, row in told["rows"].items()} == {
        "kim/1.mp4": "done", "kim/2.mp4": "done", "lee.mp4": "failed",
    }  # fmt: skip
    assert told["rows"]["kim/1.mp4"]["report"] == "/files/reports/kim/report.html"


def test_an_empty_desk_says_what_to_do(served: Served) -> None:
    assert "no recordings yet" in served.ask("/").body.decode()
    assert served.ask("/status").json()["can_start"] is False


def test_new_recordings_wait_and_others_are_gone(morning: Served) -> None:
    (morning.desk.recordings / "new.mp4").write_bytes(b"x")
    (morning.desk.recordings / "kim" / "2.mp4").unlink()
    told = morning.ask("/status").json()
    assert {told["rows"][n]["status"] for n in ("new.mp4", "kim/2.mp4")} == {"new", "gone"}
    assert "1 recording is waiting" in told["detail"]


def test_a_table_that_cannot_be_used_is_told_with_its_remedy(morning: Served) -> None:
    table = morning.desk.recordings / "candidates.csv"
    table.write_text("recording,consent\nkim/1.mp4,perhaps\n", encoding="utf-8")
    text = morning.ask("/").body.decode()
    assert "candidates.csv, line 2: What is said of consent" in text and "Write yes or no" in text
    assert "1 line of your tables needs attention" in text
    assert morning.ask("/status").json()["rows"]["kim/1.mp4"]["status"] == "done"
    (morning.desk.recordings / "new.mp4").write_bytes(b"x")
    table.write_text("recording,consent\nnew.mp4,perhaps\n", encoding="utf-8")
    assert morning.ask("/status").json()["rows"]["new.mp4"]["status"] == "failed"
    table.write_text("recording;colour\nkim/1.mp4;red\n", encoding="utf-8")
    text = morning.ask("/").body.decode()
    assert "has the columns recording, colour" in text and "It may have these" in text
    assert morning.ask("/status").json()["rows"]["kim/1.mp4"]["status"] == "done"
    morning.desk.language = "ko"
    text = morning.ask("/").body.decode()
    assert "‘candidates.csv’의 열은 recording, colour입니다. 다음 열을" in text
    table.write_text("recording,consent\nkim/1.mp4,perhaps\n", encoding="utf-8")
    text = morning.ask("/").body.decode()
    assert "candidates.csv 2번째 줄: 동의 여부가" in text and "Write yes" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_batch_that_was_stopped_is_told_as_such_and_goes_on(
    morning: Served, language: str
) -> None:
    morning.desk.language = language
    texts, standing = morning.desk.texts, morning.desk.batches.standing()
    assert standing.state is not None
    first, *others = standing.state.outcomes
    waiting = replace(first, status=Status.PENDING)
    stopped = replace(standing, state=replace(standing.state, outcomes=(waiting, *others)))
    told = in_words(Overview(rows=[]), stopped, texts)
    assert told["button"] == texts("desk.batch.go_on")
    ended = in_words(Overview(rows=[]), standing, texts)
    assert told["headline"] != ended["headline"] and ended["button"] != told["button"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"language": 1}', b'{"language": "xx"}', b"{}"]
)
@pytest.mark.parametrize("path", ["/language", "/batch/start"])
def test_what_makes_no_sense_is_refused(served: Served, path: str, body: bytes) -> None:
    assert served.ask(path, "POST", body).code == 400


def test_there_is_nothing_to_stop(served: Served) -> None:
    answer = served.ask("/batch/stop", "POST", {})
    assert answer.code == 409 and answer.json()["cause"] == "No analysis is going on."


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_time_that_is_left_is_told_roughly(morning: Served, language: str) -> None:
    morning.desk.language = language
    standing = morning.desk.batches.standing()
    assert standing.state is not None
    held = replace(standing.state, holder=Holder(pid=1, host="x", since=0), ended=None)
    told = {}
    for left_s in (None, 20.0, 845.0):
        now = replace(standing, running=True, state=held, left_s=left_s)
        told[left_s] = in_words(Overview(rows=[]), now, morning.desk.texts)["detail"]
    assert len(set(told.values())) == 3
    assert "14" in str(told[845.0])
