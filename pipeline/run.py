"""A batch: find the recordings, analyse what is not yet done, write reports and tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.assemble import (
    Outcome,
    page_style,
    write_candidate,
    write_captions,
    write_overview,
    write_tables,
)
from pipeline.classify import SHIPPED_MODEL
from pipeline.device import choose_device
from pipeline.discover import discover
from pipeline.errors import PipelineError, SettingsError
from pipeline.execute import Pool
from pipeline.network import ModelSpec, read_spec
from pipeline.pdf import print_pages
from pipeline.report import rehearse
from pipeline.results import StoredResult
from pipeline.settings import Settings
from pipeline.store import ResultStore
from pipeline.types import Recording
from pipeline.work import Done, Task


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did.

    Args:
        outcomes: Of every recording found, in order of their identifiers.
        output: Directory of the reports.
        index: The page that leads to them; None after a dry run.
        settings: That were used.
        seconds: The whole run.
    """

    outcomes: list[Outcome]
    output: Path
    index: Path | None
    settings: Settings
    seconds: float

    def count(self, status: str) -> int:
        """How many recordings have that status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 all done; 3 some failed and the rest is written; 4 none succeeded or none found."""
        failed = self.count("failed")
        if failed == len(self.outcomes):
            return 4
        return 3 if failed else 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is about to do.

    Args:
        recordings: All that were found.
        reused: Of them, those whose result is there.
        bytes_to_read: Size of those to be analysed.
        jobs: Processes at most; 0 where none is needed.
        device: Where the networks run.
    """

    recordings: int
    reused: int
    bytes_to_read: int
    jobs: int
    device: str


@dataclass(frozen=True)
class Listener:
    """Hears how a run goes; the default says nothing."""

    planned: Callable[[Plan], None] = field(default=lambda plan: None)
    finished: Callable[[Outcome], None] = field(default=lambda outcome: None)


def analyze(
    recordings: Path | str,
    output: Path | str,
    settings: Settings | None = None,
    *,
    force: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    listener: Listener | None = None,
) -> RunResult:
    """Analyse the recordings below a directory and write reports and tables.

    Args:
        recordings: Directory of the recordings, or a single one. Never written to.
        output: Directory of the reports, outside of it.
        settings: Defaults if None.
        force: Analyse also what is done.
        strict: Stop at the first recording that fails.
        dry_run: Only say what would be done.
        listener: Told of the plan and of each recording.

    Returns:
        What became of every recording.

    Raises:
        SettingsError: If a path or a setting cannot be used.
        ModelError: If the model cannot be loaded.
        ReportError: If nothing can be written to `output`.
        VideoError: With `strict`, the first failure.
    """
    started = time.monotonic()
    settings, listener = settings or Settings(), listener or Listener()
    root, target = Path(recordings), Path(output)
    _check_paths(root, target)
    rehearse(page_style(settings))
    spec = read_spec(Path(settings.model) if settings.model else SHIPPED_MODEL)
    device = choose_device(settings.device)
    found = discover(root)
    if not found:
        return RunResult(outcomes=[], output=target, index=None, settings=settings, seconds=0.0)
    _check_candidates(root, target, found)
    store = ResultStore(target, read_only=dry_run)
    found = store.with_hashes(found)
    keys = {r.recording_id: store.key(r, settings, spec.sha256) for r in found}
    known = {r.recording_id for r in found if r.sha256 and store.has(keys[r.recording_id])}
    known = set() if force else known
    pending = _pending([r for r in found if r.recording_id not in known], keys)
    plan = Plan(
        recordings=len(found),
        reused=len(known),
        bytes_to_read=sum(_size(r) for r in pending),
        jobs=0,
        device=str(device),
    )
    if dry_run:
        listener.planned(plan)
        outcomes = [
            Outcome(recording=r, status="planned", reused=r.recording_id in known) for r in found
        ]
        return RunResult(outcomes=outcomes, output=target, index=None, settings=settings,
                         seconds=time.monotonic() - started)  # fmt: skip
    batch = _Batch(found, keys, store, target, settings, spec, listener)
    batch.collect_reused(known)
    first_failure = None
    for done in _execute(pending, keys, store, settings, plan, listener):
        batch.collect(done.task.recording, done.error, done.seconds)
        if done.error and strict:
            first_failure = done.error
            break
    index = batch.write_overview()
    if first_failure:
        raise first_failure
    return RunResult(
        outcomes=batch.outcomes(),
        output=target,
        index=index,
        settings=settings,
        seconds=time.monotonic() - started,
    )


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
    run = store.read_run()
    outcomes = []
    for plain in run["recordings"]:
        key, status, message = (plain.pop(name) for name in ("key", "status", "message"))
        recording = Recording(**{**plain, "path": Path(plain["path"])})
        result = StoredResult.read(store.directory(key)) if store.has(key) else None
        outcomes.append(
            Outcome(recording=recording, status=status, message=message, reused=True, result=result)
        )
    settings = Settings(**{**run["settings"], **changed})
    result_of_run = RunResult(
        outcomes=outcomes, output=target, index=None, settings=settings, seconds=0.0
    )
    return result_of_run, ModelSpec.from_json(run["model"])


def render(output: Path | str, *, pdf: bool = False, **changed: Any) -> RunResult:
    """Write reports, index and tables of the last run again; no recording is read.

    Args:
        output: Directory of the reports.
        pdf: Print each report to PDF as well.
        changed: Settings that are to be others now: those of pages and tables.

    Raises:
        ReportError: If there is nothing to go by, nothing can be written, or no browser is there
            to print.
    """
    started = time.monotonic()
    result, spec = recall(output, changed)
    candidates: dict[str, list[Outcome]] = {}
    for outcome in result.outcomes:
        candidates.setdefault(outcome.recording.candidate_id, []).append(outcome)
    pages = [
        page
        for own in candidates.values()
        for page in write_candidate(own, result.output, result.settings, spec)
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
    write_tables(result.outcomes, Path(directory), result.settings, spec)
    write_captions(result.outcomes, Path(directory) / "captions", result.settings)
    return result


def _execute(
    pending: Sequence[Recording],
    keys: dict[str, str],
    store: ResultStore,
    settings: Settings,
    plan: Plan,
    listener: Listener,
) -> Iterator[Done]:
    """Do what is pending, if anything is: neither processes nor a cluster are bothered else."""
    if not pending:
        listener.planned(plan)
        return
    with Pool(settings, store) as pool:
        listener.planned(replace(plan, jobs=pool.jobs))
        yield from pool.execute(
            [
                Task(recording=replace(r, path=r.path.absolute()), key=keys[r.recording_id])
                for r in pending
            ]
        )


class _Batch:
    """Outcomes as they come in; a candidate's report is written when the last one is there."""

    def __init__(
        self,
        found: Sequence[Recording],
        keys: dict[str, str],
        store: ResultStore,
        output: Path,
        settings: Settings,
        spec: ModelSpec,
        listener: Listener,
    ) -> None:
        self._found, self._keys, self._store = found, keys, store
        self._output, self._settings, self._spec = output, settings, spec
        self._listener = listener
        self._outcomes: dict[str, Outcome] = {}

    def collect_reused(self, known: Set[str]) -> None:
        for recording in self._found:
            if recording.recording_id in known:
                self._add(self._outcome(recording, reused=True))

    def collect(self, recording: Recording, error: PipelineError | None, seconds: float) -> None:
        key = self._keys[recording.recording_id]
        twins = [r for r in self._found if self._keys[r.recording_id] == key]
        for twin in twins if recording.sha256 else [recording]:
            if error:
                message = " ".join(filter(None, [error.cause + ".", error.remedy]))
                self._add(
                    Outcome(
                        recording=twin,
                        status="failed",
                        message=message,
                        error=error,
                        seconds=seconds,
                    )
                )
            else:
                self._add(self._outcome(twin, seconds=seconds))

    def outcomes(self) -> list[Outcome]:
        return [
            self._outcomes[r.recording_id] for r in self._found if r.recording_id in self._outcomes
        ]

    def write_overview(self) -> Path:
        outcomes = self.outcomes()
        self._store.write_run(
            {
                "settings": asdict(self._settings),
                "model": self._spec.to_json(),
                "recordings": [
                    {
                        **asdict(outcome.recording),
                        "path": str(outcome.recording.path),
                        "key": self._keys[outcome.recording.recording_id],
                        "status": outcome.status,
                        "message": outcome.message,
                    }
                    for outcome in outcomes
                ],
            }
        )
        return write_overview(outcomes, self._output, self._settings, self._spec)

    def _outcome(
        self, recording: Recording, *, reused: bool = False, seconds: float = 0.0
    ) -> Outcome:
        result = StoredResult.read(self._store.directory(self._keys[recording.recording_id]))
        return Outcome(
            recording=recording,
            status="partial" if result.loss else "done",
            message=result.loss,
            reused=reused,
            seconds=seconds,
            result=result,
        )

    def _add(self, outcome: Outcome) -> None:
        self._outcomes[outcome.recording.recording_id] = outcome
        self._listener.finished(outcome)
        candidate = outcome.recording.candidate_id
        own = [r for r in self._found if r.candidate_id == candidate]
        if all(r.recording_id in self._outcomes for r in own):
            outcomes = [self._outcomes[r.recording_id] for r in own]
            write_candidate(outcomes, self._output, self._settings, self._spec)


def _check_paths(root: Path, output: Path) -> None:
    if not root.exists():
        raise SettingsError(
            "no such file or directory", remedy="Give the directory of the recordings.", path=root
        )
    inside = root.resolve() if root.is_dir() else root.resolve().parent / root.name
    if output.resolve() == inside or inside in output.resolve().parents:
        raise SettingsError(
            "the reports must not lie among the recordings",
            remedy="Give an output directory outside of it.",
            path=output,
        )
    if output.exists() and not output.is_dir():
        raise SettingsError("is a file", remedy="Give a directory for the reports.", path=output)


def _check_candidates(root: Path, output: Path, found: Sequence[Recording]) -> None:
    """No candidate's directory may be the input or lie above it."""
    inside = root.resolve()
    for recording in found:
        directory = (output / recording.candidate_id).resolve()
        if directory == inside or directory in inside.parents:
            raise SettingsError(
                f"the report of {recording.candidate_id!r} would lie among the recordings",
                remedy="Give an output directory elsewhere.",
                path=output,
            )


def _pending(wanted: Sequence[Recording], keys: dict[str, str]) -> list[Recording]:
    """What is to be analysed: recordings of equal bytes once, the largest files first."""
    by_key: dict[str, Recording] = {}
    for recording in wanted:
        same = keys[recording.recording_id] if recording.sha256 else recording.recording_id
        by_key.setdefault(same, recording)
    return sorted(by_key.values(), key=_size, reverse=True)


def _size(recording: Recording) -> int:
    try:
        return recording.path.stat().st_size
    except OSError:
        return 0
