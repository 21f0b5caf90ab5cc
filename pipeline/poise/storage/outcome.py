"""What became of one recording, with its stored result."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import PoiseError
from poise.storage.result_format import StoredResult
from poise.types import Recording

SHOWN = ("done", "partial", "failed")  # statuses of what reports and index tell


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recording.

    Args:
        recording: Which.
        status: `done`, `partial` or `failed`; `planned` (dry run), `pending` (not analysed yet),
            `not_consented` or `expired` (not to be analysed).
        message: What was lost or why it failed, in plain words.
        error: Why it failed; its notes hold the traceback of an unexpected failure.
        reused: Whether the result was there before.
        seconds: Time the analysis took.
        result: None unless there is one.
    """

    recording: Recording
    status: str
    message: str = ""
    error: PoiseError | None = None
    reused: bool = False
    seconds: float = 0.0
    result: StoredResult | None = None
