"""How a moment of a recording is written."""

from __future__ import annotations


def timecode(milliseconds: int) -> str:
    """HH:MM:SS.mmm of a time in milliseconds, for tables and captions."""
    seconds, ms = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


def clock(time_s: float) -> str:
    """A moment as a player shows it: mm:ss, or h:mm:ss from one hour on; fractions are cut."""
    minutes, seconds = divmod(max(0, int(time_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
