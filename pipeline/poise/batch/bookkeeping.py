"""The bookkeeping of a batch: outcomes as they come in, reports when a candidate's are there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from poise import __version__
from poise.batch.beyond_end import beyond_end
from poise.batch.outcomes import WHY_WITHHELD, Listener, outcome_of, without_duplicates
from poise.batch.workers.worker import Done
from poise.errors import DamagedResultError, DiskFullError, PoiseError, VideoError
from poise.expression.model_spec import ModelSpec
from poise.reports.left_aside import write_left_aside
from poise.settings import Settings
from poise.statuses import SHOWN, Status
from poise.storage.ledger import Entry, Ledger
from poise.storage.results.beside import keep_notes
from poise.storage.results.exclusion import without_excluded
from poise.storage.results.format import StoredResult
from poise.storage.results.outcome import LeftAside, Outcome
from poise.storage.results.owners import claim
from poise.storage.results.segments import keep_given
from poise.storage.results.store import ResultStore
from poise.storage.saved_tables import TableFault
from poise.system.atomic_files import Reserve, stamp_of
from poise.system.run_log import RunLog
from poise.types import Recording

_AT_ONCE = 2  # reports written at most while workers wait to be heard
# Settings that reports and tables show nothing of.
_UNSEEN = frozenset({"device", "decode", "gpu_server", "batch_size", "jobs", "cluster",
                     "stall_timeout_s", "retention_days", "private"})  # fmt: skip


class Batch:
    """Outcomes as they come in.

    Args:
        found: All recordings.
        keys: Names of their results.
        store, ledger, journal, reserve: Of the directory of reports.
        output: That directory.
        settings, spec, listener: Of the run.
        root: The directory of the recordings.
        left_aside: What lies there and is not analysed.
        barred: Recordings that a wrong line in a table keeps from being analysed, and which.
        force: Whether reports are written again that need not be.

    Attributes:
        left_aside: With lines of tables that tell of moments behind a recording's end.
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
        root: Path,
        left_aside: Sequence[LeftAside] = (),
        barred: Mapping[str, TableFault] = MappingProxyType({}),
        force: bool = False,
    ) -> None:
        self._found, self._keys = {r.recording_id: r for r in found}, dict(keys)
        self._names: dict[str, list[str]] = {}  # of recordings, by the key of their result
        for recording in found:
            self._names.setdefault(keys[recording.recording_id], []).append(recording.recording_id)
        self._root, self.left_aside = root, list(left_aside)
        self._store, self._ledger, self._journal, self._reserve = store, ledger, journal, reserve
        self._output, self._settings, self._spec = output, settings, spec
        self._listener, self._force, self._barred = listener, force, barred
        self._outcomes: dict[str, Outcome] = {}
        self._unwritten: dict[str, None] = {}  # candidates whose report is behind, in order
        self._unrecorded: dict[str, Outcome] = {}
        self.problem: PoiseError | None = None

    def plan(self) -> None:
        """Enter all recordings as pending, before anything is analysed."""
        entries = [Entry(recording=r, key=self._keys[r.recording_id]) for r in self._found.values()]
        settings, model, root = asdict(self._settings), self._spec.to_json(), str(self._root)
        self._ledger.plan(settings, model, entries, root=root, left_aside=self.left_aside)
        self._store.remember_run(settings, model, root)

    def collect_reused(self, known: Iterable[str]) -> list[str]:
        """Take in the recordings whose results are there.

        Reports that are behind are written bit by bit, as others come in: work begins first.

        Returns:
            Those whose result is damaged; it has been removed, they are to be analysed again.
        """
        outcomes, damaged = [], []
        for name in known:
            try:
                outcomes.append(self._read(self._found[name], reused=True))
            except DamagedResultError as error:
                self._store.remove(self._keys[name])
                self._journal.write("damaged", id=name, message=str(error.cause))
                damaged.append(name)
        self._add(outcomes, writing=0)
        return damaged

    def withhold(self, names: Iterable[str], status: Status) -> None:
        """Take in recordings that must not be analysed."""
        self._add([self._withheld(name, status) for name in names])

    def _withheld(self, name: str, status: Status) -> Outcome:
        barred = self._barred.get(name)
        if status == Status.FAILED and barred:
            code, message = barred.code, barred.text
        else:
            code, message = str(status), WHY_WITHHELD[status]
        return Outcome(recording=self._found[name], status=status, code=code, message=message)

    def collect(self, done: Done) -> None:
        """Take in what a worker answered; of a full disk, that nothing more can be done."""
        if isinstance(done.error, DiskFullError):
            self._stop_writing(done.error)
            return
        recordings = [self._found[name] for name in self.waiting_for(done.task.key)]
        try:
            outcomes = [
                _failed(r, done) if done.error else self._read(r, seconds=done.seconds)
                for r in recordings
            ]
        except DamagedResultError as error:  # damaged since it was written, or removed
            done = replace(done, error=error)
            outcomes = [_failed(r, done) for r in recordings]
        self._add(outcomes, done)

    def waiting_for(self, key: str) -> list[str]:
        """Recordings that have that result, or will have it, and no outcome yet."""
        return [name for name in self._names.get(key, ()) if name not in self._outcomes]

    def has_outcome(self, recording_id: str) -> bool:
        """Whether it is known what became of a recording."""
        return recording_id in self._outcomes

    def recording(self, recording_id: str) -> Recording:
        """A recording, with what is known of it by now."""
        return self._found[recording_id]

    def key_of(self, recording: Recording) -> str:
        """Name of a recording's result."""
        return self._keys[recording.recording_id]

    def rename(self, recordings: Iterable[tuple[Recording, str]]) -> None:
        """Replace recordings whose bytes are known only now; each with the key of its result."""
        entries = []
        for recording, key in recordings:
            name = recording.recording_id
            self._names[self._keys[name]].remove(name)
            self._names.setdefault(key, []).append(name)
            self._found[name], self._keys[name] = recording, key
            entries.append(Entry(recording=recording, key=key))
        self._ledger.record(entries)  # for who looks on, and if this run is killed

    def outcomes(self) -> list[Outcome]:
        """All so far, in order of the recordings."""
        return without_duplicates(
            self._outcomes[name] for name in self._found if name in self._outcomes
        )

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
                        recording=recording, status=Status.PENDING, code=self.problem.code,
                        message=message,
                    )  # fmt: skip
        outcomes = self.outcomes()
        try:
            for candidate in sorted(behind):
                self._write_candidate(candidate)
            from poise.reports.candidates import write_overview  # and with it pandas

            index = write_overview(
                outcomes, self._output, self._settings, self._spec, self.left_aside
            )
            write_left_aside(self.left_aside, self._output, self._settings)
            self._ledger.leave_aside(self.left_aside)
            twice = [o for o in outcomes if o.status == Status.DUPLICATE]
            self._ledger.record(map(self._entry, [*self._unrecorded.values(), *twice]))
            self._ledger.end()
        except DiskFullError as error:
            self.problem = self.problem or error
        return index

    def _read(self, recording: Recording, *, reused: bool = False, seconds: float = 0.0) -> Outcome:
        key = self._keys[recording.recording_id]
        directory = self._store.directory(key)
        if recording.segments is not None:
            keep_given(directory, recording.recording_id, recording.segments)
        if recording.notes is not None:
            keep_notes(directory, recording.recording_id, recording.notes)
        result = StoredResult.read(directory, recording.recording_id)
        self._tell_of_what_is_beyond(recording, result)
        result = without_excluded(result, self._settings)
        sharing = [self._found[name] for name in self._names[key]]
        claim([r for r in sharing if r.consent and r.sha256 == recording.sha256], directory)
        return outcome_of(recording, result, reused=reused, seconds=seconds)

    def _tell_of_what_is_beyond(self, recording: Recording, result: StoredResult) -> None:
        for fault in beyond_end(recording, result):
            left = LeftAside(name=fault.name, code=fault.code)
            if left not in self.left_aside:
                self.left_aside.append(left)
                self._listener.noticed(fault.text)

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
                from poise.reports.candidates import write_candidate  # and with it pandas

                written = write_candidate(own, self._output, self._settings, self._spec)
                paths = [*written.reports, *written.tables]
                files = [path.relative_to(self._output).as_posix() for path in paths]
                self._ledger.report_written(candidate, made_from, files)
        self._unwritten.pop(candidate, None)

    def _fingerprint(self, outcomes: Sequence[Outcome]) -> str:
        """Of all that a candidate's report and tables are made from."""
        made_from = [
            self._code,
            str(self._output.absolute()),  # pages know the way from here to the recordings
            {k: v for k, v in asdict(self._settings).items() if k not in _UNSEEN},
            self._spec.sha256,
            [[asdict(o.recording), self._entry(o).key, o.status, o.code, o.message]
             for o in outcomes],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, default=str).encode()).hexdigest()

    @cached_property
    def _code(self) -> str:
        return _code(self._settings)

    def _entry(self, outcome: Outcome) -> Entry:
        return Entry(
            recording=outcome.recording,
            key=self._keys[outcome.recording.recording_id],
            status=outcome.status,
            code=outcome.code,
            message=outcome.message,
        )


def _failed(recording: Recording, done: Done) -> Outcome:
    """The failure of a recording; what its text says of the file's place is left out."""
    error = done.error
    assert error is not None
    if not recording.path.exists():
        error = VideoError(
            "it was removed or renamed during the run",
            remedy="Put it back, or run the same command again.",
            path=recording.path,
            code="vanished",
        )
    elif not os.access(recording.path, os.R_OK):
        error = VideoError(
            "it may not be read",
            remedy="Give yourself permission to read it, and run the same command again.",
            path=recording.path,
            code="no_permission",
        )
    message = " ".join(filter(None, [error.cause + ".", error.remedy]))
    for place in (recording.path.resolve().parent, recording.path.absolute().parent):
        message = message.replace(f"{place}{os.sep}", "")
    return Outcome(
        recording=recording,
        status=Status.FAILED,
        code=error.code,
        message=message,
        error=done.error,
        seconds=done.seconds,
    )


def _facts(outcome: Outcome, done: Done | None) -> Mapping[str, object]:
    facts: dict[str, object] = {"status": outcome.status, "reused": outcome.reused}
    if outcome.message:
        facts["message"] = outcome.message
    if outcome.code:
        facts["code"] = outcome.code
    if done is not None:
        facts["seconds"] = round(done.seconds, 3)
        facts["stages"] = {name: round(seconds, 3) for name, seconds in done.stages.items()}
        facts["warnings"] = list(done.warnings)
    return facts


def _code(settings: Settings) -> str:
    """Which Poise writes the reports, with which logo and templates: sizes and times of all files.

    (A file that takes the place of another may be older.)
    """
    places = [Path(name) for name in (settings.centre_logo, settings.templates) if name]
    places += [Path(str(resources.files(package))) for package in ("poise", "poise.templates")]
    stamps = sorted(
        (str(file), stamp_of(file))
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file() and file.suffix != ".pyc"
    )
    return hashlib.sha256(json.dumps([__version__, stamps]).encode()).hexdigest()
