"""Codes in the place of names.

A code is a keyed hash of which 64 bits are shown: the same in every run into one directory of
reports, another in every other, and no list of names helps to find whom it stands for.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from poise.settings import Settings
from poise.storage.results.outcome import LeftAside, Outcome
from poise.storage.secret import keyed
from poise.types import Recording

_DIGITS = 16  # hexadecimal, of 4 bits each
_PASSING = secrets.token_bytes(32)  # for recordings that were given no code: the same in a process


def as_named(outcomes: Sequence[Outcome], settings: Settings) -> list[Outcome]:
    """The outcomes under the names that pages and tables are to show."""
    if not settings.anonymous:
        return list(outcomes)
    return [replace(o, recording=anonymous(o.recording), message="") for o in outcomes]


def left_as_named(left: Sequence[LeftAside], settings: Settings) -> list[LeftAside]:
    """What was left aside, under the names that pages and tables are to show."""
    return [replace(a, name="") for a in left] if settings.anonymous else list(left)


def with_pseudonym(recording: Recording, secret: bytes) -> Recording:
    """The recording with the code that stands for it below one directory of reports.

    Args:
        recording: Any.
        secret: From `poise.storage.secret.secret_of`.
    """
    candidate = keyed(secret, "candidate", recording.candidate_id)[:_DIGITS]
    own = keyed(secret, "recording", recording.recording_id)[:_DIGITS]
    return replace(recording, pseudonym=f"candidate-{candidate}/recording-{own}")


def anonymous(recording: Recording) -> Recording:
    """The recording without names: its codes in their place."""
    if not recording.pseudonym:
        recording = with_pseudonym(recording, _PASSING)
    candidate = recording.pseudonym.partition("/")[0]
    return replace(
        recording,
        candidate_id=candidate,
        display_name=candidate,
        recording_id=recording.pseudonym,
        note="",
        portrait=None,
    )
