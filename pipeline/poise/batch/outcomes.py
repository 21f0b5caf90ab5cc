"""What a run is about to do, how it goes, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from poise.batch.intake.dates import session_in
from poise.errors import PoiseError
from poise.media.losses import JOINED
from poise.settings import Settings
from poise.statuses import WITHHELD, Status
from poise.storage.results.format import StoredResult
from poise.storage.results.outcome import LeftAside, Outcome
from poise.types import Recording

WHY_WITHHELD = {
    Status.NOT_CONSENTED: "candidates.csv says that there is no consent; it was not read.",
    Status.EXPIRED: "Its result grew older than retention_days and was purged. Delete the "
    "recording, or analyse it again with --force.",
    Status.FORGOTTEN: "It is of a person who was purged; it was not read. Delete the recording. "
    "To analyse the person again, run poise purge with --undo first.",
}


def outcome_of(
    recording: Recording, result: StoredResult, *, reused: bool = False, seconds: float = 0.0
) -> Outcome:
    """What became of a recording that has a result.

    A recording whose name tells no date has the one when its file was made, as the container says.
    """
    if not recording.session_date:
        session = session_in(recording.recording_id, str(result.info.get("created") or ""))
        recording = replace(recording, session_date=session.day, session_time=session.time)
    return Outcome(
        recording=recording,
        status=Status.PARTIAL if result.loss else Status.DONE,
        code=("joined" if JOINED in result.loss else "partial") if result.loss else "",
        message=result.loss,
        reused=reused,
        seconds=seconds,
        result=result,
    )


def without_duplicates(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The same, where each result stands once for a candidate.

    A file may lie there twice, as `a.mp4` and `a (1).mp4`: both have the same result, which would
    count twice. The one that more is told of is kept, else the one of the shorter name; the others
    become duplicates, without a result.
    """
    told = list(outcomes)
    kept: dict[tuple[str, str], Outcome] = {}
    for outcome in filter(lambda outcome: outcome.result is not None, told):
        same = (outcome.recording.candidate_id, outcome.recording.sha256)
        kept[same] = min(kept.get(same, outcome), outcome, key=_preference)
    return [_once(o, kept.get((o.recording.candidate_id, o.recording.sha256), o)) for o in told]


def _preference(outcome: Outcome) -> tuple[int, int]:
    own = outcome.recording
    given = (own.session_date, own.note, own.segments, own.notes, own.neutral_span_s)
    return -sum(map(bool, given)), len(own.recording_id)


def _once(outcome: Outcome, kept: Outcome) -> Outcome:
    if outcome is kept or outcome.result is None:
        return outcome
    return replace(
        outcome,
        status=Status.DUPLICATE,
        code=str(Status.DUPLICATE),
        message=f"It is the same file as {kept.recording.recording_id}, which stands for both.",
        result=None,
    )


def count_statuses(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many outcomes have which status, in the order of `Status`; those that none has
    are left out."""
    statuses = [outcome.status for outcome in outcomes]
    return {str(s): statuses.count(s) for s in Status if s in statuses}


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did.

    Args:
        outcomes: Of every recording found, in order of their identifiers.
        output: Directory of the reports.
        index: The page that leads to them; None after a dry run, or if it could not be written.
        settings: That were used.
        seconds: The whole run.
        problem: Why the run could not do all that it was to do, such as a full disk.
        left_aside: What lies among the recordings and was not analysed. Recordings of people who
            were forgotten are among them; they have no outcome, as nothing may name them.
    """

    outcomes: list[Outcome]
    output: Path
    index: Path | None
    settings: Settings
    seconds: float
    problem: PoiseError | None = None
    left_aside: list[LeftAside] = field(default_factory=list)

    def count(self, status: Status) -> int:
        """How many recordings have that status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def counts(self) -> dict[str, int]:
        """How many recordings have which status, in the order of `Status`."""
        return count_statuses(self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 all done; 3 some failed and the rest is written; 4 none succeeded or none found."""
        wanted = len(self.outcomes) - sum(self.count(status) for status in WITHHELD)
        failed = self.count(Status.FAILED) + self.count(Status.PENDING)
        if not self.outcomes or (wanted and failed == wanted):
            return 4
        return 3 if failed or self.problem else 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is about to do.

    Args:
        recordings: All that were found.
        reused: Of them, those whose result is there.
        withheld: Of them, those that must not be analysed.
        bytes_to_read: Size of those to be analysed.
        jobs: Processes at most; 0 where none is needed.
        device: Where the networks run.
    """

    recordings: int
    reused: int
    withheld: int = 0
    bytes_to_read: int
    jobs: int
    device: str

    @property
    def pending(self) -> int:
        """How many are to be analysed."""
        return self.recordings - self.reused - self.withheld


@dataclass(frozen=True)
class Listener:
    """Hears how a run goes; the default says nothing."""

    planned: Callable[[Plan], None] = field(default=lambda plan: None)
    finished: Callable[[Outcome], None] = field(default=lambda outcome: None)
    noticed: Callable[[str], None] = field(default=lambda text: None)
