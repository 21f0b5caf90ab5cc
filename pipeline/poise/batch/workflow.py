"""What is done with which recording of a run, and when: the first analysis begins at once.

Hashes of files that were not seen before are made beside the analysis of others. What a hash says
may come at any time: that the result is there, that another recording has the same bytes, or that
the recording must not be analysed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

from poise.batch.bookkeeping import Batch
from poise.batch.outcomes import Listener, Plan
from poise.batch.workers.capacity import suitable_jobs
from poise.batch.workers.pool import Pool
from poise.batch.workers.worker import Done, Task
from poise.errors import PoiseError, UnfinishedError
from poise.expression.model_spec import ModelSpec
from poise.settings import Settings
from poise.statuses import Status
from poise.storage.fingerprints import (
    Hashed,
    Hashing,
    hash_now,
    recognise,
    remember,
    settle,
    still_growing,
)
from poise.storage.ledger import Ledger
from poise.storage.results.store import ResultStore
from poise.storage.saved_tables import TableFault
from poise.system.atomic_files import Stamp
from poise.system.interrupts import undisturbed
from poise.types import Recording


@dataclass(frozen=True, kw_only=True)
class Order:
    """The recordings as they were found, and what is to be done with which.

    Args:
        seen: All of them.
        keys: Names of their results; passing ones where the bytes are not known yet.
        done: Those whose result is there.
        withheld: Those that must not be analysed, and why.
        unhashed: Those whose bytes are not known yet.
        growing: Those still being written.
    """

    seen: dict[str, Hashed]
    keys: dict[str, str]
    done: frozenset[str]
    withheld: dict[str, Status]
    unhashed: frozenset[str]
    growing: frozenset[str]

    @property
    def recordings(self) -> list[Recording]:
        """All recordings."""
        return [hashed.recording for hashed in self.seen.values()]

    def pending(self) -> list[Recording]:
        """What is to be analysed, as far as it is known; the largest first."""
        return [r for r in self.to_read() if r.recording_id not in self.growing]

    def to_read(self) -> list[Recording]:
        """The same, and what is still being written, which is looked at in the end."""
        left = set(self.seen) - self.done - set(self.withheld)
        return sorted((self.seen[name].recording for name in left), key=size_of, reverse=True)


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """The rules of what is done with a recording.

    Args:
        store, settings, spec: Of the run.
        expired: SHA-256 of recordings whose results grew too old.
        barred: Recordings that a wrong line in a table keeps from being analysed, and which.
        force: Whether what is done is done again.
    """

    store: ResultStore
    settings: Settings
    spec: ModelSpec
    expired: frozenset[str] = frozenset()
    barred: Mapping[str, TableFault] = field(default_factory=dict)
    force: bool = False

    def key(self, recording: Recording) -> str:
        """Name of the result of a recording."""
        return self.store.key(recording, self.settings, self.spec)

    def is_done(self, recording: Recording) -> bool:
        """Whether its result is there and will do."""
        return bool(recording.sha256) and not self.force and self.store.has(self.key(recording))

    def withheld(self, recording: Recording) -> Status | None:
        """Why it must not be analysed; None if it may."""
        if not recording.consent:
            return Status.NOT_CONSENTED
        if recording.recording_id in self.barred:
            return Status.FAILED
        if not self.force and recording.sha256 in self.expired and not self.is_done(recording):
            return Status.EXPIRED
        return None

    def order(self, seen: Iterable[Hashed]) -> Order:
        """What is to be done with which of the recordings."""
        found = {hashed.recording.recording_id: hashed for hashed in seen}
        recordings = {name: hashed.recording for name, hashed in found.items()}
        withheld = {n: why for n, r in recordings.items() if (why := self.withheld(r))}
        growing = frozenset(n for n, h in found.items() if h.growing)
        return Order(
            seen=found,
            keys={name: self.key(r) for name, r in recordings.items()},
            done=frozenset(n for n, r in recordings.items() if self.is_done(r)) - set(withheld),
            withheld=withheld,
            unhashed=frozenset(
                n for n, h in found.items()
                if h.stamp and not h.recording.sha256 and n not in withheld
            ) - growing,
            growing=growing,
        )  # fmt: skip


@dataclass(kw_only=True)
class Workflow:
    """The work of a run.

    Args:
        batch: Takes what came of it.
        order, sorting: What is to be done.
        ledger: Told of hashes.
        listener: Told of the plan once it is known how many processes there are.
        plan: What it is told, but for what is known only then.
        strict: Whether to stop at the first failure.

    Attributes:
        first_failure: With `strict`, why it stopped.
    """

    batch: Batch
    order: Order
    sorting: Sorting
    ledger: Ledger
    listener: Listener
    plan: Plan
    strict: bool = False
    first_failure: PoiseError | None = None
    _pool: Pool | None = field(default=None, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _stamps: dict[str, Stamp | None] = field(default_factory=dict, init=False)
    _ready: dict[str, Recording] = field(default_factory=dict, init=False)
    _later: dict[str, Recording] = field(default_factory=dict, init=False)
    _begun: set[str] = field(default_factory=set, init=False)  # keys
    _failed: dict[str, Done] = field(default_factory=dict, init=False)  # by key
    _told: bool = field(default=False, init=False)

    def carry_out(self) -> None:
        """Do all of it, as far as nothing stops it."""
        order = self.order
        self._stamps = {name: hashed.stamp for name, hashed in order.seen.items()}
        self._later = {name: order.seen[name].recording for name in order.growing}
        with undisturbed():
            for status in dict.fromkeys(order.withheld.values()):
                self.batch.withhold([n for n, s in order.withheld.items() if s == status], status)
            damaged = self.batch.collect_reused(sorted(order.done))
        self._ready = {name: order.seen[name].recording for name in damaged}
        self._ready |= {
            r.recording_id: r for r in order.pending() if r.recording_id not in order.unhashed
        }
        unhashed = [order.seen[r.recording_id] for r in order.pending()
                    if r.recording_id in order.unhashed]  # fmt: skip
        with closing(Hashing(unhashed)) as hashing, self._stack:
            self._analyse(hashing)
            if self._later and not self._stopped:
                self._try_again()
        if not self._stopped:
            self._miss_none()

    @property
    def _stopped(self) -> bool:
        return bool(self.batch.problem or self.first_failure)

    def _analyse(self, hashing: Hashing, *, last: bool = False) -> None:
        """Analyse what is ready, and what becomes so meanwhile."""
        while not self._stopped:
            while not self._ready and hashing.left:
                self._sort_in(hashing.take(wait=True))
            few = self.sorting.settings.jobs or suitable_jobs()
            while hashing.left and len(self._ready) + hashing.left < few:
                self._sort_in(hashing.take(wait=True))  # so few that long ones may have to be cut
            tasks = self._next_tasks()
            if not tasks:
                if not hashing.left:
                    break
                continue
            pool = self._started()

            def more() -> list[Task]:
                self._sort_in(hashing.take())
                return self._next_tasks()

            further = more if hashing.left else None
            with closing(pool.execute(tasks, further)) as results:  # type: ignore[type-var]
                for done in results:
                    self._collect(done, last=last)
                    if self._stopped:
                        return
        if not self._told and not self._later:
            self._tell_plan(0)

    def _started(self) -> Pool:
        """The processes: neither they nor a cluster are bothered where there is nothing to do."""
        if self._pool is None:
            sorting = self.sorting
            self._pool = self._stack.enter_context(
                Pool(sorting.settings, sorting.store, self.listener.noticed)
            )
            self._tell_plan(self._pool.jobs)
        return self._pool

    def _tell_plan(self, jobs: int) -> None:
        """Tell the listener; recordings whose hash said that they are done are counted by now."""
        self._told = True
        late = [n for n in self.order.unhashed if self.batch.has_outcome(n)]
        known = sum(size_of(self.order.seen[name].recording) for name in late)
        self.listener.planned(
            replace(
                self.plan,
                jobs=jobs,
                reused=self.plan.reused + len(late),
                bytes_to_read=max(0, self.plan.bytes_to_read - known),
            )
        )

    def _next_tasks(self) -> list[Task]:
        """What is ready, the largest first; recordings of equal bytes once."""
        tasks = []
        for recording in sorted(self._ready.values(), key=size_of, reverse=True):
            key = self.batch.key_of(recording)
            if key not in self._begun:
                self._begun.add(key)
                tasks.append(
                    Task(
                        recording=recording,
                        key=key,
                        stamp=self._stamps.get(recording.recording_id),
                    )
                )
        self._ready.clear()
        return tasks

    def _collect(self, done: Done, *, last: bool) -> None:
        """Take in what a worker answered."""
        name, key = done.task.recording.recording_id, done.task.key
        if isinstance(done.error, UnfinishedError) and not last:
            with undisturbed():
                self._put_off(name, key)
            return
        with undisturbed():
            self.batch.collect(done)
        if done.error:
            self._failed[key] = done
            if self.strict:
                self.first_failure = done.error

    def _put_off(self, name: str, key: str) -> None:
        """Look again later at a recording that changed; its twins, which did not, go on."""
        recording = replace(self.batch.recording(name), sha256="")
        self._later[name] = recording
        self.batch.rename([(recording, self.sorting.key(recording))])
        self._begun.discard(key)
        self._ready |= {twin: self.batch.recording(twin) for twin in self.batch.waiting_for(key)}

    def _sort_in(self, fresh: Sequence[Hashed]) -> None:
        """What is to be done with recordings whose bytes are known by now."""
        if not fresh:
            return
        with undisturbed():
            remember(fresh, self.ledger)
            self.batch.rename([(h.recording, self.sorting.key(h.recording)) for h in fresh])
            for hashed in fresh:
                self._sort_in_one(hashed)

    def _sort_in_one(self, hashed: Hashed) -> None:
        recording = hashed.recording
        name, key = recording.recording_id, self.batch.key_of(recording)
        self._stamps[name] = hashed.stamp
        if hashed.growing:
            self._later[name] = recording
        elif (why := self.sorting.withheld(recording)) is not None:
            self.batch.withhold([name], why)
        elif self.sorting.is_done(recording):
            if self.batch.collect_reused([name]):
                self._begun.discard(key)
                self._ready[name] = recording
        elif key in self._failed:
            self.batch.collect(self._failed[key])
        elif key not in self._begun:  # otherwise it is collected with its twin
            self._ready[name] = recording

    def _try_again(self) -> None:
        """At the end of the run, what was still being written when it was looked at before."""
        recordings = list(self._later.values())
        settled = settle(recordings)
        self._later.clear()
        again = [h for h in recognise(recordings, None) if h.recording.recording_id in settled]
        hashed = [hash_now(h) for h in again]
        self._sort_in(hashed)
        for recording in recordings:
            name = recording.recording_id
            if name not in settled or name in self._later:
                self._ready.pop(name, None)
                self._give_up(recording, still_growing(recording.path))
        self._later.clear()
        with closing(Hashing([])) as none:
            self._analyse(none, last=True)

    def _miss_none(self) -> None:
        """Every recording has an outcome, also where this module has a fault."""
        for recording in self.order.recordings:
            if not self.batch.has_outcome(recording.recording_id):
                error = PoiseError("it was not analysed", remedy="Run the same command again.")
                self._give_up(self.batch.recording(recording.recording_id), error)

    def _give_up(self, recording: Recording, error: PoiseError) -> None:
        task = Task(recording=recording, key=self.batch.key_of(recording))
        with undisturbed():
            self.batch.collect(Done(task=task, seconds=0.0, error=error))


def size_of(recording: Recording) -> int:
    """Bytes of a recording; 0 if it has gone."""
    try:
        return recording.path.stat().st_size
    except OSError:
        return 0
