"""A practice that somebody keeps: its recording, its resting face, its questions, its report."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from starlette.exceptions import HTTPException

from poise.batch.intake.candidates_file import column_of, read_cells
from poise.desk.live.questions import QuestionSet
from poise.desk.rooms.uploads import keep
from poise.desk.state import Desk
from poise.errors import PoiseError, SettingsError
from poise.system.atomic_files import write_whole
from poise.system.file_names import composed
from poise.timeline.segments import SEGMENTS_FILE

ENDINGS = {"video/webm": ".webm", "video/mp4": ".mp4"}
MOST_S = 4 * 3600.0
_COLUMNS = ("recording", "start", "end", "label")
_AGAIN_S, _PATIENCE_S = 3.0, 12 * 3600.0  # while another batch goes on


@dataclass(frozen=True, kw_only=True)
class Practice:
    """What a page says of a recording that is kept.

    Args:
        candidate: Who practised, as the report shall name them.
        suffix: Of its file.
        resting_s: From when to when the face rested; None if it did not.
        asked: Start, end in seconds and text of each question, in order.
    """

    candidate: str
    suffix: str
    resting_s: tuple[float, float] | None
    asked: tuple[tuple[float, float, str], ...]

    def file_name(self, now: datetime) -> str:
        """A name that says when it was made, which is where its date is taken from."""
        return f"{now:%Y-%m-%d %H.%M.%S} practice{self.suffix}"


def practice_of(given: dict[str, str], sets: Mapping[str, QuestionSet]) -> Practice:
    """What a page says, checked.

    Args:
        given: `candidate`; `kind`, a media type; `resting` as `0.3-5.9`; `set`, the mark of the
            question set; `asked` as `question:start-end`, separated by commas.
        sets: Those that pages were given, by their marks.

    Raises:
        HTTPException: If it cannot be what this desk's page says.
    """
    try:
        candidate = " ".join(given["candidate"].split())
        suffix = ENDINGS[given["kind"].partition(";")[0].strip().lower()]
        resting_s = _span(given["resting"]) if given.get("resting") else None
        questions = sets[given["set"]].questions
        asked = []
        for one in filter(None, given.get("asked", "").split(",")):
            number, _, span = one.partition(":")
            asked.append((*_span(span), questions[_index(number)]))
    except (KeyError, ValueError, IndexError) as error:
        raise HTTPException(400) from error
    overlap = any(a[1] > b[0] for a, b in pairwise(asked))
    if not 0 < len(candidate) <= 100 or not candidate.isprintable() or overlap:
        raise HTTPException(400)
    return Practice(candidate=candidate, suffix=suffix, resting_s=resting_s, asked=tuple(asked))


def _index(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _span(text: str) -> tuple[float, float]:
    start, end = (float(part) for part in text.split("-"))
    if not 0 <= start < end <= MOST_S:
        raise ValueError
    return start, end


def take_in(desk: Desk, draft: Path, place: Path, practice: Practice) -> str:
    """Give the recording its name, with its rows in `candidates.csv` and `segments.csv`.

    Returns:
        Its identifier.

    Raises:
        PoiseError: If a table or the recording cannot be written.
    """
    values = {"display_name": practice.candidate, "consent": "yes"}
    if practice.resting_s is not None:
        values["neutral_span"] = "{:.1f}-{:.1f}".format(*practice.resting_s)
    with desk.writing:
        keep(desk, draft, place, values)
        name = composed(place.relative_to(desk.recordings).as_posix())
        if practice.asked:
            add_segments(desk.recordings, name, practice.asked)
    return name


def add_segments(root: Path, name: str, asked: Sequence[tuple[float, float, str]]) -> None:
    """Add a recording's questions to `segments.csv`; what stands there stays as it is.

    Args:
        root: The directory of the recordings.
        name: Identifier of the recording.
        asked: Start, end in seconds and label of each.

    Raises:
        SettingsError: If the table is not one of segments, or cannot be read.
        ReportError: If it cannot be written.
    """
    found = [p for p in root.iterdir() if p.name.casefold() == SEGMENTS_FILE and not p.is_symlink()]
    path = found[0] if found else root / SEGMENTS_FILE
    delimiter, rows = read_cells(path) if found else (",", [list(_COLUMNS)])
    header = [column_of(cell) for cell in rows[0]] if rows else []
    if not {"recording", "start", "end"} <= set(header):
        raise SettingsError(
            f"has the columns {', '.join(header) or '(none)'}",
            remedy=f"It needs {', '.join(_COLUMNS)}.",
            path=path,
            code="table_columns",
            values={"columns": ", ".join(header), "needed": ", ".join(_COLUMNS)},
        )
    for start_s, end_s, label in asked:
        told = {"recording": name, "start": f"{start_s:.1f}", "end": f"{end_s:.1f}", "label": label}
        rows.append([told.get(column, "") for column in header])
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    write_whole(
        path, lambda draft: draft.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    )


class Reporter:
    """Sees to it that a practice that was kept is analysed, also where a batch goes on already.

    Reports stay in the language of the last batch: it writes those of all candidates.

    Args:
        desk: Whose batches.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting = threading.Lock()

    def analyse(self) -> None:
        """Start a batch now, or when the one that goes on has ended; returns at once."""
        if self._waiting.acquire(blocking=False):
            threading.Thread(target=self._start, daemon=True).start()

    def _start(self) -> None:
        try:
            until = time.monotonic() + _PATIENCE_S
            while time.monotonic() < until:
                standing = self._desk.batches.standing()
                if not standing.running:
                    try:
                        self._desk.batches.start(standing.language or self._desk.language)
                        return
                    except PoiseError:  # another one was faster
                        pass
                time.sleep(_AGAIN_S)
        finally:
            self._waiting.release()
