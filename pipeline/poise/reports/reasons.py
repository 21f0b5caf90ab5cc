"""Why a recording failed or was not analysed, in words that hold no text of an exception."""

from __future__ import annotations

import re

from poise.reports.locales import load_texts
from poise.storage.outcome import Outcome

_IN_DETAIL = frozenset({"unreadable", "partial"})  # what was found in the file is worth saying
_BRACKETED = re.compile(r" ?\([^()]*(?:\([^()]*\)[^()]*)*\)")  # where messages quote exceptions


def reason(outcome: Outcome) -> str:
    """In English, for tables; empty where there is nothing to say."""
    if outcome.code in _IN_DETAIL and outcome.message:
        return _BRACKETED.sub("", outcome.message)
    texts = load_texts("en").entries
    code = outcome.code or ("internal" if outcome.message else "")
    words = (texts.get(f"error.{code}.cause", ""), texts.get(f"error.{code}.remedy", ""))
    return " ".join(filter(None, words))
