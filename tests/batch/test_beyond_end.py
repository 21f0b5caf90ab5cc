"""Moments behind a recording's end are named."""

from __future__ import annotations

from dataclasses import replace

from poise.batch.beyond_end import beyond_end
from poise.coach_notes import CoachNote
from poise.spoken import Segment
from poise.types import Recording
from tests.batch.kit import RunResult, by_id


def _told(recording: Recording, time_s: float, lasting_s: float = 2.0) -> Recording:
    note = CoachNote(time_s=time_s, author="", text="x")
    end_s = time_s + lasting_s
    part = Segment(kind="part", label="", start_s=time_s, end_s=end_s, source="table")
    return replace(
        recording, notes=(note, replace(note, time_s=None)), segments=(part,),
        neutral_span_s=(time_s, end_s),
    )  # fmt: skip


def test_what_begins_where_the_recording_has_ended_is_named(small_run: RunResult) -> None:
    outcome = by_id(small_run)["lee.mp4"]
    end_s = outcome.result.end_s
    assert 1 < end_s < 2
    assert beyond_end(_told(outcome.recording, end_s - 0.1), outcome.result) == []
    faults = beyond_end(_told(outcome.recording, 65.0), outcome.result)
    assert [fault.name for fault in faults] == [
        "lee.mp4 (notes.csv, 1:05)", "lee.mp4 (segments.csv, 1:05)",
        "lee.mp4 (candidates.csv, neutral_span, 1:05)",
    ]  # fmt: skip
    assert {fault.code for fault in faults} == {"row_beyond"}
    assert "lies behind the end of lee.mp4 (0:01)" in faults[0].text


def test_a_stretch_that_reaches_far_behind_the_end_is_named(small_run: RunResult) -> None:
    outcome = by_id(small_run)["lee.mp4"]
    faults = beyond_end(_told(outcome.recording, 0.5, lasting_s=60), outcome.result)
    assert [fault.name for fault in faults] == [
        "lee.mp4 (segments.csv, 1:00)", "lee.mp4 (candidates.csv, neutral_span, 1:00)",
    ]  # fmt: skip
    assert all("up to the end" in fault.text for fault in faults)
