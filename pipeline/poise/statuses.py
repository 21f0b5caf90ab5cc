"""What can become of a recording; handed on by `poise.types`."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of a recording; the value is what ledger, tables and JSON say."""

    DONE = "done"
    PARTIAL = "partial"  # read as far as possible
    FAILED = "failed"
    NOT_CONSENTED = "not_consented"  # candidates.csv says no
    EXPIRED = "expired"  # its result was purged for its age
    FORGOTTEN = "forgotten"  # of a person who was purged
    DUPLICATE = "duplicate"  # the same file as another of the candidate's, which stands for both
    PENDING = "pending"  # not analysed yet
    RUNNING = "running"  # being analysed now
    PLANNED = "planned"  # in a dry run


SHOWN = (Status.DONE, Status.PARTIAL, Status.FAILED)  # have a place in reports
WITHHELD = (
    Status.NOT_CONSENTED, Status.EXPIRED, Status.FORGOTTEN, Status.DUPLICATE,
)  # have none, and nothing went wrong  # fmt: skip
