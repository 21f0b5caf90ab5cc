"""What can become of a recording."""

from __future__ import annotations

import json

from poise.reports.locales import load_texts
from poise.statuses import SHOWN, WITHHELD, Status


def test_the_value_is_what_tables_and_json_say() -> None:
    assert json.dumps([Status.DONE, Status.NOT_CONSENTED]) == '["done", "not_consented"]'
    assert f"{Status.PARTIAL}" == "partial" and Status("failed") is Status.FAILED


def test_what_is_withheld_has_no_place_in_reports_and_has_its_words() -> None:
    assert not set(SHOWN) & set(WITHHELD)
    for language in ("en", "ko"):
        texts = load_texts(language)
        for status in WITHHELD:
            assert texts.has(f"error.{status}.cause") and texts.has(f"error.{status}.remedy")
