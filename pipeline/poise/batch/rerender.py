"""Pages and tables of the last run again, without reading a recording."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from poise.batch.outcomes import RunResult
from poise.expression.model_spec import ModelSpec
from poise.reports.candidates import write_candidate, write_captions, write_overview
from poise.reports.pdf import print_pages
from poise.reports.table_files import write_tables
from poise.settings import Settings
from poise.storage.ledger import Entry, Ledger
from poise.storage.outcome import Outcome
from poise.storage.result_format import StoredResult
from poise.storage.result_store import HOUSE, ResultStore
from poise.system.atomic_files import private
from poise.system.directory_lock import held
from poise.types import SHOWN, Status


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
    with Ledger(target / HOUSE, read_only=True) as ledger:
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


def _outcome(entry: Entry, store: ResultStore) -> Outcome:
    status, message, result = entry.status, entry.message, None
    if store.has(entry.key) and entry.recording.sha256:
        result = StoredResult.read(store.directory(entry.key), entry.recording.recording_id)
        if status == Status.PENDING:  # its run was killed before it could enter it
            status, message = (Status.PARTIAL if result.loss else Status.DONE), result.loss
    return Outcome(
        recording=entry.recording, status=status, message=message, reused=True, result=result
    )
