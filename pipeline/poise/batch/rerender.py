"""Pages and tables of the last run again, without reading a recording."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from poise.batch.outcomes import RunResult, outcome_of, without_duplicates
from poise.errors import (
    DamagedResultError,
    DiskFullError,
    ModelError,
    ReportError,
    SettingsError,
)
from poise.expression.model_spec import ModelSpec
from poise.reports.candidates import write_candidate, write_captions, write_overview
from poise.reports.left_aside import write_left_aside
from poise.reports.pages.pdf import print_pages
from poise.reports.pseudonyms import as_named, with_pseudonym
from poise.reports.table_files import write_tables
from poise.settings import Settings
from poise.statuses import SHOWN, WITHHELD, Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.exclusion import without_excluded
from poise.storage.results.format import StoredResult
from poise.storage.results.outcome import Outcome, tells_of
from poise.storage.results.store import HOUSE, ResultStore
from poise.storage.secret import secret_of
from poise.system.atomic_files import private
from poise.system.directory_lock import held
from poise.system.platform import cores

CANDIDATES_EACH = 16  # fewer are written sooner than another process has started


def recall(
    output: Path | str, changed: Mapping[str, Any], *, without: Set[str] = frozenset()
) -> tuple[RunResult, ModelSpec]:
    """What the last run into a directory found, from what is stored; no recording is read.

    Args:
        output: Directory of the reports.
        changed: Settings of the run that are to be others now, by name.
        without: Identifiers of recordings that are left out.

    Raises:
        ReportError: If there is nothing to go by.
        SettingsError: If a setting is out of bounds.
    """
    target = Path(output)
    store = ResultStore(target, read_only=True)
    with Ledger(target / HOUSE, read_only=True) as ledger:
        run = ledger.last_run()
        aside = [left for left in ledger.left_aside() if not tells_of(left, without)]
        entries = [e for e in ledger.entries() if e.recording.recording_id not in without]
    secret = secret_of(target / HOUSE, read_only=True)
    before = {
        entry.name: run.settings[entry.name]
        for entry in fields(Settings)
        if type(run.settings.get(entry.name)) is type(entry.default)
    }
    settings = Settings(**{**before, **changed})
    result = RunResult(
        outcomes=without_duplicates(_outcome(e, store, secret, settings) for e in entries),
        output=target, index=None, settings=settings, seconds=0.0, left_aside=aside,
    )  # fmt: skip
    try:
        return result, ModelSpec.from_json(run.model)
    except ModelError as error:
        raise ReportError(
            f"the ledger does not say which model was used ({error.cause})",
            remedy="Run poise analyze again: what is done is kept.",
            path=target,
            code="ledger_odd",
        ) from error


def rewrite(output: Path, without: Set[str]) -> None:
    """Write index, tables of the run, and reports that are missing, whatever its looks were.

    For whoever holds the directory. A logo or templates that are gone or wrong are left out: what
    has to be written must not name whoever was purged.

    Args:
        output: Directory of the reports.
        without: Identifiers of recordings that are left out.

    Raises:
        ReportError: If there is nothing to go by, or nothing can be written.
    """
    plain = {"templates": "", "centre_logo": ""}
    try:
        _rewrite(*recall(output, {}, without=without))
    except DiskFullError:
        raise
    except (SettingsError, ReportError):
        _rewrite(*recall(output, plain, without=without))


def _rewrite(result: RunResult, spec: ModelSpec) -> None:
    for own in _by_candidate(result.outcomes).values():
        candidate = as_named(own, result.settings)[0].recording.candidate_id
        if not any((result.output / candidate).glob("report*.html")):
            write_candidate(own, result.output, result.settings, spec)
    _overview(result, spec)


def _overview(result: RunResult, spec: ModelSpec) -> Path:
    output, settings = result.output, result.settings
    index = write_overview(result.outcomes, output, settings, spec, result.left_aside)
    write_left_aside(result.left_aside, output, settings)
    return index


def _by_candidate(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes that reports tell of, by candidate."""
    candidates: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status in SHOWN:
            candidates.setdefault(outcome.recording.candidate_id, []).append(outcome)
    return candidates


def _write_candidates(result: RunResult, spec: ModelSpec) -> list[Path]:
    """Write the reports and tables of all candidates, in several processes where there are many.

    Returns:
        The reports.
    """
    candidates = _by_candidate(result.outcomes).values()
    jobs = result.settings.jobs or cores()
    jobs = max(1, min(jobs, len(candidates) // CANDIDATES_EACH))
    written = Parallel(n_jobs=jobs)(
        delayed(write_candidate)(own, result.output, result.settings, spec) for own in candidates
    )
    return [page for candidate in written for page in candidate.reports]


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
        secret_of(result.output / HOUSE)  # made now, if there is none
        with Ledger(result.output / HOUSE) as ledger:
            ledger.reports_changed()  # they will not be what the last run wrote
        pages = _write_candidates(result, spec)
        if pdf:
            print_pages(pages)
        index = _overview(result, spec)
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


def _outcome(entry: Entry, store: ResultStore, secret: bytes, settings: Settings) -> Outcome:
    """What the ledger and the stored result say; a damaged result is said to be so."""
    recording = with_pseudonym(entry.recording, secret)
    told = Outcome(
        recording=recording,
        status=entry.status,
        code=entry.code,
        message=entry.message,
        reused=True,
    )
    # A run that was killed may not have entered a result that is there.
    if entry.status in (Status.FAILED, *WITHHELD) or not store.has(entry.key):
        return told
    try:
        result = StoredResult.read(store.directory(entry.key), entry.recording.recording_id)
        result = without_excluded(result, settings)
    except DamagedResultError as error:
        message = f"{error.cause}. {error.remedy}"
        return replace(told, status=Status.FAILED, code=error.code, message=message, error=error)
    return outcome_of(recording, result, reused=True)
