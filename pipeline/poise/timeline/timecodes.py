"""How a moment of a recording is written."""

from __future__ import annotations


def timecode(milliseconds: int) -> str:
    """HH:MM:SS.mmm of a time in milliseconds."""
    seconds, ms = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}"
