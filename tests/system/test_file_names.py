"""Names that every file system takes, and no two that meet."""

from __future__ import annotations

from poise.system.file_names import distinct, safe_name


def test_names_that_would_meet_get_a_number() -> None:
    assert distinct(["a?", "A*", "b", "a_"]) == ["a", "A (2)", "b", "a (3)"]


def test_korean_stays_and_separators_do_not() -> None:
    assert safe_name("김 민지/1:2#3") == "김 민지_1_2_3"
