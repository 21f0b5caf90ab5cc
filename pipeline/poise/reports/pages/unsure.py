"""Recordings of which it is not sure whom they show: told to the centre, never to a candidate."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from poise.analysis.people.sessions import doubts
from poise.storage.results.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Unsure:
    """A recording of which it is not sure whom it shows.

    Args:
        candidate_id, display_name: Whose it is.
        recording_id: Which.
        doubt: Why, a code of `poise.faces.candidate` or `poise.analysis.people.sessions`.
        faces: Small pictures as data addresses: of who was taken for the candidate, then of others.
    """

    candidate_id: str
    display_name: str
    recording_id: str
    doubt: str
    faces: tuple[str, ...]


def unsure_recordings(outcomes: Sequence[Outcome], *, faces: bool = True) -> list[Unsure]:
    """All such recordings, by candidate; with their faces or without."""
    of_candidate: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        of_candidate.setdefault(outcome.recording.candidate_id, []).append(outcome)
    found = []
    for own in of_candidate.values():
        seen = {o.recording.recording_id: o.result.read_identity() for o in own if o.result}
        doubt_of = doubts({name: who for name, who in seen.items() if who is not None})
        found += [
            Unsure(
                candidate_id=o.recording.candidate_id,
                display_name=o.recording.display_name,
                recording_id=o.recording.recording_id,
                doubt=doubt_of[o.recording.recording_id],
                faces=_faces(o) if faces else (),
            )
            for o in own
            if o.recording.recording_id in doubt_of
        ]
    return found


def doubt_codes(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Why it is not sure whom a recording shows, by recording; those that are sure are absent."""
    return {one.recording_id: one.doubt for one in unsure_recordings(outcomes, faces=False)}


def _faces(outcome: Outcome) -> tuple[str, ...]:
    assert outcome.result is not None
    pictures = sorted(outcome.result.directory.glob("face-*.jpg"))
    encoded = [base64.b64encode(picture.read_bytes()).decode() for picture in pictures]
    return tuple(f"data:image/jpeg;base64,{text}" for text in encoded)
