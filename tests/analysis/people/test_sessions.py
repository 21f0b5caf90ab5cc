"""Whether a candidate's recordings show one person."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.people.sessions import IN_BOTH, NOT_THE_SAME, doubts
from poise.faces.candidate import STILL, TWO_ALIKE, TWO_PRESENT
from poise.identity_findings import IdentityFindings
from tests.faces.faces_made import identity_of


def _found(
    who: int | None,
    *others: int,
    doubt: str = "",
    by_portrait: bool = False,
    session: int = 0,
) -> IdentityFindings:
    def mean(person: int) -> list[float]:
        return identity_of(person, count=3, seed=session).mean(axis=0).tolist()

    return IdentityFindings(
        doubt=doubt,
        by_portrait=by_portrait,
        embedding=np.array([] if who is None else [mean(who)], np.float32).reshape(-1, 128),
        others=np.array([mean(other) for other in others], np.float32).reshape(-1, 128),
        uncertain_frames=0,
    )


def test_one_person_in_all_sessions_is_sure() -> None:
    assert doubts({str(k): _found(0, 1, session=k) for k in range(4)}) == {}


def test_one_recording_is_compared_with_nothing() -> None:
    assert doubts({"a": _found(0)}) == {}
    assert doubts({}) == {}


def test_two_side_by_side_taken_in_turn_are_unsure_in_both() -> None:
    found = {"a": _found(0, 1), "b": _found(1, 0, session=1)}
    assert doubts(found) == {"a": IN_BOTH, "b": IN_BOTH}


def test_two_recordings_of_two_people_are_unsure_in_both() -> None:
    assert doubts({"a": _found(0), "b": _found(1)}) == {"a": NOT_THE_SAME, "b": NOT_THE_SAME}


def test_the_one_that_differs_from_all_others_is_unsure() -> None:
    found = {str(k): _found(0, session=k) for k in range(3)} | {"odd": _found(1)}
    assert doubts(found) == {"odd": NOT_THE_SAME}


def test_a_portrait_outweighs_the_many() -> None:
    found = {
        "portrait": _found(1, by_portrait=True),
        "like it": _found(1, session=2),
        **{str(k): _found(0, session=k) for k in range(3)},
    }
    assert set(doubts(found)) == {"0", "1", "2"}


def test_a_recordings_own_doubt_is_kept_and_it_counts_for_nobody() -> None:
    found = {"a": _found(0), "picture": _found(1, doubt=STILL), "b": _found(0, session=1)}
    assert doubts(found) == {"picture": STILL}


def test_recordings_whose_faces_were_not_compared_are_left_alone() -> None:
    assert doubts({"a": _found(0), "b": _found(None), "c": _found(0, session=1)}) == {}


@pytest.mark.parametrize("doubt", [TWO_ALIKE, TWO_PRESENT])
def test_another_recording_tells_who_of_two_it_is(doubt: str) -> None:
    pair = {"pair": _found(0, 1, doubt=doubt)}
    assert doubts({**pair, "alone": _found(0, session=1)}) == {}
    assert doubts({**pair, "alone": _found(1, session=1)}) == {"pair": doubt}
    assert doubts({**pair, "alone": _found(2, session=1)}) == {"pair": doubt}
    assert doubts(pair) == {"pair": doubt}


def test_two_recordings_of_the_same_two_tell_nothing() -> None:
    found = {str(k): _found(0, 1, doubt=TWO_PRESENT, session=k) for k in range(2)}
    assert set(doubts(found)) == {"0", "1"}
