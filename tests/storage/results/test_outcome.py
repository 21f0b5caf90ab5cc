"""What became of one recording; and what was left aside."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from poise.statuses import Status
from poise.storage.results.outcome import LeftAside, Outcome, place_of, tells_of
from poise.types import Recording


def test_an_outcome_says_no_more_than_is_known() -> None:
    recording = Recording(path=Path("a"), recording_id="a", candidate_id="a", display_name="a")
    outcome = Outcome(recording=recording, status=Status.PENDING)
    assert (outcome.code, outcome.message, outcome.error, outcome.result) == ("", "", None, None)
    assert (outcome.reused, outcome.seconds) == (False, 0.0)
    with pytest.raises(FrozenInstanceError):
        outcome.status = Status.DONE  # type: ignore[misc]


def test_what_was_left_aside_is_a_value() -> None:
    assert LeftAside(name="a.zip", code="archive") in {LeftAside(name="a.zip", code="archive")}


def test_what_names_a_recording_or_lies_where_it_does_tells_of_it() -> None:
    gone = {"Kim/1.mp4", "Lee.mp4"}
    for name in ("Kim/notes.txt", "Kim/2/a.txt", "Kim/1.mp4 (notes.csv, line 2)", "Lee.vtt",
                 "Lee.mp4 (segments.csv, line 3)"):  # fmt: skip
        assert tells_of(LeftAside(name=name, code="x"), gone), name
    for name in ("Kimberly/1.txt", "Leeds.vtt", "notes.csv, line 2", "Park/Kim.txt", ""):
        assert not tells_of(LeftAside(name=name, code="x"), gone), name
    assert (place_of("Kim/1.mp4"), place_of("Lee.mp4")) == ("Kim", "Lee")
