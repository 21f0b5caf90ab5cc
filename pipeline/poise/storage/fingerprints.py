"""What lies there now: sizes and hashes of the recordings, and which are still being copied."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from poise.errors import UnfinishedError
from poise.storage.ledger import Ledger
from poise.system.atomic_files import Stamp, sha256, stamp_of
from poise.types import Recording

SETTLED_S = 2.0  # a file that was changed more recently may still be growing
_KEEPING_S = 1.0  # between transactions while hashes are made


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The recordings as they lay there.

    Args:
        recordings: With their SHA-256; it is empty where a file cannot be read, is still being
            written, or must not be read.
        stamps: Of each file that was read, by recording.
        growing: Those that seem to be still being written.
    """

    recordings: list[Recording]
    stamps: dict[str, Stamp]
    growing: frozenset[str]


def take_in(recordings: Iterable[Recording], ledger: Ledger | None) -> Intake:
    """Hash the recordings; files unchanged since they were last hashed are not read again.

    Args:
        recordings: Those without consent are not touched.
        ledger: Knows the hashes of before, and is told the new ones unless it is read only.
    """
    found: list[Recording] = []
    stamps: dict[str, Stamp] = {}
    growing: set[str] = set()
    fresh: list[tuple[Path, Stamp, str]] = []
    kept = time.monotonic()
    for recording in recordings:
        digest = ""
        if recording.consent:
            try:
                path = recording.path.resolve()
                before = stamp_of(path)
                known = ledger.stamp_of(path) if ledger else None
                if known and known[0] == before:
                    digest = known[1]
                elif _is_recent(before):
                    growing.add(recording.recording_id)
                else:
                    digest = sha256(path)
                    if stamp_of(path) != before:
                        digest = ""
                        growing.add(recording.recording_id)
                    else:
                        fresh.append((path, before, digest))
                stamps[recording.recording_id] = before
            except OSError:
                digest = ""
        found.append(replace(recording, sha256=digest))
        if ledger and not ledger.read_only and time.monotonic() - kept > _KEEPING_S:
            ledger.stamp(fresh)
            fresh, kept = [], time.monotonic()
    if ledger and not ledger.read_only and fresh:
        ledger.stamp(fresh)
    return Intake(recordings=found, stamps=stamps, growing=frozenset(growing))


def settle(recordings: Iterable[Recording]) -> set[str]:
    """Wait a moment, and say which files have not been changed meanwhile.

    Args:
        recordings: That seemed to be still being written.

    Returns:
        Identifiers of those that are all there, or gone.
    """
    before = {r.recording_id: (r.path, _stamp_or_none(r.path)) for r in recordings}
    if any(stamp and _is_recent(stamp) for _, stamp in before.values()):
        time.sleep(SETTLED_S)
    return {name for name, (path, stamp) in before.items() if _stamp_or_none(path) == stamp}


def still_growing(path: Path) -> UnfinishedError:
    """What is said of a recording that does not settle."""
    return UnfinishedError(
        "it is still being written, as if it were being copied",
        remedy="Run the same command again when it is all there.",
        path=path,
    )


def _is_recent(stamp: Stamp) -> bool:
    return abs(time.time() - stamp[1] / 1e9) < SETTLED_S


def _stamp_or_none(path: Path) -> Stamp | None:
    try:
        return stamp_of(path)
    except OSError:
        return None
