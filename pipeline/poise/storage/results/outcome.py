"""What became of one recording, with its stored result; and what was left aside."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from poise.errors import PoiseError
from poise.statuses import Status
from poise.storage.results.format import StoredResult
from poise.types import Recording


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recording.

    Args:
        recording: Which.
        status: What became of it.
        code: Of the text that says why, in the reader's language (`error.CODE.cause` and
            `.remedy`); empty where there is nothing to say.
        message: What was lost or why it failed, in English, for the terminal and the log; it may
            name files.
        error: Why it failed; its notes hold the traceback of an unexpected failure.
        reused: Whether the result was there before.
        seconds: Time the analysis took.
        result: None unless there is one.
    """

    recording: Recording
    status: Status
    code: str = ""
    message: str = ""
    error: PoiseError | None = None
    reused: bool = False
    seconds: float = 0.0
    result: StoredResult | None = None


@dataclass(frozen=True, kw_only=True)
class LeftAside:
    """Something that lies among the recordings and was not analysed.

    Args:
        name: Its path below the input directory, with `/`; empty where it may not be named.
        code: Of the text that says why and what to do, as in `Outcome`.
    """

    name: str
    code: str


def tells_of(left: LeftAside, recording_ids: Set[str]) -> bool:
    """Whether something left aside names one of these recordings, or lies where one does."""
    lines = tuple(f"{name} (" for name in recording_ids)  # of tables, see `TableFault.name`
    return left.name.startswith(lines) or place_of(left.name) in set(map(place_of, recording_ids))


def place_of(name: str) -> str:
    """Whose a file is taken to be: its folder at the top, or its own name without the ending."""
    folder, slash, _ = name.partition("/")
    return folder if slash else PurePosixPath(name).stem
