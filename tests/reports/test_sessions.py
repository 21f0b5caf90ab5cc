"""The order of a person's sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.reports.sessions import in_order, is_earlier, natural
from poise.statuses import Status
from poise.storage.results.outcome import Outcome
from poise.types import Recording


def _recording(name: str, day: str = "", clock: str = "") -> Recording:
    return Recording(
        path=Path(name), recording_id=name, candidate_id="kim", display_name="kim",
        session_date=day, session_time=clock,
    )  # fmt: skip


def test_by_date_and_time_and_then_as_people_count() -> None:
    given = [
        _recording("late", "2026-11-20", "10:00"), _recording("take 10"), _recording("take 2"),
        _recording("early", "2026-11-20", "09:00"), _recording("before", "2026-09-05"),
        _recording("no date", "autumn"),
    ]  # fmt: skip
    found = in_order([Outcome(recording=r, status=Status.DONE) for r in given])
    assert [o.recording.recording_id for o in found] == [
        "no date", "take 2", "take 10", "before", "early", "late",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "earlier"),
    [(("2026-09-05", ""), ("2026-11-20", ""), True),
     (("2026-11-20", ""), ("2026-09-05", ""), False),
     (("2026-11-20", "09:00"), ("2026-11-20", "10:00"), True),
     (("2026-11-20", ""), ("2026-11-20", "10:00"), False), (("", ""), ("2026-11-20", ""), False),
     (("9/5/2026", ""), ("2026-11-20", ""), False)],
)  # fmt: skip
def test_only_what_is_known_to_be_earlier_is(
    one: tuple[str, str], other: tuple[str, str], earlier: bool
) -> None:
    assert is_earlier(_recording("a", *one), _recording("b", *other)) is earlier


def test_numbers_count_by_their_value() -> None:
    names = ["a10", "A2", "a2b", "b1", "10"]
    assert sorted(names, key=natural) == ["10", "A2", "a2b", "a10", "b1"]
