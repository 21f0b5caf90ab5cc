"""What lies on the desk: all recordings, what became of each, and of which one who it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from poise.analysis.people.sessions import doubts
from poise.batch.intake.discovery import Discovered, discover
from poise.desk.batches import Standing
from poise.desk.files import address_of, page_in
from poise.desk.state import Desk
from poise.errors import PoiseError
from poise.identity_findings import IdentityFindings
from poise.statuses import SHOWN, Status
from poise.storage.forgotten import Forgotten
from poise.storage.results.format import read_identity
from poise.storage.results.store import HOUSE, ResultStore
from poise.storage.saved_tables import TableFault
from poise.types import Recording

NEW, GONE = "new", "gone"
"""What a recording is that no run has met yet, and one that lies there no more."""
_OPEN = (Status.PENDING, Status.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A recording on the desk.

    Args:
        recording: As it lies there now, or as the last run met it.
        status: A `Status`, or `NEW` or `GONE`.
        code: Of the text that says why, empty where there is nothing to say.
        seen: How much of it was looked at, 0..1; None unless it is in work.
        report: Address of its candidate's report; None if there is none.
        doubt: Why it is not sure whom it shows; empty if it is sure.
        key: Of its result; empty if there is none.
    """

    recording: Recording
    status: str
    code: str = ""
    seen: float | None = None
    report: str | None = None
    doubt: str = ""
    key: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the recording lies there now."""
        return self.status != GONE


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All of it.

    Args:
        rows: In order of candidates' names, then of dates and of identifiers.
        trouble: Why the recordings cannot be listed as they are now; None if they can.
        faults: Lines of candidates.csv that cannot be used.
    """

    rows: list[Row]
    faults: list[TableFault] = field(default_factory=list)
    trouble: PoiseError | None = None

    def row(self, recording_id: str) -> Row | None:
        """That of a recording; None if it is not on the desk."""
        return next((r for r in self.rows if r.recording.recording_id == recording_id), None)

    def of_candidate(self, candidate_id: str) -> list[Row]:
        """Those of a candidate."""
        return [r for r in self.rows if r.recording.candidate_id == candidate_id]

    def waiting(self) -> int:
        """How many recordings a run would find new."""
        return sum(r.status in (NEW, Status.PENDING) and r.recording.consent for r in self.rows)


@dataclass
class _Identities:
    """Who was seen, by result: each is read once."""

    known: dict[Path, IdentityFindings | None] = field(default_factory=dict)

    def of(self, directory: Path) -> IdentityFindings | None:
        if directory not in self.known:
            try:
                self.known[directory] = read_identity(directory)
            except (OSError, ValueError, KeyError, EOFError):  # damaged: the next run says so
                self.known[directory] = None
        return self.known[directory]


_identities = _Identities()


def overview(desk: Desk, standing: Standing) -> Overview:
    """What lies on the desk now.

    Args:
        desk: Its directories.
        standing: How the batch stands.
    """
    trouble = None
    try:
        found = discover(desk.recordings)
    except PoiseError as error:
        found, trouble = Discovered(recordings=[], left_aside=[]), error
    there = {r.recording_id: r for r in found.recordings}
    names = {**there, **{k: e.recording for k, e in standing.entries.items() if k not in there}}
    doubt_of = _doubts(desk, standing)
    outcomes = standing.state.outcomes if standing.state else []
    told = {o.recording.recording_id: str(o.status) for o in outcomes}
    forgotten = Forgotten(desk.reports / HOUSE, read_only=True)
    rows = []
    for name, recording in names.items():
        entry = standing.entries.get(name)
        status = told.get(name, NEW)
        if name not in there and trouble is None:
            status = GONE
        elif not recording.consent and status in (NEW, *_OPEN):
            status = Status.NOT_CONSENTED
        elif name in found.barred and status in (NEW, *_OPEN):
            status = Status.FAILED
        elif status == NEW and forgotten.knows_candidate(recording.candidate_id):
            status = Status.FORGOTTEN
        rows.append(
            Row(
                recording=recording,
                status=status,
                code=found.barred[name].code
                if name in found.barred
                else (entry.code if entry else ""),
                seen=standing.seen.get(name),
                report=_report(desk, recording),
                doubt=doubt_of.get(name, ""),
                key=entry.key if entry else "",
            )
        )
    return Overview(rows=sorted(rows, key=_place), trouble=trouble, faults=found.faults)


def faces_of(desk: Desk, row: Row) -> list[Path]:
    """Small pictures of the people seen: who was taken for the candidate, then the others."""
    if not row.key:
        return []
    return sorted(_directory(desk, row.key).glob("face-*.jpg"))


def _place(row: Row) -> tuple[str, str, str]:
    own = row.recording
    return own.display_name.casefold(), own.session_date, own.recording_id


def _directory(desk: Desk, key: str) -> Path:
    return ResultStore(desk.reports, read_only=True).directory(key)


def _report(desk: Desk, recording: Recording) -> str | None:
    path = page_in(desk, desk.reports / recording.candidate_id, "report")
    return address_of(desk, path) if path.is_file() else None


def _doubts(desk: Desk, standing: Standing) -> dict[str, str]:
    """Of which recordings it is not sure whom they show, and why."""
    results = desk.reports / HOUSE / "results"
    of_candidate: dict[str, dict[str, IdentityFindings]] = {}
    for name, entry in standing.entries.items():
        if entry.status in SHOWN and entry.status != Status.FAILED:
            found = _identities.of(results / entry.key)
            if found is not None:
                of_candidate.setdefault(entry.recording.candidate_id, {})[name] = found
    return {name: doubt for own in of_candidate.values() for name, doubt in doubts(own).items()}
