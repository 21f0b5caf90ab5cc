"""What goes by itself: after consent was withdrawn, of old age, or as somebody else has it now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from poise.batch.forgetting.erasure import (
    Traces,
    erase_files,
    find_traces,
    forget,
    is_report,
    owners_of_all,
)
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.atomic_files import stamp_of
from poise.system.run_log import LOGS
from poise.types import Recording

_DAY_S = 86_400.0


def purge_withdrawn(
    output: Path, store: ResultStore, ledger: Ledger, found: Sequence[Recording]
) -> None:
    """Remove what is stored of recordings that `candidates.csv` now says must not be analysed.

    All results go, under whatever settings they were made, also those from before the recording
    was renamed: its size and time of change tell which it was.
    """
    refused = [r for r in found if not r.consent]
    if not refused:
        return
    names = {r.recording_id for r in refused}
    allowed = {r.recording_id for r in found if r.consent}
    hashes: set[str] = set()
    for recording in refused:
        with suppress(OSError):
            hashes |= ledger.hashes_like(stamp_of(recording.path.resolve()))
    entries = ledger.entries(earlier=True)
    owners = owners_of_all(store, entries)
    known = [
        *(e.recording for e in entries),
        *(o.recording for own in owners.values() for o in own),
    ]
    hashes |= {r.sha256 for r in known if r.recording_id in names}
    hashes -= {""}

    def is_gone(recording: Recording) -> bool:
        if recording.recording_id in names:
            return True
        return recording.sha256 in hashes and recording.recording_id not in allowed

    traces = find_traces(store, entries, is_gone)
    if traces.results or any(e.recording.sha256 for e in traces.entries) or traces.shared:
        _erase(output, store, ledger, traces)


def purge_expired(output: Path, store: ResultStore, ledger: Ledger, days: int) -> int:
    """Remove what is older than so many days (0: nothing): results, reports, names, logs.

    A recording that has no result, because it failed, is as old as its first failure.

    Returns:
        How many recordings and results were removed.
    """
    if not days:
        return 0
    limit = time.time() - days * _DAY_S
    old = {key for key in store.names() if _made(store, key) < limit}
    entries = ledger.entries(earlier=True)
    owners = owners_of_all(store, entries)
    gone = {o.recording for key in old for o in owners[key]}
    gone |= {e.recording for e in entries if e.key in old or _is_old_failure(e, store, limit)}
    traces = find_traces(store, entries, lambda recording: recording in gone)
    # A recording may have younger results, made under other settings: these stay.
    traces = Traces(
        recordings=traces.recordings, entries=traces.entries, results=old, shared={},
        candidates=traces.candidates, hashes=traces.hashes,
    )  # fmt: skip
    if old or gone:
        _erase(output, store, ledger, traces)
        ledger.expire(recording.sha256 for recording in gone)
    for log in (output / HOUSE / LOGS).glob("*.jsonl"):
        with suppress(OSError):
            if log.stat().st_mtime < limit:
                log.unlink()
    return len(old) + len(traces.entries)


def remove_superseded(output: Path, ledger: Ledger) -> None:
    """Remove the reports of candidates who had recordings that are all somebody else's now.

    Such as one that lay in the wrong folder, or a candidate who has another name since. Where a
    recording has gone and nobody else has it, its report stays.
    """
    entries = ledger.entries(earlier=True)
    here = {e.recording.candidate_id for e in entries if e.current}
    results = {e.key for e in entries if e.current}
    stay = {e.recording.candidate_id for e in entries if e.key not in results}
    gone = set(ledger.reported()) - here - stay
    if not gone:
        return
    from poise.reports.candidates import remove_candidate  # and with it pandas

    folders = {c: {(output / file).parent for file in ledger.report(c)[1]} for c in here | gone}
    # Not every file system tells names apart by their case.
    taken = {folder.name.casefold() for c in here for folder in folders[c]}
    for folder in set().union(*(folders[c] for c in gone)):
        if is_report(folder, output) and folder.name.casefold() not in taken:
            remove_candidate(folder)
    ledger.forget([], gone)


def _is_old_failure(entry: Entry, store: ResultStore, limit: float) -> bool:
    return entry.since < limit and not store.has(entry.key)


def _erase(output: Path, store: ResultStore, ledger: Ledger, traces: Traces) -> None:
    erase_files(output, store, traces)
    forget(ledger, traces)


def _made(store: ResultStore, key: str) -> float:
    try:
        return store.made(key)
    except OSError:  # half removed: of no use, so of any age
        return 0.0
