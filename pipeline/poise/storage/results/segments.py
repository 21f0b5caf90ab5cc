"""What was heard, and the segments that a centre gave, beside a stored result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from poise.spoken import Segment, Sound, Turn
from poise.system.atomic_files import write_text

GIVEN_FILE = "given_segments.json"


def sound_from_json(plain: dict[str, Any]) -> Sound:
    """What `dataclasses.asdict` made of a `Sound`; of an earlier analysis, nothing heard."""
    if not plain:
        return Sound()
    return Sound(
        status=plain["status"],
        detail=plain["detail"],
        turns=tuple(Turn(**turn) for turn in plain["turns"]),
        chapters=tuple((start, end, title) for start, end, title in plain["chapters"]),
    )


def read_given(directory: Path, recording_id: str) -> tuple[Segment, ...]:
    """The segments that the centre gave for a recording of this result; none if it gave none."""
    return tuple(Segment(**segment) for segment in _read(directory).get(recording_id, []))


def keep_given(directory: Path, recording_id: str, segments: Sequence[Segment]) -> None:
    """Keep the given segments beside a result, in place of those that were given before.

    Raises:
        ReportError: If they cannot be written.
    """
    if tuple(segments) == read_given(directory, recording_id):
        return
    kept = _read(directory)
    kept.pop(recording_id, None)
    if segments:
        kept[recording_id] = [asdict(segment) for segment in segments]
    write_text(json.dumps(kept, ensure_ascii=False), directory / GIVEN_FILE)


def _read(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """By recording, as several may have the same bytes; what cannot be read was not given."""
    try:
        plain = json.loads((directory / GIVEN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}
