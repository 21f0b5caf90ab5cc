"""Names that every file system takes, and no two that meet."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poise.system.file_names import distinct, safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kim Ji-min", "Kim Ji-min"),
        ("김 지민 (2)", "김 지민 (2)"),
        ("a/b\\c", "a_b_c"),
        ("tab\there", "tab_here"),
        ("  ends. ", "ends"),
        (".hidden", "hidden"),
        ("#50%?", "50"),
        ("index", "candidate_index"),
        ("CON", "candidate_CON"),
        ("nul.txt", "candidate_nul.txt"),
        ("com7 .mp4", "candidate_com7 .mp4"),
        ("LPT¹", "candidate_LPT¹"),
        ("company", "company"),
        ("", "candidate"),
        ("...", "candidate"),
        ("é", "é"),
    ],
)
def test_safe_names(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@pytest.mark.parametrize("name", ["recordings.csv", "data_dictionary.csv", "recordings.parquet"])
def test_no_candidate_is_called_as_a_table_of_the_run(name: str) -> None:
    assert safe_name(name).casefold() != name


@given(st.text(max_size=200))
@example("0000" + "𐎠" * 28 + " 𐎠")  # cut to length just behind a space
def test_every_name_becomes_one_that_file_systems_take(name: str) -> None:
    safe = safe_name(name)
    assert safe and len(safe.encode()) <= 140
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t')
    assert safe == safe.strip() and not safe.startswith(".") and not safe.endswith(".")
    assert safe == unicodedata.normalize("NFC", safe)


def test_names_that_would_meet_get_a_number() -> None:
    assert distinct(["a?", "A*", "b", "a_"]) == ["a", "A (2)", "b", "a (3)"]


def test_korean_stays_and_separators_do_not() -> None:
    assert safe_name("김 민지/1:2#3") == "김 민지_1_2_3"
