"""Where a batch stands, from its ledger alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from poise.batch.outcomes import count_statuses
from poise.statuses import Status
from poise.storage.ledger import Ledger
from poise.storage.results.outcome import Outcome
from poise.storage.results.store import HOUSE, ResultStore
from poise.system.directory_lock import Holder, holder


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
        """How many recordings have which status, in the order of `Status`."""
        return count_statuses(self.outcomes)

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
    with Ledger(target / HOUSE, read_only=True) as ledger:
        run = ledger.last_run()
        entries = ledger.entries()
    outcomes = [
        Outcome(
            recording=entry.recording,
            status=Status.RUNNING
            if working and entry.status == Status.PENDING and store.is_begun(entry.key)
            else entry.status,
            message=entry.message,
        )
        for entry in entries
    ]
    return State(outcomes=outcomes, holder=working, started=run.started, ended=run.ended)
