"""Answers and questions: read from what a centre gives, or found from who speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poise.errors import SettingsError
from poise.spoken import Segment, Sound, Turn
from poise.timeline.segments import (
    PAUSE_S,
    found,
    from_chapters,
    given,
    in_force,
    left_of,
    overlapping,
    read_time,
    read_webvtt,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("65", 65), ("65.5", 65.5), ("1:05", 65), ("01:05.250", 65.25), ("1:02:03", 3723),
     ("1:02:03,5", 3723.5), ("90:00", 5400)],
)  # fmt: skip
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert read_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "abc", "1:60", "1:2:3:4", "-5", "1:75:00", "1e3", "1:005"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        read_time(text)


def _given(
    start: float, end: float, label: str = "", kind: str = "part", source: str = "table"
) -> Segment:
    return Segment(kind=kind, label=label, start_s=start, end_s=end, source=source)


def test_a_segment_as_a_centre_writes_it() -> None:
    assert given("1:00", "2:00", "Why us?") == _given(60, 120, "Why us?")
    assert given("0", "60", "Exclude") == _given(0, 60, kind="excluded")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [("1:00", "oops", "has the end 'oops'"), ("", "5", "has the start ''"),
     ("2:00", "1:00", "ends at 1:00 and starts at 2:00")],
)  # fmt: skip
def test_a_segment_that_makes_no_sense(start: str, end: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        given(start, end, "x")
    assert error.value.code == "row_time"


def test_parts_may_not_overlap_and_what_is_excluded_may_lie_anywhere() -> None:
    segments = [
        _given(10, 20), _given(0, 30), _given(30, 40), _given(25, 35, kind="excluded"),
        _given(21, 22),
    ]  # fmt: skip
    assert overlapping(segments) == {0: 1, 4: 1}


def test_what_is_excluded_is_cut_out_of_turns() -> None:
    turns = _turns(("i", 0, 3), ("c", 4, 20), ("c", 21, 22))
    assert left_of(turns, [(10, 12), (20, 30)]) == _turns(("i", 0, 3), ("c", 4, 10), ("c", 12, 20))
    assert left_of(turns, []) == turns


def test_cues_of_webvtt_are_segments() -> None:
    text = (
        "\ufeffWEBVTT - made by hand\r\n\r\nNOTE a note\r\n\r\n"
        "1\r\n00:01.000 --> 00:05.500 line:0\r\n"
        "<v Kim>Why us?</v>\r\nAnd why now?\r\n\r\n01:00:00.000 --> 01:00:01.000\r\nexclude\r\n"
    )
    assert read_webvtt(text) == (
        _given(1, 5.5, "Why us? And why now?", source="webvtt"),
        _given(3600, 3601, kind="excluded", source="webvtt"),
    )
    with pytest.raises(SettingsError, match="WEBVTT"):
        read_webvtt("1\n00:01.000 --> 00:02.000\nx\n")
    with pytest.raises(SettingsError, match="line 3 ends"):
        read_webvtt("WEBVTT\n\n00:05.000 --> 00:02.000\nx\n")
    for times in ("00:0x --> 00:05.000", "00:01.000 -->", "0 h 1 --> 0 h 2", "-->"):
        with pytest.raises(SettingsError, match="line 3 has the"):
            read_webvtt(f"WEBVTT\n\n{times}\nexclude\n")
    with pytest.raises(SettingsError, match="line 6 overlaps line 3"):
        read_webvtt("WEBVTT\n\n00:01.000 --> 00:05.000\nx\n\n00:04.000 --> 00:07.000\ny\n")


def test_chapters_are_segments_unless_there_is_only_one() -> None:
    made = from_chapters([(5, 9, "Two"), (0, 6, " One "), (9, 9, "nothing")])
    assert made == (_given(0, 5, "One", source="chapters"), _given(5, 9, "Two", source="chapters"))
    assert from_chapters([(0, 100, "all")]) == ()


def _turns(*said: tuple[str, float, float]) -> list[Turn]:
    names = {"c": "candidate", "i": "someone_else", "u": "unsure"}
    return [Turn(speaker=names[who], start_s=a, end_s=b) for who, a, b in said]


def test_turns_are_questions_and_answers() -> None:
    segments = found(_turns(("i", 0, 3), ("c", 4, 8), ("c", 9.5, 14), ("i", 16, 18), ("c", 19, 30)))
    assert [(s.kind, s.start_s, s.end_s) for s in segments] == [
        ("question", 0, 3), ("answer", 4, 14), ("question", 16, 18), ("answer", 19, 30),
    ]  # fmt: skip
    assert {s.source for s in segments} == {"turns"}


def test_interjections_do_not_cut() -> None:
    segments = found(
        _turns(("i", 0, 3), ("c", 3.2, 3.6), ("i", 4, 7), ("c", 8, 15), ("i", 15.5, 16),
               ("c", 17, 25))
    )  # fmt: skip
    assert [(s.kind, s.start_s, s.end_s) for s in segments] == [
        ("question", 0, 7), ("answer", 8, 25),
    ]  # fmt: skip


def test_who_is_unsure_goes_with_the_turn_before() -> None:
    segments = found(_turns(("i", 0, 3), ("c", 4, 8), ("u", 8.5, 10), ("i", 12, 15)))
    assert [(s.kind, s.end_s) for s in segments] == [
        ("question", 3), ("answer", 10), ("question", 15),
    ]  # fmt: skip


def test_one_voice_alone_is_cut_at_long_pauses() -> None:
    said = _turns(("c", 0, 10), ("c", 10 + PAUSE_S - 0.5, 20), ("c", 20 + PAUSE_S, 40))
    segments = found(said)
    assert [(s.kind, s.start_s, s.end_s) for s in segments] == [
        ("answer", 0, 20), ("answer", 20 + PAUSE_S, 40),
    ]  # fmt: skip
    assert {s.source for s in segments} == {"pauses"}


def test_where_the_candidate_says_nothing_there_are_no_segments() -> None:
    assert found([]) == ()
    assert found(_turns(("i", 0, 30))) == ()
    assert found(_turns(("u", 0, 30))) == ()


def test_nothing_reaches_beyond_the_end() -> None:
    given = [
        Segment(kind=kind, label="", start_s=start_s, end_s=end_s, source="table")
        for kind, start_s, end_s in (("part", 0, 10), ("part", 10, 90), ("part", 60, 70),
                                     ("excluded", 30, 80))
    ]  # fmt: skip
    told = in_force(given, Sound(), end_s=40.0)
    assert [(s.kind, s.start_s, s.end_s) for s in told] == [
        ("part", 0, 10), ("part", 10, 40.0), ("excluded", 30, 40.0),
    ]  # fmt: skip
    (fine,) = in_force([replace(given[0], start_s=5.0004, end_s=9.9996)], Sound(), end_s=40.0)
    assert (fine.start_s, fine.end_s) == (5.0, 10.0)
    (own,) = in_force(given[2:3], Sound(turns=tuple(_turns(("c", 0, 50)))), end_s=40.0)
    assert (own.kind, own.end_s) == ("answer", 40.0)
