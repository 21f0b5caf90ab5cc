"""The bookkeeping of a batch: outcomes as they come in, reports when a candidate's are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from poise import __version__
from poise.batch.outcomes import WHY_WITHHELD, Listener
from poise.batch.worker import Done
from poise.errors import DiskFullError, PoiseError
from poise.expression.model_spec import ModelSpec
from poise.reports.candidates import write_candidate, write_overview
from poise.settings import Settings
from poise.storage.ledger import Entry, Ledger
from poise.storage.outcome import Outcome
from poise.storage.result_format import StoredResult
from poise.storage.result_store import ResultStore
from poise.storage.stored_segments import keep_given
from poise.system.atomic_files import Reserve
from poise.system.run_log import RunLog
from poise.types import SHOWN, Recording, Status

_AT_ONCE = 2  # reports written at most while workers wait to be heard
_UNSEEN = frozenset({"device", "gpu_server", "batch_size", "jobs", "cluster", "stall_timeout_s",
                     "retention_days", "private"})  # in reports and tables  # fmt: skip


class Batch:
    """Outcomes as they come in.

    Args:
        found: All recordings.
        keys: Names of their results.
        store, ledger, journal, reserve: Of the directory of reports.
        output: That directory.
        settings, spec, listener: Of the run.

    Attributes:
        problem: Why nothing more can be written; None as long as it can.
    """

    def __init__(
        self,
        found: Sequence[Recording],
        keys: dict[str, str],
        *,
        store: ResultStore,
        ledger: Ledger,
        journal: RunLog,
        reserve: Reserve,
        output: Path,
        settings: Settings,
        spec: ModelSpec,
        listener: Listener,
        force: bool = False,
    ) -> None:
        self._found, self._keys = {r.recording_id: r for r in found}, keys
        self._store, self._ledger, self._journal, self._reserve = store, ledger, journal, reserve
        self._output, self._settings, self._spec = output, settings, spec
        self._listener, self._force = listener, force
        self._outcomes: dict[str, Outcome] = {}
        self._unwritten: dict[str, None] = {}  # candidates whose report is behind, in order
        self._unrecorded: dict[str, Outcome] = {}
        self.problem: PoiseError | None = None

    def plan(self) -> None:
        """Enter all recordings as pending, before anything is analysed."""
        entries = [Entry(recording=r, key=self._keys[r.recording_id]) for r in self._found.values()]
        self._ledger.plan(asdict(self._settings), self._spec.to_json(), entries)

    def collect_reused(self, known: Iterable[str]) -> None:
        """Take in the recordings whose results are there.

        Reports that are behind are written bit by bit, as others come in: work begins first.
        """
        self._add([self._read(self._found[name], reused=True) for name in known], writing=0)

    def withhold(self, names: Iterable[str], status: Status) -> None:
        """Take in recordings that must not be analysed."""
        self._add(
            [
                Outcome(recording=self._found[name], status=status, message=WHY_WITHHELD[status])
                for name in names
            ]
        )

    def collect(self, done: Done) -> None:
        """Take in what a worker answered; of a full disk, that nothing more can be done."""
        if isinstance(done.error, DiskFullError):
            self._stop_writing(done.error)
            return
        recording = self._found[done.task.recording.recording_id]
        twins = [
            r for r in self._found.values()
            if self._keys[r.recording_id] == done.task.key and r.sha256 and r.consent
            and r.recording_id not in self._outcomes
        ]  # fmt: skip
        outcomes = [
            _failed(twin, done) if done.error else self._read(twin, seconds=done.seconds)
            for twin in (twins if recording.sha256 else [recording])
        ]
        self._add(outcomes, done)

    def rename(self, recording: Recording, key: str) -> None:
        """Replace a recording whose bytes are known only now."""
        self._found[recording.recording_id] = recording
        self._keys[recording.recording_id] = key

    def outcomes(self) -> list[Outcome]:
        """All so far, in order of the recordings."""
        return [self._outcomes[name] for name in self._found if name in self._outcomes]

    def finish(self) -> Path | None:
        """Write what is left to write: reports that are behind, index and tables.

        Returns:
            The index; None if the disk is full even for that.
        """
        self._reserve.release()
        index = None
        behind = {*self._unwritten} | {
            o.recording.candidate_id
            for o in self.outcomes()
            if not self._is_complete(o.recording.candidate_id)
        }
        if self.problem:
            message = f"not analysed: {self.problem.cause}. {self.problem.remedy}"
            for name, recording in self._found.items():
                if name not in self._outcomes:
                    self._outcomes[name] = Outcome(
                        recording=recording, status=Status.PENDING, message=message
                    )
        outcomes = self.outcomes()
        try:
            for candidate in sorted(behind):
                self._write_candidate(candidate)
            index = write_overview(outcomes, self._output, self._settings, self._spec)
            self._ledger.record([self._entry(o) for o in self._unrecorded.values()])
            self._ledger.end()
        except DiskFullError as error:
            self.problem = self.problem or error
        return index

    def _read(self, recording: Recording, *, reused: bool = False, seconds: float = 0.0) -> Outcome:
        directory = self._store.directory(self._keys[recording.recording_id])
        if recording.segments is not None:
            keep_given(directory, recording.recording_id, recording.segments)
        result = StoredResult.read(directory, recording.recording_id)
        return Outcome(
            recording=recording,
            status=Status.PARTIAL if result.loss else Status.DONE,
            message=result.loss,
            reused=reused,
            seconds=seconds,
            result=result,
        )

    def _add(
        self, outcomes: Sequence[Outcome], done: Done | None = None, *, writing: int = _AT_ONCE
    ) -> None:
        """Take in outcomes, and write so many of the reports that are behind, theirs first."""
        for outcome in outcomes:
            name = outcome.recording.recording_id
            self._outcomes[name] = outcome
            self._unrecorded[name] = outcome
            self._journal.write("recording", id=name, **_facts(outcome, done),
                                **self._journal.failure(outcome.error))  # fmt: skip
            self._listener.finished(outcome)
        own = [
            c for c in {o.recording.candidate_id: None for o in outcomes} if self._is_complete(c)
        ]
        self._unwritten |= dict.fromkeys(own)
        behind = [*own, *(c for c in self._unwritten if c not in own)][:writing]
        try:
            self._ledger.record([self._entry(o) for o in self._unrecorded.values()])
            self._unrecorded.clear()
            for candidate in behind:
                self._write_candidate(candidate)
        except DiskFullError as error:
            self._stop_writing(error)

    def _stop_writing(self, error: DiskFullError) -> None:
        self.problem = self.problem or error
        self._reserve.release()

    def _is_complete(self, candidate: str) -> bool:
        return all(
            name in self._outcomes for name, r in self._found.items() if r.candidate_id == candidate
        )

    def _write_candidate(self, candidate: str) -> None:
        """Write a report and its tables, unless they are there, made from the very same."""
        own = [
            o for o in self.outcomes()
            if o.recording.candidate_id == candidate and o.status in SHOWN
        ]  # fmt: skip
        if own:
            made_from = self._fingerprint(own)
            before, files = self._ledger.report(candidate)
            there = files and all((self._output / file).is_file() for file in files)
            if self._force or before != made_from or not there:
                written = write_candidate(own, self._output, self._settings, self._spec)
                paths = [*written.reports, *written.tables]
                files = [path.relative_to(self._output).as_posix() for path in paths]
                self._ledger.report_written(candidate, made_from, files)
        self._unwritten.pop(candidate, None)

    def _fingerprint(self, outcomes: Sequence[Outcome]) -> str:
        """Of all that a candidate's report and tables are made from."""
        made_from = [
            _code(self._settings),
            {k: v for k, v in asdict(self._settings).items() if k not in _UNSEEN},
            self._spec.sha256,
            [[asdict(o.recording), self._entry(o).key, o.status, o.message] for o in outcomes],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, default=str).encode()).hexdigest()

    def _entry(self, outcome: Outcome) -> Entry:
        return Entry(
            recording=outcome.recording,
            key=self._keys[outcome.recording.recording_id],
            status=outcome.status,
            message=outcome.message,
        )


def _failed(recording: Recording, done: Done) -> Outcome:
    assert done.error is not None
    message = " ".join(filter(None, [done.error.cause + ".", done.error.remedy]))
    return Outcome(
        recording=recording,
        status=Status.FAILED,
        message=message,
        error=done.error,
        seconds=done.seconds,
    )


def _facts(outcome: Outcome, done: Done | None) -> Mapping[str, object]:
    facts: dict[str, object] = {"status": outcome.status, "reused": outcome.reused}
    if outcome.message:
        facts["message"] = outcome.message
    if done is not None:
        facts["seconds"] = round(done.seconds, 3)
        facts["stages"] = {name: round(seconds, 3) for name, seconds in done.stages.items()}
        facts["warnings"] = list(done.warnings)
    return facts


def _code(settings: Settings) -> str:
    """Which Poise writes the reports: its version, and when its files were changed last."""
    places = [Path(name) for name in (settings.centre_logo, settings.templates) if name]
    places += [Path(str(resources.files(package))) for package in ("poise", "poise.templates")]
    files = [
        file
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file() and file.suffix != ".pyc"
    ]
    return f"{__version__} {max(file.stat().st_mtime_ns for file in files)}"
