"""Whose a stored result is, kept beside it: a person can be forgotten without the ledger.

A result is named after the bytes of a recording; over time several recordings may have those:
twins, and the same one under an earlier name. All are kept, the earlier ones as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from poise.storage.results.recording_json import from_json, to_json
from poise.system.atomic_files import write_text
from poise.types import Recording

OWNERS_FILE = "owners.json"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A recording that a result is of.

    Args:
        recording: As it was when it was last found.
        current: Whether it was so the last time that the result was used; otherwise the recording
            has been renamed, removed or changed since.
    """

    recording: Recording
    current: bool = True


def read_owners(directory: Path) -> list[Owner]:
    """Owners of a result; none where the file is absent or damaged."""
    try:
        plain = json.loads((directory / OWNERS_FILE).read_text(encoding="utf-8"))
        return [
            Owner(recording=from_json(o["recording"]), current=bool(o["current"])) for o in plain
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def write_owners(owners: Iterable[Owner], directory: Path) -> None:
    """Write the owners of a result, at once or not at all.

    Raises:
        ReportError: If it cannot be written.
    """
    plain = [{"recording": to_json(o.recording), "current": o.current} for o in owners]
    write_text(json.dumps(plain), directory / OWNERS_FILE)


def claim(current: Sequence[Recording], directory: Path) -> None:
    """Make recordings the owners of a result; those of before become earlier ones.

    Args:
        current: All recordings of the run that have this result.
        directory: Of the result.

    Raises:
        ReportError: If it cannot be written.
    """
    before = read_owners(directory)
    # As they are kept: with segments and notes they would never be those of before.
    now = [Owner(recording=replace(r, segments=None, notes=None)) for r in current]
    here = {_identity(o) for o in now}
    earlier = {_identity(o): replace(o, current=False) for o in before}
    owners = [*now, *(o for identity, o in earlier.items() if identity not in here)]
    if owners != before:
        write_owners(owners, directory)


def _identity(owner: Owner) -> tuple[str, str, str]:
    r = owner.recording
    return r.recording_id, r.candidate_id, r.display_name
