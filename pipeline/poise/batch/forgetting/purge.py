"""Forgetting: every trace of a person goes, and it is shown that it has gone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from poise.batch.forgetting.erasure import (
    erase_files,
    find_traces,
    forget,
    is_report,
    owners_of_all,
)
from poise.batch.forgetting.search import Searched, fingerprint, search
from poise.batch.naming import no_candidate, who_is_meant
from poise.errors import PoiseError, ReportError
from poise.storage.forgotten import Forgotten
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.atomic_files import private, sweep_drafts
from poise.system.directory_lock import held
from poise.types import Recording

_RUN_FILES = ("recordings.*", "left_aside.*", "data_dictionary.*", "index*.html",
              "cohort*.html")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What was removed of a person, and where something was found all the same.

    Args:
        recordings: How many recordings were forgotten.
        results: How many stored results were removed.
        of_nobody: How many of these said not whose they are: they might have been of the person.
        rows: How many rows of the ledger were erased.
        searched: What was searched afterwards, and for what.
        found: Files below the reports that still hold a trace; not written by Poise.
        remaining: Recordings of the person that still lie where they were read.
        problem: Why index and tables could not be written again; they are removed then.
    """

    recordings: int
    results: int
    of_nobody: int
    rows: int
    searched: Searched
    found: tuple[Path, ...]
    remaining: tuple[Path, ...]
    problem: PoiseError | None = None


def purge(output: Path | str, candidate: str) -> Purged:
    """Remove every trace of a candidate below a directory of reports, and search for what is left.

    A mark is left, which names nobody, so that the next run does not bring the person back where
    the recordings still lie; `remember` takes it away. Recordings, and tables that were exported
    elsewhere, are not touched. Works with a damaged ledger, too, and after it was cut short.

    Args:
        output: Directory of the reports.
        candidate: Identifier (the name of the report's directory), or a display name that only
            one candidate bears.

    Raises:
        SettingsError: If there is no such candidate, or several bear the name, or a run is going
            on there.
        ReportError: If there is nothing to go by, or something cannot be removed.
    """
    target = Path(output)
    house = _house(target)
    with private(), held(house), Ledger(house) as ledger:
        store = ResultStore(target)
        sweep_drafts(target)
        store.sweep()
        _restore(ledger, store)
        forgotten = Forgotten(house)
        entries = ledger.entries(earlier=True)
        owners = owners_of_all(store, entries)
        known = [e.recording for e in entries]
        known += [o.recording for own in owners.values() for o in own]
        wanted = _identifier(candidate, known, forgotten, target)
        traces = find_traces(store, entries, lambda r: r.candidate_id == wanted)
        of_nobody = {key for key, own in owners.items() if not own}
        traces.results.update(of_nobody)
        traces.candidates.add(wanted)
        prints = fingerprint(store, traces.results)
        kept = [r for r in known if r.candidate_id not in traces.candidates]
        forgotten.add({r.candidate_id for r in traces.recordings} | {wanted}, traces.hashes)
        erase_files(target, store, traces)
        problem = rewrite_overview(target, without=traces.recordings)
        rows = forget(ledger, traces)
        searched, found = search(target, wanted, traces, kept, prints)
    return Purged(
        recordings=len({r.recording_id for r in traces.recordings}),
        results=len(traces.results),
        of_nobody=len(of_nobody),
        rows=rows,
        searched=searched,
        found=tuple(found),
        remaining=tuple(sorted({r.path for r in traces.recordings if r.path.is_file()})),
        problem=problem,
    )


def remember(output: Path | str, candidate: str) -> bool:
    """Let a candidate who was purged be analysed again.

    Args:
        output: Directory of the reports.
        candidate: Identifier, as it was given to `purge` or as a run named it.

    Returns:
        Whether the candidate had been purged.

    Raises:
        ReportError: If that is no directory of reports.
    """
    house = _house(Path(output))
    with private(), held(house):
        return Forgotten(house).remove(unicodedata.normalize("NFC", candidate))


def rewrite_overview(output: Path, without: Sequence[Recording] = ()) -> PoiseError | None:
    """Index and tables of the last run again, and reports that are missing.

    Args:
        output: Directory of the reports.
        without: Recordings that are about to be forgotten.

    Returns:
        Why they could not be written; then they are removed, as they may name whoever is gone.
    """
    from poise.batch.rerender import rewrite  # loads pandas, Jinja and matplotlib

    try:
        rewrite(output, {r.recording_id for r in without})
    except PoiseError as error:
        left = [path for pattern in _RUN_FILES for path in output.glob(pattern)]
        for path in left:
            path.unlink()
        return error if left else None
    return None


def _house(output: Path) -> Path:
    house = output / HOUSE
    if not house.is_dir():
        raise ReportError(
            "holds no reports", remedy="Give the directory that poise analyze wrote to.",
            path=output, code="no_reports",
        )  # fmt: skip
    return house


def _identifier(
    candidate: str, known: Iterable[Recording], forgotten: Forgotten, output: Path
) -> str:
    """Whom a name means: an identifier, or the only candidate who bears it."""
    found = who_is_meant(candidate, known, output)
    if found is not None:
        return found
    wanted = unicodedata.normalize("NFC", candidate)
    # Of nobody who is known: a report that lies there, or a purge that was cut short.
    if wanted and (is_report(output / wanted, output) or forgotten.knows_candidate(wanted)):
        return wanted
    raise no_candidate(candidate, output)


def _restore(ledger: Ledger, store: ResultStore) -> None:
    """Enter again what the stored results tell, where a ledger was damaged or has gone."""
    try:
        ledger.last_run()
    except ReportError:
        settings, model, root = store.recall_run()
        owners = owners_of_all(store, [])
        entries = [
            Entry(recording=o.recording, key=key)
            for key, own in owners.items()
            for o in own
            if o.current
        ]
        if model:
            ledger.plan(settings, model, entries, root=root)
