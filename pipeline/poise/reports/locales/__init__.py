"""Every text a candidate reads, in English and Korean, and how each language writes figures.

A language is one JSON file of this package: an object from dotted keys to texts, with
`{placeholders}` in the manner of `str.format`. A key that ends in `.one` stands for a count of
exactly 1, the same key with `.other` for every other count.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from poise.errors import SettingsError
from poise.timeline.timecodes import clock, whole_seconds

LANGUAGES: tuple[str, ...] = ("en", "ko")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of one language.

    Args:
        language: BCP 47 tag, one of `LANGUAGES`.
        entries: Key to text.
    """

    language: str
    entries: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key` with its placeholders filled.

        Raises:
            KeyError: If the key or the value of a placeholder is missing.
        """
        return self.entries[key].format(**values)

    def count(self, key: str, number: int, /, **values: object) -> str:
        """The text of `key` for `number` things; `{number}` is filled too."""
        form = "one" if number == 1 else "other"
        return self(f"{key}.{form}", number=self.integer(number), **values)

    def name(self, group: str, code: str) -> str:
        """The reader's word for a code such as a label, or the code itself where there is none."""
        return self.entries.get(f"{group}.{code}", code.replace("_", " "))

    def has(self, key: str) -> bool:
        """Whether there is a text for `key`."""
        return key in self.entries

    def integer(self, number: int) -> str:
        """A whole number with its thousands apart: 12,480."""
        return f"{number:,}"

    def decimal(self, number: float) -> str:
        """A number with one decimal: 3.2."""
        return f"{number:,.1f}"

    def percent(self, share: float) -> str:
        """A share as a whole percentage that never rounds something to nothing.

        Args:
            share: 0..1.
        """
        if 0 < share < 0.005:
            return self("format.percent_under", number=1)
        if 0.995 <= share < 1:
            return self("format.percent_over", number=99)
        hundredths = math.floor(round(100 * share, 6) + 0.5)  # `round` would make 0 of a half
        return self("format.percent", number=hundredths)

    def clock(self, time_s: float) -> str:
        """A moment of a recording as a player shows it."""
        return clock(time_s)

    def moment(self, time_s: float) -> str:
        """A moment of a recording as it stands in a sentence; fractions are cut."""
        minutes, seconds = divmod(whole_seconds(time_s), 60)
        hours, minutes = divmod(minutes, 60)
        unit = "hours" if hours else "minutes" if minutes else "seconds"
        if unit == "minutes" and not seconds:
            unit = "even"
        return self(f"format.moment.{unit}", hours=hours, minutes=minutes, seconds=seconds)

    def rate(self, rate_hz: float) -> str:
        """How often a second: 5, or 2.5."""
        return f"{rate_hz:g}"

    def length(self, duration_s: float) -> str:
        """How long something lasts, as exactly as a reader cares for it: 8.4 s, 3 min 20 s."""
        if round(duration_s, 1) < 10:
            return self("format.seconds", seconds=self.decimal(duration_s))
        minutes, seconds = divmod(round(duration_s), 60)
        if not minutes:
            return self("format.seconds", seconds=seconds)
        hours, minutes = divmod(minutes, 60)
        if hours:
            key = "format.hours_minutes" if minutes else "format.hours"
            return self(key, hours=hours, minutes=minutes)
        key = "format.minutes_seconds" if seconds else "format.minutes"
        return self(key, minutes=minutes, seconds=seconds)

    def is_date(self, text: str) -> bool:
        """See `is_date`."""
        return is_date(text)

    def date(self, text: str) -> str:
        """An ISO date as the language writes it; any other text as it is."""
        return self._dated("format.date", text)

    def day(self, text: str) -> str:
        """The same without the year."""
        return self._dated("format.day", text)

    def _dated(self, key: str, text: str) -> str:
        parts = _parts(text)
        if parts is None:
            return text
        year, month, day = parts
        return self(key, year=year, month=self(f"format.month.{month}"), day=day)


def is_date(text: str) -> bool:
    """Whether it is an ISO date (2026-11-20)."""
    return _parts(text) is not None


def _parts(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of an ISO date; None for any other text."""
    parts = text.strip().split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(p.isdecimal() for p in parts):
        return None
    year, month, day = (int(part) for part in parts)
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


@lru_cache(maxsize=2 * len(LANGUAGES))
def load_texts(language: str, *more: str) -> Texts:
    """Read the texts of a language.

    Args:
        language: One of `LANGUAGES`.
        more: Packages that hold further texts of each language, laid over these.

    Raises:
        SettingsError: If Poise does not speak it.
    """
    if language not in LANGUAGES:
        raise SettingsError(
            f"there are no report texts for the language {language!r}.",
            remedy=f"Choose one of: {', '.join(LANGUAGES)}.",
        )
    entries: dict[str, str] = {}
    for package in (__name__, *more):
        source = resources.files(package).joinpath(f"{language}.json")
        entries |= json.loads(source.read_text(encoding="utf-8"))
    return Texts(language=language, entries=entries)
