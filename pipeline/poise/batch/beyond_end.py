"""What is told of a recording at moments behind its end: known only once it has been read."""

from __future__ import annotations

from collections.abc import Iterator

from poise.storage.notes import NOTES_FILE
from poise.storage.results.format import StoredResult
from poise.storage.saved_tables import TableFault
from poise.timeline.segments import SEGMENTS_FILE
from poise.types import Recording

_ROUNDED_S = 2.0  # a stretch may be told to end so far behind: people round
_FILES = {"table": SEGMENTS_FILE, "webvtt": "WebVTT"}


def beyond_end(recording: Recording, result: StoredResult) -> list[TableFault]:
    """Notes that lie where the recording has ended, segments and a resting span that reach there.

    Args:
        recording: With what was told of it.
        result: Of its analysis; it says how long it is.
    """
    end_s = result.end_s
    return [
        TableFault(
            table=f"{table}, {_clock(time_s)}",
            line=0,
            code="row_beyond",
            cause=f"lies behind the end of {recording.recording_id} ({_clock(end_s)})",
            remedy="Correct the time.",
            cost=cost,
            recording_id=recording.recording_id,
        )
        for table, time_s, cost in _beyond(recording, end_s)
    ]


def _beyond(recording: Recording, end_s: float) -> Iterator[tuple[str, float, str]]:
    """Table, moment, and what becomes of it."""
    for note in recording.notes or ():
        if note.time_s is not None and note.time_s >= end_s:
            yield NOTES_FILE, note.time_s, "The note is shown, and nothing can be played there."
    stretches = [
        (_FILES.get(segment.source, segment.source), segment.start_s, segment.end_s)
        for segment in recording.segments or ()
    ]
    if recording.neutral_span_s is not None:
        stretches.append(("candidates.csv, neutral_span", *recording.neutral_span_s))
    for table, start_s, stop_s in stretches:
        if start_s >= end_s:
            yield table, start_s, "It is ignored."
        elif stop_s > end_s + _ROUNDED_S:
            yield table, stop_s, "It counts up to the end."


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes}:{seconds:02}"
