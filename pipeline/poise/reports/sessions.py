"""The order of a person's sessions: by date and time; only what has a date is earlier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Protocol

from poise.storage.results.outcome import Outcome


class Session(Protocol):
    """What is known of when a recording was made."""

    @property
    def session_date(self) -> str:
        """YYYY-MM-DD, another text, or empty."""

    @property
    def session_time(self) -> str:
        """HH:MM, or empty."""


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """By date and time of day, then by name as people count: take 2 before take 10.

    Those without a date come first, so that the last one is the latest that is known.
    """
    return sorted(
        outcomes,
        key=lambda o: (
            o.recording.session_date if _has_date(o.recording) else "",
            o.recording.session_time,
            natural(o.recording.recording_id),
        ),
    )


def is_earlier(one: Session, other: Session) -> bool:
    """Whether a recording is known to be earlier than another: by date, or by time of one day."""
    if not (_has_date(one) and _has_date(other)):
        return False
    if one.session_date != other.session_date:
        return one.session_date < other.session_date
    return bool(one.session_time and other.session_time and one.session_time < other.session_time)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key by which names are sorted as people do it: numbers by their value."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
        if part
    ]


def date_of(text: str) -> date | None:
    """The day that a session's date says; None where it says none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _has_date(session: Session) -> bool:
    return date_of(session.session_date) is not None
