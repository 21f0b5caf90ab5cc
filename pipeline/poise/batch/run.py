"""A batch: find the recordings, analyse what is not yet done, write reports and tables."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from poise.batch.bookkeeping import Batch
from poise.batch.forgetting.purge import rewrite_overview
from poise.batch.forgetting.retention import (
    purge_expired,
    purge_withdrawn,
    remove_superseded,
)
from poise.batch.intake.discovery import Discovered, discover
from poise.batch.outcomes import Listener, Plan, RunResult, count_statuses
from poise.batch.workflow import Order, Sorting, Workflow, size_of
from poise.errors import DiskFullError, PoiseError, ReportError, SettingsError
from poise.expression.device_name import device_name
from poise.expression.model_spec import SHIPPED_MODEL, ModelSpec, read_spec
from poise.reports.pages.content import rehearse
from poise.reports.pseudonyms import with_pseudonym
from poise.settings import Settings
from poise.statuses import Status
from poise.storage.fingerprints import Hashed, hash_now, recognise, remember
from poise.storage.forgotten import Forgotten
from poise.storage.given_segments import with_segments
from poise.storage.ledger import LEDGER_FILE, Ledger
from poise.storage.notes import with_notes
from poise.storage.results.outcome import LeftAside, Outcome, place_of
from poise.storage.results.store import HOUSE, ResultStore
from poise.storage.saved_tables import TableFault
from poise.storage.secret import secret_of
from poise.system.atomic_files import Reserve, free_bytes, make_private, private, sweep_drafts
from poise.system.directory_lock import held
from poise.system.interrupts import undisturbed
from poise.system.platform import longest_path
from poise.system.run_log import RunLog, versions
from poise.types import Recording

__all__ = ["Listener", "Plan", "RunResult", "analyze"]

_ROOM_BYTES = 64_000_000  # for tables, pages and the ledger
_ROOM_EACH_BYTES = 1_000_000  # result and report of a recording
_MANY_JOBS = 16
_DEEPEST = 180  # characters of the longest path below the reports
_FAULTS_TOLD = 20  # lines of tables, on the terminal
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
    settings = (settings or Settings()).with_absolute_paths()
    listener = listener or Listener()
    root, target = Path(recordings), Path(output)
    _check_paths(root, target)
    rehearse(settings)
    spec = read_spec(Path(settings.model) if settings.model else SHIPPED_MODEL)
    device = device_name(settings.device)
    if settings.decode == "gpu" and not device.startswith("cuda"):
        raise SettingsError(
            "--decode gpu needs a GPU for the networks, too", remedy="Use --decode auto."
        )
    found = _with_what_is_told(root, discover(root))
    _check_candidates(root, target, found.recordings)
    if strict and found.faults:
        raise found.faults[0].error(root / found.faults[0].table)
    _tell_of_faults(found.faults, listener)
    run = _Run(root, target, settings, spec, device, listener, force, strict, debug)
    if dry_run:
        outcomes, aside = run.imagine(found)
        result = run.result(outcomes, aside, None)
    elif not found.recordings and not (target / HOUSE).is_dir():
        result = run.result([], found.left_aside, None)
    else:
        with private(settings.private), held(target / HOUSE, wait=wait, waiting=run.say_whom):
            result = run.carry_out(found)
    return replace(result, seconds=time.monotonic() - started)


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

    def imagine(self, found: Discovered) -> tuple[list[Outcome], list[LeftAside]]:
        """What would be done; nothing is changed."""
        store = ResultStore(self.output, read_only=True)
        wanted, aside = self._without_forgotten(found, Forgotten(store.root, read_only=True))
        with ExitStack() as stack:
            ledger = None
            if (store.root / LEDGER_FILE).is_file():
                with suppress(ReportError):  # a damaged one says nothing
                    ledger = stack.enter_context(Ledger(store.root, read_only=True))
            seen = [_hashed(h) for h in recognise(wanted, ledger)]
            order = self._sorting(store, ledger, found.barred).order(seen)
        self.listener.planned(self._plan(order))
        outcomes = [
            Outcome(
                recording=r,
                status=order.withheld.get(r.recording_id, Status.PLANNED),
                message=found.barred[r.recording_id].text if r.recording_id in found.barred else "",
                reused=r.recording_id in order.done,
            )
            for r in order.recordings
        ]
        return outcomes, aside

    def carry_out(self, found: Discovered) -> RunResult:
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
            store.sweep()
            if self.settings.private:
                make_private(self.output)
            forgotten, secret = Forgotten(house), secret_of(house)
            wanted, aside = self._without_forgotten(found, forgotten)
            wanted = [with_pseudonym(r, secret) for r in wanted]
            before = _root_before(ledger)
            self._tell_of_other_input(ledger, wanted, before)
            purge_withdrawn(self.output, store, ledger, wanted)
            expired = purge_expired(self.output, store, ledger, self.settings.retention_days)
            if not wanted:
                return self._nothing(aside, expired)
            seen = recognise(wanted, ledger)
            if len(forgotten):  # what has their bytes must not even be entered
                seen, aside = self._hashed_at_once(seen, forgotten, aside, ledger)
            sorting = self._sorting(store, ledger, found.barred)
            order = sorting.order(seen)
            plan = self._plan(order)
            self._check_room(plan, order)
            journal.write(
                "start", versions=versions(), settings=self._settings_told(), device=self.device,
                model=self.spec.sha256, recordings=plan.recordings, reused=plan.reused,
                left_aside=len(aside),
            )  # fmt: skip
            batch = Batch(
                order.recordings, order.keys, store=store, ledger=ledger, journal=journal,
                reserve=reserve, output=self.output, settings=self.settings, spec=self.spec,
                listener=self.listener, root=self.root.absolute(), left_aside=aside,
                barred=found.barred, force=self.force,
            )  # fmt: skip
            index = self._work_off(batch, order, plan, sorting, ledger)
            if before == str(self.root.absolute()) and not batch.problem:
                remove_superseded(self.output, ledger)
            if self.settings.retention_days and not order.unhashed:
                ledger.keep_expired(r.sha256 for r in order.recordings)
            journal.write("end", **count_statuses(batch.outcomes()))
        return self.result(batch.outcomes(), batch.left_aside, index, batch.problem)

    def result(
        self,
        outcomes: list[Outcome],
        aside: list[LeftAside],
        index: Path | None,
        problem: PoiseError | None = None,
    ) -> RunResult:
        return RunResult(
            outcomes=outcomes, output=self.output, index=index, settings=self.settings,
            seconds=0.0, problem=problem, left_aside=aside,
        )  # fmt: skip

    def _nothing(self, aside: list[LeftAside], expired: int) -> RunResult:
        """There are no recordings: pages and tables change only if something grew too old."""
        if expired:
            rewrite_overview(self.output)
        return self.result([], aside, None)

    def _work_off(
        self, batch: Batch, order: Order, plan: Plan, sorting: Sorting, ledger: Ledger
    ) -> Path | None:
        """Do what is pending; whatever happens, what is done is written."""
        batch.plan()
        workflow = Workflow(
            batch=batch, order=order, sorting=sorting, ledger=ledger,
            listener=self.listener, plan=plan, strict=self.strict,
        )  # fmt: skip
        try:
            workflow.carry_out()
        finally:
            with undisturbed():
                index = batch.finish()
        if workflow.first_failure:
            raise workflow.first_failure
        return index

    def _sorting(
        self, store: ResultStore, ledger: Ledger | None, barred: Mapping[str, TableFault]
    ) -> Sorting:
        expired = ledger.expired() if ledger and self.settings.retention_days else set()
        return Sorting(
            store=store, settings=self.settings, spec=self.spec, expired=frozenset(expired),
            barred=barred, force=self.force,
        )  # fmt: skip

    def _without_forgotten(
        self, found: Discovered, forgotten: Forgotten
    ) -> tuple[list[Recording], list[LeftAside]]:
        """Recordings of people who were purged are named here and now, and nowhere else."""
        gone = [r for r in found.recordings if forgotten.knows(r)]
        self._tell_of_forgotten(gone)
        aside = [a for a in found.left_aside if not forgotten.knows_candidate(place_of(a.name))]
        wanted = [r for r in found.recordings if r not in gone]
        aside += _as_left_aside(found.faults, gone)
        return wanted, [*aside, *(LeftAside(name="", code="forgotten") for _ in gone)]

    def _hashed_at_once(
        self,
        seen: Sequence[Hashed],
        forgotten: Forgotten,
        aside: list[LeftAside],
        ledger: Ledger,
    ) -> tuple[list[Hashed], list[LeftAside]]:
        hashed = [_hashed(h) for h in seen]
        gone = [h.recording for h in hashed if forgotten.knows(h.recording)]
        self._tell_of_forgotten(gone)
        left = [h for h in hashed if h.recording not in gone]
        remember(left, ledger)
        return left, [*aside, *(LeftAside(name="", code="forgotten") for _ in gone)]

    def _tell_of_forgotten(self, gone: Sequence[Recording]) -> None:
        for recording in gone:
            self.listener.noticed(
                f"Not read, as it is of a person who was purged: {recording.path}. Delete it, or "
                f"run poise purge {self.output} {recording.candidate_id!r} --undo."
            )

    def _tell_of_other_input(
        self, ledger: Ledger, wanted: Sequence[Recording], before: str
    ) -> None:
        """Say so where people of other recordings would lose their reports to namesakes."""
        if not before or before == str(self.root.absolute()):
            return
        now = {r.candidate_id: r.recording_id for r in wanted}
        replaced = sorted(set(ledger.reported()) & set(now))
        if replaced:
            self.listener.noticed(
                f"These reports were last made from {before}; this run is over "
                f"{self.root.absolute()}. It replaces the reports of {', '.join(replaced)}. If "
                "these are other people of the same name, stop and give another directory."
            )

    def _plan(self, order: Order) -> Plan:
        return Plan(
            recordings=len(order.seen),
            reused=len(order.done),
            withheld=len(order.withheld),
            bytes_to_read=sum(map(size_of, order.to_read())),
            jobs=0,
            device=self.device,
        )

    def _check_room(self, plan: Plan, order: Order) -> None:
        """Whether the disk has room for the batch, estimated generously.

        Raises:
            DiskFullError: If not.
        """
        sizes = list(map(size_of, order.to_read()))
        at_once = sizes[: self.settings.jobs or _MANY_JOBS]
        needed = _ROOM_BYTES + int(_CROPS_SHARE * sum(at_once)) + _ROOM_EACH_BYTES * len(sizes)
        free = free_bytes(self.output)
        if sizes and free < needed:
            raise DiskFullError(
                f"only {free / 1e6:.0f} MB are free, and the batch may need {needed / 1e6:.0f}",
                remedy="Make room, or give a directory on another disk.",
                path=self.output,
                code="room_short",
                values={"free": f"{free / 1e6:.0f}", "needed": f"{needed / 1e6:.0f}"},
            )

    def _settings_told(self) -> dict[str, Any]:
        """The settings as the log has them."""
        return {**asdict(self.settings), "model": "own" if self.settings.model else "shipped"}


def _hashed(seen: Hashed) -> Hashed:
    """The same with its hash, if it can be made."""
    ready = seen.recording.sha256 or seen.growing or seen.stamp is None
    return seen if ready else hash_now(seen)


def _root_before(ledger: Ledger) -> str:
    """What the last run was about; empty if there was none."""
    try:
        return ledger.last_run().root
    except ReportError:
        return ""


def _with_what_is_told(root: Path, found: Discovered) -> Discovered:
    """What was found, with the segments and notes that were given, and what is wrong with them."""
    told, given = with_segments(root, found.recordings)
    noted, wrong = with_notes(root, told)
    return replace(
        found,
        recordings=noted,
        faults=[*found.faults, *given.faults, *wrong],
        barred={**given.barred, **found.barred},
    )


def _tell_of_faults(faults: Sequence[TableFault], listener: Listener) -> None:
    for fault in faults[:_FAULTS_TOLD]:
        listener.noticed(fault.text)
    if len(faults) > _FAULTS_TOLD:
        listener.noticed(f"{len(faults) - _FAULTS_TOLD} more lines of tables cannot be used.")


def _as_left_aside(faults: Sequence[TableFault], gone: Sequence[Recording]) -> list[LeftAside]:
    """Lines of tables that cannot be used, but for those that tell of somebody who was purged."""
    unnamed = {recording.recording_id for recording in gone}
    return [
        LeftAside(name=fault.name, code=fault.code)
        for fault in faults
        if fault.recording_id not in unnamed
    ]


def _check_paths(root: Path, output: Path) -> None:
    if not root.exists():
        raise SettingsError(
            "no such file or directory", remedy="Give the directory of the recordings.", path=root,
            code="nowhere",
        )  # fmt: skip
    inside = root.resolve() if root.is_dir() else root.resolve().parent / root.name
    if output.resolve() == inside or inside in output.resolve().parents:
        raise SettingsError(
            "the reports must not lie among the recordings",
            remedy="Give an output directory outside of it.",
            path=output,
            code="reports_inside",
        )
    if output.exists() and not output.is_dir():
        raise SettingsError(
            "is a file", remedy="Give a directory for the reports.", path=output,
            code="reports_file",
        )  # fmt: skip
    limit = longest_path()
    if limit is not None and len(str(output.absolute())) + _DEEPEST > limit:
        raise SettingsError(
            "its path is too long for what lies below it",
            remedy=f"Give one of at most {limit - _DEEPEST} characters, or enable long paths in "
            "Windows.",
            path=output,
            code="path_long",
        )


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
                code="reports_inside",
            )
