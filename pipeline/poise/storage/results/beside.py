"""What people say of a recording, kept beside its result: it may change without a new analysis.

A file of JSON for each kind, by recording, as several recordings may have the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from poise.coach_notes import CoachNote
from poise.storage.plain import from_plain
from poise.system.atomic_files import write_text

GIVEN_FILE, NOTES_FILE = "given_segments.json", "coach_notes.json"


def read_kept(directory: Path, file: str, recording_id: str) -> list[Any]:
    """What is kept of a recording; what cannot be read was not said."""
    kept = _read(directory / file).get(recording_id, [])
    return kept if isinstance(kept, list) else []


def keep(directory: Path, file: str, recording_id: str, said: list[Any]) -> None:
    """Keep what is said of a recording now, in place of what was said before.

    Raises:
        ReportError: If it cannot be written.
    """
    kept = _read(directory / file)
    if kept.get(recording_id, []) == said:
        return
    kept.pop(recording_id, None)
    if said:
        kept[recording_id] = said
    write_text(json.dumps(kept, ensure_ascii=False), directory / file)


def keep_only(directory: Path, recording_ids: Collection[str]) -> None:
    """Forget what was said of all recordings of a result but these.

    Raises:
        ReportError: If it cannot be written.
    """
    for file in (GIVEN_FILE, NOTES_FILE):
        before = _read(directory / file)
        kept = {name: said for name, said in before.items() if name in recording_ids}
        if len(kept) < len(before):
            write_text(json.dumps(kept, ensure_ascii=False), directory / file)


def read_notes(directory: Path, recording_id: str) -> tuple[CoachNote, ...]:
    """What coaches noted of a recording of this result."""
    try:
        kept = read_kept(directory, NOTES_FILE, recording_id)
        return from_plain(tuple[CoachNote, ...], kept)  # type: ignore[no-any-return]
    except ValueError:
        return ()


def keep_notes(directory: Path, recording_id: str, notes: Collection[CoachNote]) -> None:
    """Keep what coaches noted of a recording, in place of what they noted before.

    Raises:
        ReportError: If it cannot be written.
    """
    keep(directory, NOTES_FILE, recording_id, [asdict(note) for note in notes])


def _read(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
