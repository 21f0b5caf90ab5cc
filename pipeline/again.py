"""What the last run left, without reading a recording: its pages and tables again, its state."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pipeline.assemble import (
    SHOWN,
    Outcome,
    write_candidate,
    write_captions,
    write_overview,
    write_tables,
)
from pipeline.batch import RunResult
from pipeline.files import private
from pipeline.ledger import LEDGER_FILE, PENDING, Entry, Ledger
from pipeline.lock import Holder, held, holder
from pipeline.network import ModelSpec
from pipeline.pdf import print_pages
from pipeline.results import StoredResult
from pipeline.settings import Settings
from pipeline.store import HOUSE, ResultStore


def recall(output: Path | str, changed: Mapping[str, Any]) -> tuple[RunResult, ModelSpec]:
    """What the last run into a directory found, from what is stored; no recording is read.

    Args:
        output: Directory of the reports.
        changed: Settings of the run that are to be others now, by name.

    Raises:
        ReportError: If there is nothing to go by.
        SettingsError: If a setting is out of bounds.
    """
    target = Path(output)
    store = ResultStore(target, read_only=True)
    with _ledger(target) as ledger:
        run = ledger.last_run()
        outcomes = [_outcome(entry, store) for entry in ledger.entries()]
    known = {entry.name for entry in fields(Settings)}
    before = {name: value for name, value in run.settings.items() if name in known}
    settings = Settings(**{**before, **changed})
    result = RunResult(outcomes=outcomes, output=target, index=None, settings=settings, seconds=0.0)
    return result, ModelSpec.from_json(run.model)


def render(output: Path | str, *, pdf: bool = False, **changed: Any) -> RunResult:
    """Write reports, index and tables of the last run again; no recording is read.

    Args:
        output: Directory of the reports.
        pdf: Print each report to PDF as well.
        changed: Settings that are to be others now: those of pages and tables.

    Raises:
        ReportError: If there is nothing to go by, nothing can be written, or no browser is there
            to print.
        SettingsError: If a run is going on there.
    """
    started = time.monotonic()
    result, spec = recall(output, changed)
    with private(result.settings.private), held(result.output / HOUSE):
        candidates: dict[str, list[Outcome]] = {}
        for outcome in result.outcomes:
            if outcome.status in SHOWN:
                candidates.setdefault(outcome.recording.candidate_id, []).append(outcome)
        pages = [
            page
            for own in candidates.values()
            for page in write_candidate(own, result.output, result.settings, spec).reports
        ]
        if pdf:
            print_pages(pages)
        index = write_overview(result.outcomes, result.output, result.settings, spec)
    return replace(result, index=index, seconds=time.monotonic() - started)


def export(output: Path | str, directory: Path | str, **changed: Any) -> RunResult:
    """Write the tables of all candidates joined, and the episodes of each recording as captions.

    Args:
        output: Directory of the reports.
        directory: Where `frames`, `episodes`, `recordings`, `data_dictionary` and `captions` go.
        changed: Settings that are to be others now: format, csv_bom, anonymous, language (of the
            captions).

    Raises:
        ReportError: If there is nothing to go by, or nothing can be written.
    """
    result, spec = recall(output, changed)
    with private(result.settings.private):
        write_tables(result.outcomes, Path(directory), result.settings, spec)
        write_captions(result.outcomes, Path(directory) / "captions", result.settings)
    return result


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a batch stands.

    Args:
        outcomes: Of the last run, in order of their identifiers; those in work are `running`.
        holder: Who works on it now; None if nobody does.
        started, ended: Of the last run, seconds since the epoch; `ended` is None while it goes
            on, or if it was stopped.
    """

    outcomes: list[Outcome]
    holder: Holder | None
    started: float
    ended: float | None

    def counts(self) -> dict[str, int]:
        """How many recordings have which status."""
        statuses = [outcome.status for outcome in self.outcomes]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    def in_words(self) -> str:
        """Who works on it, or how it ended."""
        if self.holder:
            return f"A run goes on: {self.holder}."
        if self.ended is None:
            return "The last run was stopped before its end; the same command goes on from there."
        return "The last run came to its end."

    def to_json(self) -> dict[str, Any]:
        """Plain form."""
        return {
            "counts": self.counts(),
            "running": asdict(self.holder) if self.holder else None,
            "started": self.started,
            "ended": self.ended,
            "recordings": [
                {
                    "recording_id": o.recording.recording_id,
                    "candidate_id": o.recording.candidate_id,
                    "status": o.status,
                    "message": o.message,
                }
                for o in self.outcomes
            ],
        }


def look_up(output: Path | str) -> State:
    """Where the last run into a directory stands; changes nothing, also while it goes on.

    Raises:
        ReportError: If there is nothing to go by.
    """
    target = Path(output)
    store = ResultStore(target, read_only=True)
    working = holder(target / HOUSE)
    with _ledger(target) as ledger:
        run = ledger.last_run()
        entries = ledger.entries()
    outcomes = [
        Outcome(
            recording=entry.recording,
            status="running"
            if working and entry.status == PENDING and store.is_begun(entry.key)
            else entry.status,
            message=entry.message,
        )
        for entry in entries
    ]
    return State(outcomes=outcomes, holder=working, started=run.started, ended=run.ended)


def _ledger(output: Path) -> Ledger:
    """The ledger, to read; what an older Poise left is taken over first."""
    house = output / HOUSE
    if not (house / LEDGER_FILE).exists() and (house / "run.json").is_file():
        with private(), held(house), Ledger(house):
            pass
    return Ledger(house, read_only=True)


def _outcome(entry: Entry, store: ResultStore) -> Outcome:
    status, message, result = entry.status, entry.message, None
    if store.has(entry.key) and entry.recording.sha256:
        result = StoredResult.read(store.directory(entry.key))
        if status == PENDING:  # its run was killed before it could enter it
            status, message = ("partial" if result.loss else "done"), result.loss
    return Outcome(
        recording=entry.recording, status=status, message=message, reused=True, result=result
    )
