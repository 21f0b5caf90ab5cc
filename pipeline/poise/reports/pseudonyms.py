"""Codes in the place of names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from poise.settings import Settings
from poise.storage.outcome import Outcome
from poise.types import Recording


def as_named(outcomes: Sequence[Outcome], settings: Settings) -> list[Outcome]:
    """The outcomes under the names that pages and tables are to show."""
    if not settings.anonymous:
        return list(outcomes)
    return [replace(o, recording=anonymous(o.recording)) for o in outcomes]


def anonymous(recording: Recording) -> Recording:
    """The recording without names: codes made from them, the same in every run."""
    candidate = f"candidate-{_code(recording.candidate_id)}"
    return replace(
        recording,
        candidate_id=candidate,
        display_name=candidate,
        recording_id=f"{candidate}/recording-{_code(recording.recording_id)}",
        note="",
    )


def _code(name: str) -> str:
    return hashlib.sha256(f"poise {name}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
