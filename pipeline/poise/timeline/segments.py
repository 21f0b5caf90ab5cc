"""Segments: the answers and questions of an interview, given by a centre or found by who speaks.

Given are lines of `segments.csv`, cues of a WebVTT file, or the container's chapters. Otherwise
segments are found from turns of speech: what somebody else says is a question, what the candidate
says until the next question is an answer. Where only one voice is heard there are no questions,
and a pause of `PAUSE_S` or more ends an answer.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from poise.errors import SettingsError
from poise.spoken import Segment, Sound, Turn

PAUSE_S = 4.0  # without a voice for so long, a recording of one voice goes on to another answer
EXCLUDE = "exclude"  # a label: the stretch counts nowhere
SEGMENTS_FILE = "segments.csv"
_COLUMNS = ("recording", "start", "end", "label")
_LEAST_QUESTION_S = 1.0  # of voice; less is "yes" or "mhm" while the candidate speaks
_LEAST_ANSWER_S = 1.0  # of voice; less is "yes" or "mhm" while somebody else speaks
_LEAST_OTHER_S = 2.0  # of voice in all: with less, one voice is heard alone
_MAX_LABEL = 500
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+)(?:[.,](\d+))?")
_CUE = re.compile(r"^([\d:.,]+)[ \t]+-->[ \t]+([\d:.,]+)(?:[ \t].*)?$")
_TAG = re.compile(r"<[^<>]*>")


def read_time(text: str) -> float:
    """Seconds of a time written as m:ss, h:mm:ss or seconds, with a fraction or without.

    Raises:
        ValueError: If it is none; the message quotes it.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    hours, minutes, seconds, fraction = found.groups()
    if minutes is not None and (len(seconds) > 2 or int(seconds) > 59):
        raise ValueError(f"{text!r} is not a time")
    if hours is not None and int(minutes) > 59:
        raise ValueError(f"{text!r} is not a time")
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole + float(f"0.{fraction or 0}")


def read_table(text: str, file: str = SEGMENTS_FILE) -> dict[str, tuple[Segment, ...]]:
    """Segments of each recording from a table with the columns recording, start, end, label.

    Times are m:ss, h:mm:ss or seconds. A label may be the text of a question; without one the
    segment is numbered. The label `exclude` leaves a stretch out.

    Args:
        text: Of the table, as CSV with `,`, `;` or tabs.
        file: Its name, for errors.

    Raises:
        SettingsError: With the line and the value that is wrong.
    """
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    columns = [name.strip().casefold() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if set(columns) - {*_COLUMNS, ""} or not {"recording", "start", "end"} <= set(columns):
        raise SettingsError(
            f"has the columns {', '.join(columns) or '(none)'}",
            remedy=f"It needs {', '.join(_COLUMNS[:3])}, and may have label.",
            path=file,
            code="table_columns",
            values={"columns": ", ".join(columns), "needed": ", ".join(_COLUMNS)},
        )
    rows: dict[str, list[tuple[int, Segment]]] = {}
    for row in reader:
        values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
        if any(values.values()):
            line = reader.line_num
            segment = _row(values, line, file)
            rows.setdefault(values["recording"], []).append((line, segment))
    return {name: _in_order(segments, file) for name, segments in rows.items()}


def _row(values: dict[str, str], line: int, file: str) -> Segment:
    if not values["recording"]:
        raise SettingsError(
            f"line {line} names no recording",
            remedy="Give the recording's path below the directory.",
            path=file,
            code="line_nameless",
            values={"line": line},
        )
    times = []
    for name in ("start", "end"):
        try:
            times.append(read_time(values[name]))
        except ValueError:
            raise SettingsError(
                f"line {line} has the {name} {values[name]!r}",
                remedy="Write it as m:ss, h:mm:ss or seconds, such as 1:05 or 65.",
                path=file,
                code="line_time",
                values={"line": line, "value": values[name]},
            ) from None
    if times[1] <= times[0]:
        raise SettingsError(
            f"line {line} ends at {values['end']} and starts at {values['start']}",
            remedy="A segment ends after it starts.",
            path=file,
            code="line_backwards",
            values={"line": line, "start": values["start"], "end": values["end"]},
        )
    label = values["label"][:_MAX_LABEL]
    excluded = label.casefold() == EXCLUDE
    kind = "excluded" if excluded else "part"
    return Segment(
        kind=kind, label="" if excluded else label, start_s=times[0], end_s=times[1], source="table"
    )


def _in_order(rows: Sequence[tuple[int, Segment]], file: str) -> tuple[Segment, ...]:
    ordered = sorted(rows, key=lambda row: row[1].start_s)
    for (line, before), (other, after) in pairwise(ordered):
        if after.start_s < before.end_s:
            raise SettingsError(
                f"line {max(line, other)} overlaps line {min(line, other)}",
                remedy="Segments of a recording may touch, not overlap.",
                path=file,
                code="lines_overlap",
                values={"first": min(line, other), "second": max(line, other)},
            )
    return tuple(segment for _, segment in ordered)


def read_webvtt(text: str, file: str = "WebVTT") -> tuple[Segment, ...]:
    """Segments from the cues of a WebVTT file; a cue's text is the label.

    Args:
        text: Of the file.
        file: Its name, for errors.

    Raises:
        SettingsError: If it is no WebVTT, or a time is wrong; the line is named.

    Source: W3C, WebVTT: The Web Video Text Tracks Format, section 4.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        raise SettingsError(
            "does not begin with WEBVTT", remedy="Save it as WebVTT, or remove it.", path=file,
            code="webvtt",
        )  # fmt: skip
    rows: list[tuple[int, Segment]] = []
    number = 1
    while number < len(lines):
        cue = _CUE.match(lines[number].strip())
        number += 1
        if cue is None:
            continue
        line, said = number, []
        while number < len(lines) and lines[number].strip():
            said.append(_TAG.sub("", lines[number]).strip())
            number += 1
        values = {"recording": file, "start": cue[1], "end": cue[2], "label": " ".join(said)}
        rows.append((line, replace(_row(values, line, file), source="webvtt")))
    return _in_order(rows, file)


def from_chapters(chapters: Iterable[tuple[float, float, str]]) -> tuple[Segment, ...]:
    """Segments from a container's chapters; those without any length are left out.

    Args:
        chapters: Start and end in seconds, and title of each, in any order.
    """
    segments = [
        Segment(kind="part", label=title.strip()[:_MAX_LABEL], start_s=max(0.0, start_s),
                end_s=end_s, source="chapters")
        for start_s, end_s, title in sorted(chapters)
        if end_s > max(0.0, start_s)
    ]  # fmt: skip
    if len(segments) < 2:  # one chapter is the recording itself
        return ()
    cut = [
        replace(before, end_s=min(before.end_s, after.start_s))
        for before, after in pairwise(segments)
    ]
    return tuple(segment for segment in [*cut, segments[-1]] if segment.end_s > segment.start_s)


def of_sound(sound: Sound) -> tuple[Segment, ...]:
    """The segments of a recording of which none were given: its chapters, else what is found."""
    return from_chapters(sound.chapters) or found(sound.turns)


def found(turns: Sequence[Turn]) -> tuple[Segment, ...]:
    """Segments from who speaks when.

    What somebody else says for a second or more is a question; what the candidate says until the
    next question, pauses and interjections included, is an answer. A segment reaches from its
    first word to its last one. Where it is unsure who speaks, the turn goes with the one before.
    Where somebody else speaks for less than two seconds in all, one voice is heard alone: answers
    then end at pauses of `PAUSE_S`.

    Args:
        turns: In order of time.
    """
    sure = _sure(turns)
    others_s = sum(turn.end_s - turn.start_s for turn in sure if turn.speaker == "someone_else")
    own_s = sum(turn.end_s - turn.start_s for turn in sure if turn.speaker == "candidate")
    if not sure or own_s < _LEAST_ANSWER_S:
        return ()
    if others_s < _LEAST_OTHER_S:
        return _monologue([turn for turn in sure if turn.speaker == "candidate"])
    blocks = _without_short(_blocks(sure))
    return tuple(
        Segment(
            kind="question" if block[0].speaker == "someone_else" else "answer",
            label="",
            start_s=block[0].start_s,
            end_s=block[-1].end_s,
            source="turns",
        )
        for block in blocks
    )


def _sure(turns: Sequence[Turn]) -> list[Turn]:
    """Turns whose speaker is known, or taken from the turn before; else from the one after."""
    known = [turn.speaker for turn in turns if turn.speaker != "unsure"]
    sure: list[Turn] = []
    for turn in turns:
        if turn.speaker != "unsure":
            sure.append(turn)
        elif known:
            sure.append(replace(turn, speaker=sure[-1].speaker if sure else known[0]))
    return sure


def _blocks(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Neighbouring turns of one speaker together."""
    blocks: list[list[Turn]] = []
    for turn in turns:
        if blocks and blocks[-1][-1].speaker == turn.speaker:
            blocks[-1].append(turn)
        else:
            blocks.append([turn])
    return blocks


def _without_short(blocks: list[list[Turn]]) -> list[list[Turn]]:
    """Interjections left out, the shortest first, and what they separated joined."""
    least = {"someone_else": _LEAST_QUESTION_S, "candidate": _LEAST_ANSWER_S}
    while True:
        voiced = [sum(turn.end_s - turn.start_s for turn in block) for block in blocks]
        short = [k for k, block in enumerate(blocks) if voiced[k] < least[block[0].speaker]]
        if not short or len(blocks) < 2:
            return blocks
        gone = min(short, key=lambda k: voiced[k])
        blocks = _blocks([turn for k, block in enumerate(blocks) if k != gone for turn in block])


def _monologue(turns: Sequence[Turn]) -> tuple[Segment, ...]:
    parts: list[list[Turn]] = []
    for turn in turns:
        if parts and turn.start_s - parts[-1][-1].end_s < PAUSE_S:
            parts[-1].append(turn)
        else:
            parts.append([turn])
    return tuple(
        Segment(kind="answer", label="", start_s=part[0].start_s, end_s=part[-1].end_s,
                source="pauses")
        for part in parts
        if sum(turn.end_s - turn.start_s for turn in part) >= _LEAST_ANSWER_S
    )  # fmt: skip
