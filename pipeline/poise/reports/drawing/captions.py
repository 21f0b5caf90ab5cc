"""Episodes as WebVTT captions, which video players and annotation tools show beside a recording.

Source: W3C, WebVTT: The Web Video Text Tracks Format.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from poise.reports.locales import Texts
from poise.timeline.timecodes import timecode
from poise.types import Episode


def webvtt(episodes: Sequence[Episode], texts: Texts) -> str:
    """The text of a WebVTT file with a cue for each episode.

    Args:
        episodes: Of one recording.
        texts: Of the language that expressions are named in.
    """
    cues = [
        f"{number}\n{_time(episode.start_s)} --> {_time(episode.end_s)}\n"
        f"{escape(texts.name('label', episode.label), quote=False)}\n"
        for number, episode in enumerate(episodes, start=1)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _time(seconds: float) -> str:
    return timecode(round(seconds * 1000))
