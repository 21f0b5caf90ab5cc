"""What a purge would remove, counted before anything is removed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from poise.batch.forgetting.erasure import find_traces, is_report
from poise.storage.ledger import Ledger
from poise.storage.results.store import HOUSE, ResultStore


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What there is of a candidate.

    Args:
        recordings: Identifiers of the recordings that are forgotten, under all their names.
        results: How many stored results go.
        files: Files of the report and the tables that go, below the reports.
        remaining: Recordings that stay where they lie.
    """

    recordings: tuple[str, ...]
    results: int
    files: tuple[str, ...]
    remaining: tuple[Path, ...]


def foresee(output: Path, candidate_id: str) -> Foreseen:
    """What `purge` would remove of a candidate; nothing is removed.

    Args:
        output: Directory of the reports.
        candidate_id: Identifier of the candidate.

    Raises:
        ReportError: If there is nothing to go by.
    """
    store = ResultStore(output, read_only=True)
    with Ledger(output / HOUSE, read_only=True) as ledger:
        entries = ledger.entries(earlier=True)
    traces = find_traces(store, entries, lambda r: r.candidate_id == candidate_id)
    folders = [output / name for name in sorted(traces.candidates | {candidate_id})]
    return Foreseen(
        recordings=tuple(sorted({r.recording_id for r in traces.recordings})),
        results=len(traces.results),
        files=tuple(
            path.relative_to(output).as_posix()
            for folder in folders
            if is_report(folder, output)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ),
        remaining=tuple(sorted({r.path for r in traces.recordings if r.path.is_file()})),
    )
