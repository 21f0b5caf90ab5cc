"""Erasing recordings: what there is of them below a directory of reports, found and removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from poise.reports.pseudonyms import anonymous, with_pseudonym
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.beside import keep_only
from poise.storage.results.outcome import tells_of
from poise.storage.results.owners import Owner, read_owners, write_owners
from poise.storage.results.store import HOUSE, ResultStore
from poise.storage.secret import secret_of
from poise.system.atomic_files import not_written, write_text
from poise.system.run_log import LOGS
from poise.types import Recording


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What there is of recordings that are to be erased.

    Args:
        recordings: As ledger and results know them, under all names that they ever had.
        entries: Rows of the ledger.
        results: Names of results that go.
        shared: Names of results that stay, as others have them too, with whose they are then.
        candidates: Identifiers whose reports go; of anonymous reports, too.
        hashes: SHA-256 of recordings that nobody else has.
    """

    recordings: list[Recording]
    entries: list[Entry]
    results: set[str]
    shared: dict[str, list[Owner]]
    candidates: set[str]
    hashes: set[str]


def find_traces(
    store: ResultStore, entries: Sequence[Entry], is_gone: Callable[[Recording], bool]
) -> Traces:
    """What there is of the recordings for which `is_gone` holds.

    A result that only they have goes, and with it the reports under earlier names of the same
    recording; one that others have now stays.
    """
    gone = [entry for entry in entries if is_gone(entry.recording)]
    found = {_identity(entry.recording): entry.recording for entry in gone}
    results: set[str] = set()
    shared: dict[str, list[Owner]] = {}
    kept_hashes = {e.recording.sha256 for e in entries if not is_gone(e.recording) and e.current}
    for key, owners in owners_of_all(store, entries).items():
        own = [o for o in owners if is_gone(o.recording)]
        if not own:
            continue
        others = [o for o in owners if o.current and o not in own]
        if others:
            shared[key] = others
            kept_hashes |= {o.recording.sha256 for o in others}
        else:
            results.add(key)
            own = owners
        found |= {_identity(o.recording): o.recording for o in own}
    recordings = list(found.values())
    secret = secret_of(store.root)
    named = [r if r.pseudonym else with_pseudonym(r, secret) for r in recordings]
    return Traces(
        recordings=recordings,
        entries=gone,
        results=results,
        shared=shared,
        candidates={r.candidate_id for r in [*recordings, *map(anonymous, named)]},
        hashes={r.sha256 for r in recordings} - kept_hashes - {""},
    )


def owners_of_all(store: ResultStore, entries: Iterable[Entry]) -> dict[str, list[Owner]]:
    """Whose each stored result is; where it does not say so itself, as the ledger has it."""
    by_key: dict[str, list[Owner]] = {}
    for entry in entries:
        owner = Owner(recording=entry.recording, current=entry.current)
        by_key.setdefault(entry.key, []).append(owner)
    return {key: read_owners(store.directory(key)) or by_key.get(key, []) for key in store.names()}


def erase_files(output: Path, store: ResultStore, traces: Traces) -> None:
    """Remove results, reports and lines of logs; the ledger's rows are left for the end.

    Raises:
        ReportError: If something cannot be removed.
    """
    try:
        for key in traces.results:
            store.remove(key)
        for key, owners in traces.shared.items():
            write_owners(owners, store.directory(key))
            keep_only(store.directory(key), {o.recording.recording_id for o in owners})
        for candidate in traces.candidates:
            if is_report(output / candidate, output):
                shutil.rmtree(output / candidate)
        _trim_logs(output / HOUSE / LOGS, {r.recording_id for r in traces.recordings})
    except OSError as error:
        raise not_written(error, output) from error


def forget(ledger: Ledger, traces: Traces) -> int:
    """Erase the ledger's rows, so that no byte of them is left; how many there were."""
    gone = {r.recording_id for r in traces.recordings}
    names = [left.name for left in ledger.left_aside() if tells_of(left, gone)]
    return ledger.forget(traces.recordings, traces.candidates, names)


def is_report(directory: Path, output: Path) -> bool:
    """Whether that is the directory of a candidate's report."""
    inside = directory.parent == output and directory.name not in ("", ".", "..", HOUSE)
    return inside and directory.is_dir() and not directory.is_symlink()


def _identity(recording: Recording) -> tuple[str, str, str]:
    return recording.recording_id, recording.candidate_id, recording.display_name


def _trim_logs(folder: Path, names: set[str]) -> None:
    for log in folder.glob("*.jsonl"):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        kept = [line for line in lines if _recording_of(line) not in names]
        if len(kept) < len(lines):
            write_text("".join(kept), log)


def _recording_of(line: str) -> str:
    with suppress(ValueError, RecursionError):
        plain = json.loads(line)
        if isinstance(plain, dict):
            return str(plain.get("id", ""))
    return ""
