"""What a coach noted of a recording, at a moment or of all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CoachNote:
    """A note.

    Args:
        time_s: The moment, in seconds from what a player shows as 0:00; None: the whole recording.
        author: Who says it; empty if not told.
        text: What is said; lines are kept.
    """

    time_s: float | None
    author: str
    text: str
