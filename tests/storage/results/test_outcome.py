"""What became of one recording; and what was left aside."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from poise.storage.results.outcome import LeftAside, Outcome
from poise.types import Recording, Status


def test_an_outcome_says_no_more_than_is_known() -> None:
    recording = Recording(path=Path("a"), recording_id="a", candidate_id="a", display_name="a")
    outcome = Outcome(recording=recording, status=Status.PENDING)
    assert (outcome.code, outcome.message, outcome.error, outcome.result) == ("", "", None, None)
    assert (outcome.reused, outcome.seconds) == (False, 0.0)
    with pytest.raises(FrozenInstanceError):
        outcome.status = Status.DONE  # type: ignore[misc]


def test_what_was_left_aside_is_a_value() -> None:
    assert LeftAside(name="a.zip", code="archive") in {LeftAside(name="a.zip", code="archive")}
