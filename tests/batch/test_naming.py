"""Whom a name means; a name that several bear means nobody."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from poise.batch.naming import no_candidate, who_is_meant
from poise.errors import SettingsError
from poise.types import Recording


def _of(candidate: str, name: str) -> Recording:
    return Recording(
        path=Path("a.mp4"), recording_id="a.mp4", candidate_id=candidate, display_name=name
    )


KNOWN = [_of("kim-1", "Kim"), _of("kim-2", "Kim"), _of("Lee", "이서연"), _of("lee-2", "Lee")]


def test_an_identifier_prevails_over_a_name() -> None:
    assert who_is_meant("Lee", KNOWN, Path()) == "Lee"


def test_a_name_that_one_bears_is_enough_however_it_is_composed() -> None:
    typed = unicodedata.normalize("NFD", "이서연")
    assert who_is_meant(typed, KNOWN, Path()) == "Lee"


def test_a_name_that_several_bear_is_refused_with_their_identifiers() -> None:
    with pytest.raises(SettingsError, match="2 candidates") as caught:
        who_is_meant("Kim", KNOWN, Path("reports"))
    assert "kim-1, kim-2" in caught.value.remedy


def test_nobody() -> None:
    assert who_is_meant("nobody", KNOWN, Path()) is None
    assert "'nobody'" in no_candidate("nobody", Path("reports")).cause
