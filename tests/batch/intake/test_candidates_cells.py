"""What a cell of candidates.csv says; by whole tables: test_candidates_file.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.batch.intake.candidates_cells import consent_of, portrait_of, span_of
from poise.errors import SettingsError


def test_consent_is_a_word_of_one_of_two_lists() -> None:
    assert [consent_of(word) for word in ("Yes.", "", "동의함", "NO", "동의 안 함")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="has the consent 'later'") as error:
        consent_of("later")
    assert error.value.code == "row_consent"


def test_a_span_has_a_beginning_before_its_end() -> None:
    assert (span_of("0:58 ~ 1:04"), span_of("")) == ((58.0, 64.0), None)
    with pytest.raises(SettingsError, match="has the neutral_span '9-3'") as error:
        span_of("9-3")
    assert error.value.code == "row_span"


def test_a_portrait_lies_below_the_recordings(tmp_path: Path) -> None:
    (tmp_path / "kim.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    assert portrait_of("kim.png", tmp_path) == tmp_path / "kim.png"
    assert portrait_of("", tmp_path) is None
    for wrong in ("../kim.png", "gone.png", "x" * 5000, "a\0b.png"):
        with pytest.raises(SettingsError, match="has the portrait") as error:
            portrait_of(wrong, tmp_path)
        assert error.value.code == "row_portrait"
