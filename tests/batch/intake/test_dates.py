"""Dates: as people name files, and as spreadsheets of several countries write them."""

from __future__ import annotations

import time

import pytest

from poise.batch.intake.dates import is_day, read_column, session_in


@pytest.fixture(autouse=True)
def seoul(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local time is Korea's, nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "day", "clock"),
    [
        ("kim/20261120_0930.mp4", "2026-11-20", "09:30"),
        ("VID_20261120_091500.mp4", "2026-11-20", "09:15"),
        ("2026-11-20 second.mp4", "2026-11-20", ""),
        ("2026-11-20 10.mp4", "2026-11-20", ""),
        ("kim/KakaoTalk_2026.11.20 9.mp4", "2026-11-20", ""),
        ("20261120_1920x1080.mp4", "2026-11-20", ""),
        ("20261120 1080p.mp4", "2026-11-20", ""),
        ("Screen Recording 2026-11-20 at 9.15.00 PM.mov", "2026-11-20", "21:15"),
        ("2026-11-20 09.15.00 Kim/zoom_0.mp4", "2026-11-20", "09:15"),
        ("GMT20261120-231500_Recording.mp4", "2026-11-21", "08:15"),
        ("PXL_20261120_231500123.mp4", "2026-11-21", "08:15"),  # Google's phones: in UTC, too
        ("2026-11-20T231500Z.mp4", "2026-11-21", "08:15"),
        ("KakaoTalk_20261120_231500123.mp4", "2026-11-20", "23:15"),
        ("kim 010203.mp4", "", ""),  # dates of birth
        ("kim_20010203.mp4", "", ""),
        ("kim 010203 2026-11-20.mp4", "2026-11-20", ""),
        ("2026년 9월 5일 오후 3시 20분.mp4", "2026-09-05", "15:20"),
        ("2026. 9. 5. kim.mp4", "2026-09-05", ""),
        ("2026-9-5.mp4", "2026-09-05", ""),
        ("25.11.2026.mp4", "2026-11-25", ""),
        ("11-25-2026.mp4", "2026-11-25", ""),
        ("261122.mp4", "2026-11-22", ""),
        ("kim 261122_0930.mp4", "2026-11-22", "09:30"),
        ("kim/2026-11-20/answer.mp4", "2026-11-20", ""),
        ("2025-01-01/2026_11_20.mp4", "2026-11-20", ""),
        ("5.9.2026.mp4", "", ""),
        ("11월 25일.mp4", "", ""),
        ("IMG_4312.MOV", "", ""),
        ("kim/2026-13-40.mp4", "", ""),
        ("kim/120261120.mp4", "", ""),
        ("kim/2026-1120.mp4", "", ""),
        ("19700101.mp4", "", ""),
        ("take 2.mp4", "", ""),
    ],
)
def test_in_a_name(name: str, day: str, clock: str) -> None:
    session = session_in(name)
    assert (session.day, session.time) == (day, clock)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("IMG_4312.MOV", "2026-11-26"),  # half past eight in the morning in Seoul
        ("11월 25일.mp4", "2026-11-25"),
        ("kim/261122.mp4", "2026-11-22"),
        ("2026-11-20.mp4", "2026-11-20"),
    ],
)
def test_what_a_name_leaves_open_the_container_tells(name: str, day: str) -> None:
    assert session_in(name, "2026-11-25T23:30:00.000000Z").day == day


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_time_zone_of_the_container_is_that_of_the_place(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone in Seoul; analysed on a machine, or in a container, that keeps another time."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    session = session_in("IMG_4312.MOV", "2026-11-26T08:30:00+0900")
    assert (session.day, session.time) == ("2026-11-26", "08:30")


@pytest.mark.parametrize(
    ("name", "made", "day"),
    [
        ("12월 28일.mp4", "2026-01-02T03:00:00Z", "2025-12-28"),
        ("1월 2일.mp4", "2026-01-02T03:00:00Z", "2026-01-02"),
        ("1월 1일.mp4", "2025-12-31T12:00:00Z", "2026-01-01"),
        ("2월 29일.mp4", "2025-03-01T03:00:00Z", "2024-02-29"),
    ],
)
def test_a_day_without_a_year_is_the_last_one_when_the_file_was_made(
    name: str, made: str, day: str
) -> None:
    assert session_in(name, made).day == day


def test_six_digits_are_read_the_other_way_round_if_the_file_was_made_then() -> None:
    assert session_in("261122.mp4", "2022-11-26T03:00:00Z").day == "2022-11-26"


@pytest.mark.parametrize("made", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "nonsense",
                                  "2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])  # fmt: skip
def test_a_container_that_does_not_know_is_not_believed(made: str) -> None:
    assert session_in("IMG_4312.MOV", made).day == ""


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["9/5/2026", "11/20/2026"], ["2026-09-05", "2026-11-20"]),
        (["9/5/2026", "20/11/2026"], ["2026-05-09", "2026-11-20"]),
        (["5.9.2026", "25.9.2026"], ["2026-09-05", "2026-09-25"]),
        (["2026. 9. 5.", "2026-09-06", "20260907"], ["2026-09-05", "2026-09-06", "2026-09-07"]),
        (["2026년 9월 5일", "2026/9/6 (일)"], ["2026-09-05", "2026-09-06"]),
        (["26/9/5", "26/9/30"], ["2026-09-05", "2026-09-30"]),
        (
            ["5-Sep-26", "Sep 6, 2026", "7 September 2026"],
            ["2026-09-05", "2026-09-06", "2026-09-07"],
        ),
        (["46270"], ["2026-09-05"]),  # a cell that a spreadsheet took for a number
        (["5/5/2026"], ["2026-05-05"]),
        (["260905", "２０２６．９．６"], ["2026-09-05", "2026-09-06"]),
        (["'2026-09-05", '="2026-09-06"'], ["2026-09-05", "2026-09-06"]),
        (["2026-09-05T23:30:00Z"], ["2026-09-06"]),
        (["2026-09-05T23:30:00-05:00"], ["2026-09-05"]),
        (["week 3", ""], ["week 3", ""]),
    ],
)
def test_a_column(cells: list[str], days: list[str]) -> None:
    sessions, doubts = read_column(cells)
    assert [s.day for s in sessions] == days
    assert doubts == []


@pytest.mark.parametrize(
    ("cell", "clock"),
    [
        ("2026-09-05 09:30", "09:30"),
        ("2026-09-05T21:30:00", "21:30"),
        ("2026. 9. 5. 오후 2:05", "14:05"),
        ("9/25/2026 9:30 PM", "21:30"),
        ("2026-09-05", ""),
    ],
)
def test_a_time_of_day_in_a_cell(cell: str, clock: str) -> None:
    (session,), doubts = read_column([cell])
    assert session.time == clock and is_day(session.day) and not doubts


@pytest.mark.parametrize(
    ("cells", "row", "why"),
    [
        (["9/5/2026"], 0, "may be 2026-05-09 or 2026-09-05"),
        (["9/5/2026", "10/6/2026"], 0, "no other line decides"),
        (["2026-13-40"], 0, "is no date"),
        (["30/30/2026"], 0, "is no date"),
        (["2569-09-05"], 0, "in the future"),
        (["123456"], 0, "is no date"),
        (["9월 5일"], 0, "has no year"),
        (["2026-09-05", "9/5"], 1, "has no year"),
        (["25/12/2026", "12/25/2026", "9/5/2026"], 2, "another order"),
    ],
)
def test_what_cannot_be_decided_is_said(cells: list[str], row: int, why: str) -> None:
    _, doubts = read_column(cells)
    assert (doubts[0].row, why in doubts[0].why) == (row, True), doubts
