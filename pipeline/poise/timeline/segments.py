"""Segments: the answers and questions of an interview, given by a centre or found by who speaks.

Given are lines of `segments.csv`, cues of a WebVTT file, or the container's chapters. Otherwise
segments are found from turns of speech: what somebody else says is a question, what the candidate
says until the next question is an answer. Where only one voice is heard there are no questions,
and a pause of `PAUSE_S` or more ends an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

from poise.errors import SettingsError
from poise.spoken import Segment, Sound, Turn

PAUSE_S = 4.0  # without a voice for so long, a recording of one voice goes on to another answer
EXCLUDE = "exclude"  # a label: the stretch counts nowhere
SEGMENTS_FILE = "segments.csv"
_LEAST_QUESTION_S = 1.0  # of voice; less is "yes" or "mhm" while the candidate speaks
_LEAST_ANSWER_S = 1.0  # of voice; less is "yes" or "mhm" while somebody else speaks
_LEAST_OTHER_S = 2.0  # of voice in all: with less, one voice is heard alone
_MAX_LABEL = 500
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+)(?:[.,](\d+))?")
_CUE = re.compile(r"^(.*?)[ \t]*-->[ \t]*(\S*)(?:[ \t].*)?$")  # no other line may hold an arrow
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


def given(start: str, end: str, label: str, source: str = "table") -> Segment:
    """A segment as a centre wrote it; the label `exclude` leaves the stretch out.

    Args:
        start, end: Times, as `read_time` takes them.
        label: May be the text of a question; without one the segment is numbered.
        source: Where it stands.

    Raises:
        SettingsError: If a time is none, or it ends before it starts.
    """
    times = []
    for name, written in (("start", start), ("end", end)):
        try:
            times.append(read_time(written))
        except ValueError:
            raise SettingsError(
                f"has the {name} {written!r}",
                remedy="Write it as m:ss, h:mm:ss or seconds, such as 1:05 or 65.",
                code="row_time",
            ) from None
    if times[1] <= times[0]:
        raise SettingsError(
            f"ends at {end} and starts at {start}",
            remedy="A segment ends after it starts.",
            code="row_time",
        )
    excluded = label.casefold() == EXCLUDE
    return Segment(
        kind="excluded" if excluded else "part",
        label="" if excluded else label[:_MAX_LABEL],
        start_s=times[0],
        end_s=times[1],
        source=source,
    )


def overlapping(segments: Sequence[Segment]) -> dict[int, int]:
    """Indices of the segments that overlap one that starts earlier, and of that one.

    What is excluded may lie anywhere: within answers, too.
    """
    parts = [k for k, segment in enumerate(segments) if segment.kind != "excluded"]
    parts.sort(key=lambda k: segments[k].start_s)
    found: dict[int, int] = {}
    longest = None
    for k in parts:
        if longest is not None and segments[k].start_s < segments[longest].end_s:
            found[k] = longest
        if longest is None or segments[k].end_s > segments[longest].end_s:
            longest = k
    return found


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
    cues: list[tuple[int, Segment]] = []
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
        try:
            cues.append((line, given(cue[1], cue[2], " ".join(said), "webvtt")))
        except SettingsError as error:
            cause = f"line {line} {error.cause}"
            raise SettingsError(cause, remedy=error.remedy, path=file, code=error.code) from None
    segments = [segment for _, segment in cues]
    for k, before in overlapping(segments).items():
        raise SettingsError(
            f"line {cues[k][0]} overlaps line {cues[before][0]}",
            remedy="Segments of a recording may touch, not overlap.",
            path=file,
            code="row_overlap",
        )
    return tuple(sorted(segments, key=lambda segment: segment.start_s))


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


def in_force(given: Iterable[Segment], sound: Sound, end_s: float = inf) -> tuple[Segment, ...]:
    """Answers and questions: given by the centre, else the container's chapters, else found.

    With what is excluded; nothing lies behind the end, nor reaches beyond it. Times are whole
    milliseconds, as those of frames and of tables.

    Args:
        given: By the centre.
        sound: Of the recording.
        end_s: Of the recording.
    """
    there = [s for s in given if s.start_s < end_s]
    excluded = [s for s in there if s.kind == "excluded"]
    parts: Sequence[Segment] = [s for s in there if s.kind != "excluded"]
    if not parts:
        spans = [(s.start_s, s.end_s) for s in excluded]
        parts = from_chapters(sound.chapters) or found(left_of(sound.turns, spans))
    cut = [
        replace(s, start_s=round(s.start_s, 3), end_s=round(min(s.end_s, end_s), 3))
        for s in [*parts, *excluded]
    ]
    left = [s for s in cut if s.start_s < s.end_s]
    return tuple(sorted(left, key=lambda segment: segment.start_s))


def left_of(turns: Iterable[Turn], excluded: Sequence[tuple[float, float]]) -> list[Turn]:
    """Turns of speech without what is excluded of them.

    Args:
        turns: In order of time.
        excluded: Stretches, from and to in seconds.
    """
    left = list(turns)
    for start_s, end_s in excluded:
        left = [
            piece
            for turn in left
            for piece in (
                replace(turn, end_s=min(turn.end_s, start_s)),
                replace(turn, start_s=max(turn.start_s, end_s)),
            )
            if piece.start_s < piece.end_s
        ]
    return left


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
