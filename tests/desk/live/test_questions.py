"""Questions to practise with: those that come with Poise, and a centre's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.batch.intake.discovery import QUESTIONS_FILE, discover
from poise.desk.live.questions import MOST_QUESTIONS, question_sets, read_sets
from poise.errors import SettingsError
from poise.reports.locales import LANGUAGES

OWN = '[[sets]]\nlanguage = "ko"\ntitle = "우리 질문"\nquestions = ["하나", " 둘  셋 "]\n'


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_come_with_poise_in_each_language(tmp_path: Path, language: str) -> None:
    sets = question_sets(tmp_path, language)
    assert sets[0].language == language
    assert {one.language for one in sets} == set(LANGUAGES)
    assert any(len(one.questions) == 2 for one in sets)


def test_a_centres_own_replace_them(tmp_path: Path) -> None:
    (tmp_path / QUESTIONS_FILE).write_text("\ufeff" + OWN, encoding="utf-8")
    (one,) = question_sets(tmp_path, "en")
    assert (one.title, one.questions) == ("우리 질문", ("하나", "둘 셋"))
    assert discover(tmp_path).left_aside == []


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(OWN, encoding="utf-8")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / QUESTIONS_FILE).symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        question_sets(tmp_path / "in", "en")


@pytest.mark.parametrize(
    "text",
    [
        "sets = 1", "[[sets]]", "not toml",
        '[[sets]]\ntitle = "a"\nlanguage = "en"\nquestions = []',
        OWN.replace('"하나"', "1"), OWN.replace("하나", "x" * 301), OWN.replace("하나", "\\u202e"),
        OWN.replace('"하나"', ", ".join(['"q"'] * (MOST_QUESTIONS + 1))), "#" * 300_000,
    ],
)  # fmt: skip
def test_a_wrong_file_says_so(text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        read_sets(text.encode())
