"""What was heard of a recording: who spoke when, and its answers and questions.

Times are seconds (float) from what a player shows as 0:00.
"""

from __future__ import annotations

from dataclasses import dataclass

SPEAKING = ("silent", "candidate", "someone_else", "unsure")  # of a moment


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A stretch of voice of one person.

    Args:
        speaker: `candidate`, `someone_else` or `unsure`.
        start_s, end_s: From the first sound to the end of the last one.
    """

    speaker: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A named stretch of a recording.

    Args:
        kind: `answer`, `question`, `part` (given, of neither kind) or `excluded` (counts nowhere).
        label: Such as the text of a question; empty if none was given.
        start_s, end_s: When.
        source: `table`, `webvtt`, `chapters`, `turns` or `pauses`.
    """

    kind: str
    label: str
    start_s: float
    end_s: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What was heard of a recording.

    Args:
        status: One of `poise.media.audio.SOUND_STATUSES`.
        detail: What could not be read of it, in plain words; empty if nothing.
        turns: Who spoke when, in order of time.
        unheard: Where the candidate may speak though no voice is heard, in order of time.
        chapters: Start, end and title of the container's chapters.
    """

    status: str = "off"
    detail: str = ""
    turns: tuple[Turn, ...] = ()
    unheard: tuple[Turn, ...] = ()
    chapters: tuple[tuple[float, float, str], ...] = ()

    @property
    def spoken(self) -> tuple[Turn, ...]:
        """Who spoke when, and may have spoken unheard: what a reading of the face has to know."""
        return tuple(sorted([*self.turns, *self.unheard], key=lambda turn: turn.start_s))
