"""Both languages say the same things with the same placeholders."""

from __future__ import annotations

import string
import unicodedata

import pytest

from poise.errors import SettingsError
from poise.labels import VALENCES
from poise.reports.locales import LANGUAGES, Texts, load_texts


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_keys_and_placeholders_as_english(language: str) -> None:
    english, other = load_texts("en").entries, load_texts(language).entries
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert placeholders(other[key]) == placeholders(text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_filled_and_composed(language: str) -> None:
    for key, text in load_texts(language).entries.items():
        assert text.strip() == text and text, key
        assert unicodedata.is_normalized("NFC", text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_has_its_words(language: str) -> None:
    texts = load_texts(language)
    for label in (*VALENCES, "surprise"):
        for group in ("label", "short", "phrase"):
            assert texts.has(f"{group}.{label}")
    assert texts.name("flag", "very_new") == "very new"


def test_both_forms_of_a_count_exist() -> None:
    keys = load_texts("en").entries.keys()
    for key in keys:
        if key.endswith(".one"):
            assert f"{key.removesuffix('.one')}.other" in keys


def test_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="en, ko"):
        load_texts("fr")


def test_missing_placeholder_is_an_error() -> None:
    with pytest.raises(KeyError):
        load_texts("en")("report.title")


@pytest.mark.parametrize(
    ("share", "english", "korean"),
    [
        (0.0, "0%", "0%"),
        (0.001, "under 1%", "1% 미만"),
        (0.005, "1%", "1%"),
        (0.145, "15%", "15%"),
        (0.183, "18%", "18%"),
        (0.996, "over 99%", "99% 초과"),
        (1.0, "100%", "100%"),
    ],
)
def test_percent(share: float, english: str, korean: str) -> None:
    assert load_texts("en").percent(share) == english
    assert load_texts("ko").percent(share) == korean


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0.0, "0.0 s", "0.0초"),
        (8.44, "8.4 s", "8.4초"),
        (9.96, "10 s", "10초"),
        (59.6, "1 min", "1분"),
        (200.0, "3 min 20 s", "3분 20초"),
        (3600.0, "1 h", "1시간"),
        (3725.0, "1 h 2 min", "1시간 2분"),
    ],
)
def test_length(seconds: float, english: str, korean: str) -> None:
    assert load_texts("en").length(seconds).replace("\u00a0", " ") == english
    assert load_texts("ko").length(seconds) == korean


@pytest.mark.parametrize(
    ("seconds", "clock"),
    [(0, "00:00"), (59.99, "00:59"), (754, "12:34"), (3605, "1:00:05"), (-0.1, "00:00")],
)
def test_clock(seconds: float, clock: str) -> None:
    assert load_texts("en").clock(seconds) == clock


@pytest.mark.parametrize(
    ("given", "english", "korean"),
    [
        ("2026-11-20", "20 November 2026", "2026년 11월 20일"),
        ("week 3", "week 3", "week 3"),
        ("2026-13-40", "2026-13-40", "2026-13-40"),
        ("", "", ""),
    ],
)
def test_date(given: str, english: str, korean: str) -> None:
    assert load_texts("en").date(given).replace("\u00a0", " ") == english
    assert load_texts("ko").date(given) == korean


def test_counts() -> None:
    texts = Texts(language="en", entries={"x.one": "{number} face", "x.other": "{number} faces"})
    assert [texts.count("x", n) for n in (0, 1, 1200)] == ["0 faces", "1 face", "1,200 faces"]
