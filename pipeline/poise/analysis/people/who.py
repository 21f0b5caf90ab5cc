"""Who is who in a recording: the candidate among all people, and what may be another's face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from poise.analysis.crop_file import CropFile
from poise.analysis.people.comparing import looked_at
from poise.analysis.people.dissolves import going_over
from poise.analysis.people.tracks import divided, linked, with_cuts_around
from poise.analysis.sightings import Sightings
from poise.faces.appearance import cuts, frozen, is_still
from poise.faces.boxes import part_of_smaller
from poise.faces.candidate import AFTER_A_CUT, STILL, Choice, choose_candidate, is_sure
from poise.faces.identity import Embedder
from poise.faces.people import (
    FaceTrack,
    Person,
    gather_tracks,
    people_by_identity,
    people_by_place,
    same_face,
)
from poise.faces.tracker import Link
from poise.types import FloatArray, Image, IntArray

# Part of the smaller of two boxes that lie over each other: heads side by side share less; and how
# tall the other is, at least: patterns within a face are found as faces now and then.
_OVER, _AS_TALL = 0.2, 0.5
_JUDGED_STILL = 20  # people, the most prominent ones
_NOTABLE = 10  # frames that show them, at least


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Who is who.

    Args:
        track_id: Of each face, int64 [M].
        choice: Who the candidate is.
        motionless: Faces of the candidate that are a picture's or a frozen call's, bool [M].
        undecided: The candidate's faces that may be another's: in a dissolve from or to one, or
            over one, bool [M].
    """

    track_id: IntArray
    choice: Choice
    motionless: npt.NDArray[np.bool_]
    undecided: npt.NDArray[np.bool_]


def rough_choice(seen: Sightings) -> list[FaceTrack]:
    """Tracks that are likely the candidate's, before faces are compared; the longest first."""
    track_id, links = linked(seen)
    return _choose(seen, people_by_place(_tracks(seen, track_id, links, {})), None).tracks


def decide(
    seen: Sightings,
    crops: CropFile,
    embedder: Embedder | None,
    portrait: FloatArray | None = None,
) -> Decision:
    """Say who is who.

    Args:
        seen: All faces of a recording.
        crops: With their chips.
        embedder: What tells people apart; None to do without.
        portrait: Embedding of the candidate's portrait, float32 [128].
    """
    track_id, links = linked(seen)
    if embedder is None:
        people = people_by_place(_tracks(seen, track_id, links, {}))
        choice = _choose(seen, people, None)
        if choice.candidate and choice.doubt != STILL and _changes(seen, choice):
            choice = replace(choice, doubt=AFTER_A_CUT)
    else:
        track_id, links = divided(seen, track_id, links)
        links = with_cuts_around(seen, track_id, links)
        track_id, looks = looked_at(seen, track_id, crops, embedder)
        people = people_by_identity(_tracks(seen, track_id, links, looks))
        choice = _choose(seen, people, portrait)
    return Decision(
        track_id=track_id,
        choice=choice,
        motionless=_motionless(seen, choice),
        undecided=_undecided(seen, choice),
    )


def _tracks(
    seen: Sightings,
    track_id: IntArray,
    links: dict[int, Link],
    looks: dict[int, FloatArray],
) -> list[FaceTrack]:
    return gather_tracks(
        track_id,
        seen.frame,
        seen.boxes,
        seen.thumbnail,
        seen.surroundings,
        seen.size_px,
        links=links,
        looks=looks,
    )


def _choose(seen: Sightings, people: list[Person], portrait: FloatArray | None) -> Choice:
    height = seen.size_px[1]
    prominent = sorted(people, key=lambda p: -p.prominence(height))[:_JUDGED_STILL]
    pictures = {id(p) for p in prominent if is_still(*_through_time(seen, p))}
    return choose_candidate(
        people,
        height,
        still=[id(p) in pictures for p in people],
        sure=[is_sure(p, seen.confidence) for p in people],
        portrait=portrait,
    )


def _through_time(seen: Sightings, person: Person) -> tuple[npt.NDArray[np.float64], Image]:
    rows = person.rows
    return seen.pts_s[seen.frame[rows]], seen.thumbnail[rows]


def _motionless(seen: Sightings, choice: Choice) -> npt.NDArray[np.bool_]:
    marked = np.zeros(len(seen.frame), bool)
    if choice.candidate is None:
        return marked
    times, thumbnails = _through_time(seen, choice.candidate)
    if choice.doubt == STILL or is_still(times, thumbnails):
        marked[choice.candidate.rows] = True
    else:
        marked[choice.candidate.rows] = frozen(times, thumbnails)
    return marked


def _undecided(seen: Sightings, choice: Choice) -> npt.NDArray[np.bool_]:
    marked = np.zeros(len(seen.frame), bool)
    if choice.candidate is not None:
        own, rest = choice.candidate.rows, (*choice.others, *choice.uncertain)
        frames = going_over(seen.signature, choice.candidate.frames, _all(p.frames for p in rest))
        marked[own] = frames[seen.frame[own]]
        strangers = _all(p.rows for p in rest if not same_face(choice.candidate, p))
        marked[_crossing(seen, own, strangers)] = True
    return marked


def _all(parts: Iterable[IntArray]) -> IntArray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _crossing(seen: Sightings, own: IntArray, others: IntArray) -> IntArray:
    """Faces of one person that lie over another's, as where two pass each other: any of the two
    may be the one in front, and a box may hold parts of both."""
    others = np.sort(others)  # so that they are in order of time
    start = np.searchsorted(seen.frame[others], seen.frame[own])
    end = np.searchsorted(seen.frame[others], seen.frame[own], side="right")
    first = np.repeat(own, end - start)
    second = _all(others[a:b] for a, b in zip(start, end, strict=True))
    tall = seen.boxes[:, 3] - seen.boxes[:, 1]
    over = part_of_smaller(seen.boxes[first], seen.boxes[second]) >= _OVER
    return np.unique(first[over & (tall[second] >= _AS_TALL * tall[first])])


def _changes(seen: Sightings, choice: Choice) -> bool:
    """Whether who is seen may change: at a cut, or where others are there without the candidate."""
    if cuts(seen.signature).any():
        return True
    assert choice.candidate is not None
    own = choice.candidate.frames
    absent = [np.setdiff1d(person.frames, own) for person in choice.others]
    return any(len(frames) >= _NOTABLE for frames in absent)
