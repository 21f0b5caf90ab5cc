"""A batch: find the recordings, analyse what is not yet done, write reports and tables."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence, Set
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from poise.batch.bookkeeping import Batch
from poise.batch.discovery import discover
from poise.batch.outcomes import Listener, Plan, RunResult
from poise.batch.pool import Pool
from poise.batch.purge import purge_expired, purge_withdrawn
from poise.batch.worker import Done, Task
from poise.errors import DiskFullError, SettingsError, UnfinishedError
from poise.expression.device import choose_device
from poise.expression.model_spec import SHIPPED_MODEL, ModelSpec, read_spec
from poise.reports.content import rehearse
from poise.settings import Settings
from poise.storage.fingerprints import Intake, settle, still_growing, take_in
from poise.storage.given_segments import with_segments
from poise.storage.ledger import LEDGER_FILE, Ledger
from poise.storage.outcome import Outcome
from poise.storage.result_store import HOUSE, ResultStore
from poise.system.atomic_files import Reserve, Stamp, free_bytes, private, sweep_drafts
from poise.system.directory_lock import held
from poise.system.interrupts import undisturbed
from poise.system.run_log import RunLog, versions
from poise.types import Recording, Status

__all__ = ["Listener", "Plan", "RunResult", "analyze"]

_ROOM_BYTES = 64_000_000  # for tables, pages and the ledger
_ROOM_EACH_BYTES = 1_000_000  # result and report of a recording
_MANY_JOBS = 16
_CROPS_SHARE = 0.3  # of a recording's size, at most, wait on disk while it is analysed


def analyze(
    recordings: Path | str,
    output: Path | str,
    settings: Settings | None = None,
    *,
    force: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    wait: bool = False,
    debug: bool = False,
    listener: Listener | None = None,
) -> RunResult:
    """Analyse the recordings below a directory and write reports and tables.

    Interrupted (KeyboardInterrupt), it writes what is there before it passes that on; the same
    call goes on from there.

    Args:
        recordings: Directory of the recordings, or a single one. Never written to.
        output: Directory of the reports, outside of it.
        settings: Defaults if None.
        force: Analyse also what is done.
        strict: Stop at the first recording that fails.
        dry_run: Only say what would be done.
        wait: Wait for another run into the same directory instead of refusing.
        debug: Keep tracebacks in the log.
        listener: Told of the plan and of each recording.

    Returns:
        What became of every recording.

    Raises:
        SettingsError: If a path or a setting cannot be used, or another run holds the directory.
        ModelError: If the model cannot be loaded.
        ReportError: If nothing can be written to `output`, or there is too little room.
        VideoError: With `strict`, the first failure.
    """
    started = time.monotonic()
    settings, listener = settings or Settings(), listener or Listener()
    root, target = Path(recordings), Path(output)
    _check_paths(root, target)
    rehearse(settings)
    spec = read_spec(Path(settings.model) if settings.model else SHIPPED_MODEL)
    device = str(choose_device(settings.device))
    found = with_segments(root, discover(root))
    if not found:
        return RunResult(outcomes=[], output=target, index=None, settings=settings, seconds=0.0)
    _check_candidates(root, target, found)
    run = _Run(root, target, settings, spec, device, listener, force, strict, debug)
    if dry_run:
        outcomes = run.imagine(found)
        return RunResult(outcomes=outcomes, output=target, index=None, settings=settings,
                         seconds=time.monotonic() - started)  # fmt: skip
    with private(settings.private), held(target / HOUSE, wait=wait, waiting=run.say_whom):
        batch, index = run.carry_out(found)
    return RunResult(
        outcomes=batch.outcomes(),
        output=target,
        index=index,
        settings=settings,
        seconds=time.monotonic() - started,
        problem=batch.problem,
    )


@dataclass(frozen=True)
class _Run:
    """A run as it was asked for."""

    root: Path
    output: Path
    settings: Settings
    spec: ModelSpec
    device: str
    listener: Listener
    force: bool
    strict: bool
    debug: bool

    def say_whom(self, holder: object) -> None:
        self.listener.noticed(f"Waiting for {holder or 'another process'}.")

    def imagine(self, found: Sequence[Recording]) -> list[Outcome]:
        """What would be done; nothing is changed."""
        store = ResultStore(self.output, read_only=True)
        with ExitStack() as stack:
            ledger = None
            if (store.root / LEDGER_FILE).is_file():
                ledger = stack.enter_context(Ledger(store.root, read_only=True))
            order = self._sort(take_in(found, ledger), store, ledger)
        self.listener.planned(self._plan(order))
        return [
            Outcome(
                recording=r,
                status=order.withheld.get(r.recording_id, Status.PLANNED),
                reused=r.recording_id in order.done,
            )
            for r in order.recordings
        ]

    def carry_out(self, found: Sequence[Recording]) -> tuple[Batch, Path | None]:
        """Do it."""
        house = self.output / HOUSE
        with (
            Ledger(house) as ledger,
            RunLog(house, tracebacks=self.debug) as journal,
            Reserve(house / "reserve") as reserve,
        ):
            if ledger.set_aside:
                self.listener.noticed(
                    "The ledger was damaged and is made anew; the old one is now "
                    f"{ledger.set_aside}. Results are kept."
                )
            store = ResultStore(self.output)
            sweep_drafts(self.output)
            purge_withdrawn(self.output, store, ledger, found)
            purge_expired(self.output, store, ledger, self.settings.retention_days)
            order = self._sort(take_in(found, ledger), store, ledger)
            if self.settings.retention_days:
                ledger.keep_expired(r.sha256 for r in order.recordings)
            plan = self._plan(order)
            self._check_room(plan, order)
            journal.write(
                "start", versions=versions(), settings=self._settings_told(), device=self.device,
                model=self.spec.sha256, recordings=plan.recordings, reused=plan.reused,
            )  # fmt: skip
            batch = Batch(
                order.recordings, order.keys, store=store, ledger=ledger, journal=journal,
                reserve=reserve, output=self.output, settings=self.settings, spec=self.spec,
                listener=self.listener, force=self.force,
            )  # fmt: skip
            batch.plan()
            index = self._work_off(batch, order, plan, store, ledger)
            statuses = [outcome.status for outcome in batch.outcomes()]
            journal.write("end", **{s: statuses.count(s) for s in sorted(set(statuses))})
        return batch, index

    def _work_off(
        self, batch: Batch, order: _Order, plan: Plan, store: ResultStore, ledger: Ledger
    ) -> Path | None:
        """Do what is pending; whatever happens, what is done is written."""
        later = set(order.growing)
        first_failure = None
        try:
            with undisturbed():
                for status in (Status.NOT_CONSENTED, Status.EXPIRED):
                    batch.withhold([n for n, s in order.withheld.items() if s == status], status)
                batch.collect_reused(sorted(order.done))
            with closing(self._execute(_pending(order), order, store, plan)) as results:
                for done in results:
                    if isinstance(done.error, UnfinishedError):
                        later.add(done.task.recording.recording_id)
                        continue
                    with undisturbed():
                        batch.collect(done)
                    if done.error and self.strict:
                        first_failure = done.error
                    if batch.problem or first_failure:
                        break
            if later and not batch.problem and not first_failure:
                self._try_again(batch, order, later, store, ledger)
        finally:
            with undisturbed():
                index = batch.finish()
        if first_failure:
            raise first_failure
        return index

    def _try_again(
        self, batch: Batch, order: _Order, later: Set[str], store: ResultStore, ledger: Ledger
    ) -> None:
        """At the end of the run, what was still being written when it was looked at before."""
        recordings = [r for r in order.recordings if r.recording_id in later]
        settled = settle(recordings)
        taken = take_in([r for r in recordings if r.recording_id in settled], ledger)
        again = self._sort(taken, store, ledger)
        for recording in recordings:
            if recording.recording_id not in settled or recording.recording_id in again.growing:
                task = Task(recording=recording, key=order.keys[recording.recording_id])
                with undisturbed():
                    batch.collect(Done(task=task, seconds=0.0, error=still_growing(recording.path)))
        for recording in again.recordings:
            batch.rename(recording, again.keys[recording.recording_id])
        with undisturbed():
            batch.collect_reused(sorted(again.done))
        with closing(self._execute(_pending(again), again, store, None)) as results:
            for done in results:
                with undisturbed():
                    batch.collect(done)
                if batch.problem:
                    break

    def _execute(
        self, pending: Sequence[Recording], order: _Order, store: ResultStore, plan: Plan | None
    ) -> Generator[Done, None, None]:
        """Do what is pending, if anything is: neither processes nor a cluster are bothered else.

        Args:
            plan: To be told to the listener when it is known how many processes there are.
        """
        if not pending:
            if plan:
                self.listener.planned(plan)
            return
        with Pool(self.settings, store, self.listener.noticed) as pool:
            if plan:
                self.listener.planned(replace(plan, jobs=pool.jobs))
            yield from pool.execute(
                [
                    Task(
                        recording=replace(r, path=r.path.absolute()),
                        key=order.keys[r.recording_id],
                        stamp=order.stamps.get(r.recording_id),
                    )
                    for r in pending
                ]
            )

    def _sort(self, taken: Intake, store: ResultStore, ledger: Ledger | None) -> _Order:
        found = taken.recordings
        keys = {r.recording_id: store.key(r, self.settings, self.spec.sha256) for r in found}
        withheld = {r.recording_id: Status.NOT_CONSENTED for r in found if not r.consent}
        done: set[str] = set()
        if not self.force:
            done = {r.recording_id for r in found if r.sha256 and store.has(keys[r.recording_id])}
            expired = ledger.expired() if ledger and self.settings.retention_days else set()
            for recording in found:
                if recording.sha256 in expired and recording.recording_id not in done:
                    withheld[recording.recording_id] = Status.EXPIRED
        return _Order(
            recordings=found,
            keys=keys,
            stamps=taken.stamps,
            growing=taken.growing,
            done=frozenset(done),
            withheld=withheld,
        )

    def _plan(self, order: _Order) -> Plan:
        return Plan(
            recordings=len(order.recordings),
            reused=len(order.done),
            withheld=len(order.withheld),
            bytes_to_read=sum(_size(r) for r in _pending(order)),
            jobs=0,
            device=self.device,
        )

    def _check_room(self, plan: Plan, order: _Order) -> None:
        """Whether the disk has room for the batch, estimated generously.

        Raises:
            DiskFullError: If not.
        """
        pending = _pending(order)
        at_once = sorted(map(_size, pending), reverse=True)[: self.settings.jobs or _MANY_JOBS]
        needed = _ROOM_BYTES + int(_CROPS_SHARE * sum(at_once)) + _ROOM_EACH_BYTES * len(pending)
        free = free_bytes(self.output)
        if pending and free < needed:
            raise DiskFullError(
                f"only {free / 1e6:.0f} MB are free, and the batch may need {needed / 1e6:.0f}",
                remedy="Make room, or give a directory on another disk.",
                path=self.output,
            )

    def _settings_told(self) -> dict[str, Any]:
        """The settings as the log has them."""
        return {**asdict(self.settings), "model": "own" if self.settings.model else "shipped"}


@dataclass(frozen=True, kw_only=True)
class _Order:
    """The recordings, and what is to be done with which.

    Args:
        recordings: All.
        keys: Names of their results.
        stamps: Of their files.
        growing: Those still being written.
        done: Those whose result is there.
        withheld: Those that must not be analysed, and why.
    """

    recordings: list[Recording]
    keys: dict[str, str]
    stamps: dict[str, Stamp]
    growing: frozenset[str]
    done: frozenset[str]
    withheld: dict[str, Status]


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


def _pending(order: _Order) -> list[Recording]:
    """What is to be analysed now: recordings of equal bytes once, the largest files first."""
    by_key: dict[str, Recording] = {}
    for recording in order.recordings:
        name = recording.recording_id
        if name not in order.done | order.growing and name not in order.withheld:
            by_key.setdefault(order.keys[name] if recording.sha256 else name, recording)
    return sorted(by_key.values(), key=_size, reverse=True)


def _size(recording: Recording) -> int:
    try:
        return recording.path.stat().st_size
    except OSError:
        return 0
