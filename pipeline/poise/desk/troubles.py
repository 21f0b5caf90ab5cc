"""What went wrong, in the language of whoever sits at the desk."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePath

from poise.errors import ModelError, PoiseError, ReportError, SettingsError
from poise.reports.locales import Texts

GENERAL = frozenset(
    kind.default_code for kind in (PoiseError, SettingsError, ModelError, ReportError)
)
"""Codes whose text says no more than of which kind an error is: its own words stand beside it."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An error as a page says it.

    Args:
        cause, remedy: Whole sentences; the remedy may be empty.
        exact: The error's own words, in English, where the others are general; else empty.
    """

    cause: str
    remedy: str
    exact: str = ""


def in_words(error: PoiseError, texts: Texts) -> Trouble:
    """An error in the reader's language.

    Args:
        error: Its code chooses the texts `error.CODE.cause` and `error.CODE.remedy`; what they
            name are its values, and `file`, the name of its path. A value `line` is told first.
        texts: Those of the desk.
    """
    code = error.code if texts.has(f"error.{error.code}.cause") else PoiseError.default_code
    named = {"file": PurePath(error.path).name if error.path else "–", **error.values}
    values = defaultdict(lambda: "–", {name: str(value) for name, value in named.items()})
    cause, remedy = (
        texts.entries[f"error.{code}.{part}"].format_map(values) for part in ("cause", "remedy")
    )
    if named.get("line"):
        cause = f"{texts('desk.trouble.line', **values)}: {cause}"
    return Trouble(cause=cause, remedy=remedy, exact=str(error) if code in GENERAL else "")
