"""The choice of the person who is the candidate, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from poise.faces.people import FaceTrack, Person, doubtful, same_face
from poise.faces.tracker import rows_by_track
from poise.types import FloatArray, IntArray

STILL, TWO_ALIKE, TWO_PRESENT = "still", "two_alike", "two_present"
AFTER_A_CUT, NOT_THE_PORTRAIT = "after_a_cut", "portrait"
"""Why it is not sure who the candidate is: only a picture of a face is there; another face is as
prominent; somebody else is beside the candidate almost all the time; the recording cuts or changes
its layout and faces were not compared; nobody looks like the portrait that was given."""

# One picture of another day against the mean of a recording (LFW: half of all pairs of one person
# below 0.43, 95 % below 0.56; of pairs of different people 0.1 % below 0.51).
_PORTRAIT_SAME, _PORTRAIT_NEAR, _PORTRAIT_AHEAD = 0.50, 0.60, 0.10
_AS_PROMINENT = 0.75
_MOSTLY, _IN_THE_BACKGROUND = 0.8, 0.25  # share of the candidate's frames; of their size
_MIN_FRAMES = 10  # of a living person who takes the place of a picture
_MIN_CONFIDENCE = 0.9  # patterns on cloth are found as faces, too, but less surely
_MIN_CONFIDENCE_ONCE = 0.98  # of what is seen in a single frame


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Who the candidate is.

    Args:
        candidate: None where nobody is seen.
        others: Everybody else, the most prominent first.
        uncertain: Groups of tracks that may show the candidate or not; no part of `others`.
        doubt: Why the choice is not sure; empty if it is.
    """

    candidate: Person | None
    others: tuple[Person, ...] = ()
    uncertain: tuple[Person, ...] = ()
    doubt: str = ""

    @property
    def tracks(self) -> list[FaceTrack]:
        """Of the candidate, the longest first."""
        return list(self.candidate.tracks) if self.candidate else []


def choose_candidate(
    people: Sequence[Person],
    frame_height_px: int,
    *,
    still: Sequence[bool] | None = None,
    sure: Sequence[bool] | None = None,
    portrait: FloatArray | None = None,
) -> Choice:
    """Choose the candidate among the people of a recording.

    The most prominent living person is taken; a picture of a face only where nobody lives. A
    portrait decides instead, if it is given.

    Args:
        people: All that are seen.
        frame_height_px: Of the full frame.
        still: Which of them never move (`poise.faces.appearance.is_still`).
        sure: Which of them are sure to be people (`is_sure`); the others raise no doubt.
        portrait: Embedding of the candidate's portrait, float32 [128].
    """
    if not people:
        return Choice(candidate=None)
    pictures = {id(p) for p, s in zip(people, still or [False] * len(people), strict=True) if s}
    ranked = sorted(people, key=lambda p: -p.prominence(frame_height_px))
    living = [p for p in ranked if id(p) not in pictures and len(p.frames) >= _MIN_FRAMES]
    if pictures and living:
        ranked = living + [p for p in ranked if not any(p is other for other in living)]
    candidate, doubt = ranked[0], ""
    if portrait is not None:
        candidate, doubt = _like(portrait, ranked)
    elif id(candidate) in pictures:
        doubt = STILL
    rest = [p for p in ranked if p is not candidate]
    uncertain = [p for p in rest if doubtful(candidate, p)]
    others = [p for p in rest if not any(p is u for u in uncertain)]
    if portrait is None and not doubt:
        least = _AS_PROMINENT * candidate.prominence(frame_height_px)
        faces = {id(p) for p, s in zip(people, sure or [True] * len(people), strict=True) if s}
        alive = [p for p in rest if id(p) in faces - pictures]
        if any(p.prominence(frame_height_px) >= least for p in alive[:1]):
            doubt = TWO_ALIKE
        elif _beside(candidate, alive) >= _MOSTLY * len(candidate.frames):
            doubt = TWO_PRESENT
    return Choice(
        candidate=candidate, others=tuple(others), uncertain=tuple(uncertain), doubt=doubt
    )


def _beside(candidate: Person, others: Sequence[Person]) -> int:
    """In how many of the candidate's frames somebody else is there, not far behind.

    Size alone tells nothing then: a call shows whoever speaks large, and on the one side or the
    other that is the interviewer. The candidate's own image in a corner is nobody else. Somebody
    who changes much may be several people here, so that all of them count together.
    """
    beside = [
        np.intersect1d(candidate.frames, other.frames)
        for other in others
        if other.side_px >= _IN_THE_BACKGROUND * candidate.side_px
        and not same_face(candidate, other)
    ]
    return len(np.unique(np.concatenate([np.zeros(0, np.int64), *beside])))


def _like(portrait: FloatArray, people: Sequence[Person]) -> tuple[Person, str]:
    """Who looks most like the portrait, and a doubt where that is nobody."""
    compared = [p for p in people if p.look_count]
    if not compared:
        return people[0], NOT_THE_PORTRAIT
    apart = np.linalg.norm(np.array([p.embedding for p in compared]) - portrait, axis=1)
    order = np.argsort(apart)
    nearest, ahead = float(apart[order[0]]), np.inf
    if len(order) > 1:
        ahead = float(apart[order[1]]) - nearest
    sure = nearest <= _PORTRAIT_SAME or (nearest <= _PORTRAIT_NEAR and ahead >= _PORTRAIT_AHEAD)
    return compared[int(order[0])], "" if sure else NOT_THE_PORTRAIT


def of_people(track_id: IntArray, detection_confidence: FloatArray) -> npt.NDArray[np.bool_]:
    """Which faces belong to tracks that are sure to be of people, bool [M].

    Args:
        track_id: int64 [M].
        detection_confidence: float32 [M].
    """
    tracks = rows_by_track(track_id).items()
    sure = [track for track, rows in tracks if _is_face(detection_confidence[rows])]
    return np.isin(track_id, sure)


def is_sure(person: Person, detection_confidence: FloatArray) -> bool:
    """Whether most of what was found of somebody is in tracks that are sure to be of people.

    Args:
        person: Its rows are places in the next.
        detection_confidence: Of all faces, float32 [M].
    """
    sure = [len(t.rows) for t in person.tracks if _is_face(detection_confidence[t.rows])]
    return 2 * sum(sure) > len(person.rows)


def _is_face(detection_confidence: FloatArray) -> bool:
    """Whether a track is sure to be of a person, by how surely its faces were found."""
    least = _MIN_CONFIDENCE if len(detection_confidence) > 1 else _MIN_CONFIDENCE_ONCE
    return float(np.median(detection_confidence)) >= least


def frames_with_others(
    frame: IntArray, is_candidate: npt.NDArray[np.bool_], count: int
) -> IntArray:
    """How many faces beside the candidate's each frame shows, int64 [count]."""
    return np.bincount(frame[~is_candidate], minlength=count).astype(np.int64)
