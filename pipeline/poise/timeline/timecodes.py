"""How a moment of a recording is written."""

from __future__ import annotations


def timecode(milliseconds: int) -> str:
    """HH:MM:SS.mmm of a time in milliseconds, for tables and captions."""
    seconds, ms = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"


def whole_seconds(time_s: float) -> int:
    """Seconds of a moment as it is written: fractions are cut, once it is in whole milliseconds as
    tables have it."""
    return max(0, round(time_s * 1000) // 1000)


def clock(time_s: float) -> str:
    """A moment as a player shows it: mm:ss, or h:mm:ss from one hour on; see `whole_seconds`."""
    minutes, seconds = divmod(whole_seconds(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
