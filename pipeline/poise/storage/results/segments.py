"""What was heard, and the segments that a centre gave, beside a stored result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from poise.spoken import Segment, Sound, Turn
from poise.storage.results.beside import GIVEN_FILE, keep, read_kept


def sound_from_json(plain: dict[str, Any]) -> Sound:
    """What `dataclasses.asdict` made of a `Sound`; of an earlier analysis, nothing heard."""
    if not plain:
        return Sound()
    return Sound(
        status=plain["status"],
        detail=plain["detail"],
        turns=tuple(Turn(**turn) for turn in plain["turns"]),
        unheard=tuple(Turn(**turn) for turn in plain.get("unheard", [])),
        chapters=tuple((start, end, title) for start, end, title in plain["chapters"]),
    )


def read_given(directory: Path, recording_id: str) -> tuple[Segment, ...]:
    """The segments that the centre gave for a recording of this result; none if it gave none."""
    return tuple(Segment(**segment) for segment in read_kept(directory, GIVEN_FILE, recording_id))


def keep_given(directory: Path, recording_id: str, segments: Sequence[Segment]) -> None:
    """Keep the given segments beside a result, in place of those that were given before.

    Raises:
        ReportError: If they cannot be written.
    """
    keep(directory, GIVEN_FILE, recording_id, [asdict(segment) for segment in segments])
