"""Who is who in a recording: faces linked, people told apart, the candidate chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from poise.analysis.crop_file import CropFile
from poise.analysis.people.dissolves import dissolves, going_over
from poise.analysis.sightings import Sightings
from poise.faces.appearance import (
    apart_around,
    change_around,
    changed,
    cuts,
    frozen,
    is_still,
    standardised,
    steps,
)
from poise.faces.boxes import part_of_smaller
from poise.faces.candidate import AFTER_A_CUT, STILL, Choice, choose_candidate, is_sure
from poise.faces.identity import EMBEDDING, Embedder
from poise.faces.people import (
    FaceTrack,
    Person,
    gather_tracks,
    people_by_identity,
    people_by_place,
    same_face,
    seam,
)
from poise.faces.tracker import Link, Tracker, rows_by_track
from poise.timeline.smoothing import GAP_INTERVALS, GAP_S, local_intervals
from poise.types import FloatArray, Image, IntArray

LOOK_S = 1.0  # a chip is kept of each track in each second
_LOOK_EVERY_S = 6.0  # of these, so many are compared: one, and one more in so many seconds
_LOOKS, _LOOKS_PER_S = 60, 0.5  # at most in a recording: tracks of a crowd are short
_AT_ONCE = 64
# Gray levels around a face, mean, from one sample to the next: a living face that looks otherwise
# at once has 2 (median), 15 (95 %); somebody else in its place 5 or more.
_ELSEWHERE, _STIRS = 10.0, 5.0
_SMALL_PX = 100.0
_STEP_AROUND = 14.0  # around a face alone, in a copy of its own
# Part of the smaller of two boxes that lie over each other: heads side by side share less; and how
# tall the other is, at least: patterns within a face are found as faces now and then.
_OVER, _AS_TALL = 0.2, 0.5
_JUDGED_STILL = 20  # people, the most prominent ones
_NOTABLE = 10  # frames that show them, at least


class ChipPicker:
    """Which faces a chip is kept of: the first one of each track, of each second in it, and where
    face and surroundings look otherwise than just before.

    Args:
        size_px: Width and height of the frames.
        start_s: Of the recording, from where seconds count.
    """

    def __init__(self, size_px: tuple[int, int], start_s: float = 0.0) -> None:
        self._size_px, self._start_s = size_px, start_s
        self._tracker = Tracker()
        self._signature: Image | None = None
        self._second: dict[int, int] = {}
        self._look: dict[int, FloatArray] = {}

    def pick(
        self,
        pts_s: float,
        boxes: FloatArray,
        thumbnails: Image,
        standard: FloatArray,
        signature: Image,
    ) -> npt.NDArray[np.bool_]:
        """For the faces of one frame, bool [M]; give it the frames in order of time.

        Args:
            pts_s: Time of the frame.
            boxes, thumbnails, standard: Of its faces, as in `poise.faces.tracker.Tracker.update`.
            signature: Of the frame (`poise.faces.appearance`).
        """
        before = signature if self._signature is None else self._signature
        cut = bool(cuts(np.array([before, signature]))[1])
        ids = self._tracker.update(pts_s, boxes, thumbnails, standard=standard, cut=cut)
        self._signature = signature
        second = int((pts_s - self._start_s + 1e-6) / LOOK_S)
        picked = np.zeros(len(ids), bool)
        for k, track in enumerate(ids.tolist()):
            picked[k] = self._second.get(track) != second or (
                changed(standard[k], self._look[track])
                and change_around(before, signature, boxes[k], self._size_px) > _STIRS
            )
            self._second[track], self._look[track] = second, standard[k]
        return picked


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


def linked(seen: Sightings) -> tuple[IntArray, dict[int, Link]]:
    """Link faces through time.

    Returns:
        The track of each face, int64 [M], and what tracks go on from.
    """
    own_s = float(np.median(local_intervals(seen.pts_s))) if len(seen.pts_s) > 1 else 0.0
    tracker = Tracker(max_gap_s=max(GAP_S, GAP_INTERVALS * own_s))
    of_frame = np.searchsorted(seen.frame, np.arange(len(seen.pts_s) + 1))
    after_cut, standard = cuts(seen.signature), standardised(seen.thumbnail)
    ids = []
    for k, pts_s in enumerate(seen.pts_s):
        own = slice(of_frame[k], of_frame[k + 1])
        ids.append(
            tracker.update(
                float(pts_s),
                seen.boxes[own],
                seen.thumbnail[own],
                standard=standard[own],
                cut=bool(after_cut[k]),
            )
        )
    return np.concatenate([np.zeros(0, np.int64), *ids]), tracker.links


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
        track_id, links = _divided(seen, track_id, links)
        links = _cut_around(seen, track_id, links)
        track_id, looks = _looked_at(seen, track_id, crops, embedder)
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


def _divided(
    seen: Sightings, track_id: IntArray, links: dict[int, Link]
) -> tuple[IntArray, dict[int, Link]]:
    """Tracks ended where the look changes at once; embeddings tell whether they go on."""
    track_id, divided = track_id.copy(), {}
    last = {track: track for track in np.unique(track_id).tolist()}
    beyond = np.zeros(len(seen.pts_s), bool)
    beyond[[(first + last) // 2 + 1 for first, last in dissolves(seen.signature)]] = True
    free = int(track_id.max(initial=-1)) + 1
    for track, rows in rows_by_track(track_id).items():
        step = np.maximum(steps(seen.thumbnail[rows]), _steps_around(seen, rows))
        step[1:][beyond[seen.frame[rows[1:]]]] = 1
        for first in _seams(step, seen.chip[rows] >= 0):
            track_id[rows[first:]] = free
            divided[free] = Link(last[track], cut=False)
            last[track], free = free, free + 1
    kept = {track: replace(link, track_id=last[link.track_id]) for track, link in links.items()}
    return track_id, kept | divided


def _steps_around(seen: Sightings, rows: IntArray) -> FloatArray:
    """Where what is around a face changes at once, as a share of all it could, float32 [K].

    A small face is too coarse for steps, and its surroundings are nothing in a whole frame.
    """
    around = seen.surroundings[rows]
    change = apart_around(around[1:], around[:-1])
    height = seen.boxes[rows, 3] - seen.boxes[rows, 1]
    small = height[1:] < _SMALL_PX
    return np.concatenate([[0], np.where(small & (change > _STEP_AROUND), change / 255, 0)])


def _cut_around(seen: Sightings, track_id: IntArray, links: dict[int, Link]) -> dict[int, Link]:
    """Links with a cut, too, where only what is around the face changes with it."""
    rows, result = rows_by_track(track_id), {}
    for track, link in links.items():
        last, first = rows[link.track_id][-1], rows[track][0]
        result[track] = replace(link, cut=link.cut or _elsewhere(seen, int(last), int(first)))
    return result


def _elsewhere(seen: Sightings, first: int, second: int) -> bool:
    """Whether hair, shoulders and the wall behind differ between two faces in one place."""
    before, after = seen.signature[seen.frame[[first, second]]]
    return change_around(before, after, seen.boxes[second], seen.size_px) > _ELSEWHERE


def _seams(step: FloatArray, has_chip: npt.NDArray[np.bool_]) -> list[int]:
    """Where a track is ended: at its steps, the largest first where there is no chip between two.

    Args:
        step: From `poise.faces.appearance.steps`, float32 [K].
        has_chip: Which of its faces can be compared, bool [K].
    """
    kept: list[int] = []
    for first in np.argsort(-step, kind="stable")[: np.count_nonzero(step)].tolist():
        bounds = [0, *sorted([*kept, first]), len(step)]
        if all(has_chip[a:b].any() for a, b in pairwise(bounds)):
            kept.append(first)
    return sorted(kept)


def _looked_at(
    seen: Sightings, track_id: IntArray, crops: CropFile, embedder: Embedder
) -> tuple[IntArray, dict[int, FloatArray]]:
    """Embeddings of some faces of each track; tracks that turn out to show two people are split."""
    rows = _rows_to_look_at(seen, track_id)
    parts = [np.zeros((0, EMBEDDING), np.float32)]
    for start in range(0, len(rows), _AT_ONCE):
        chips = crops.read_chips(seen.chip[rows[start : start + _AT_ONCE]].tolist())
        parts.append(embedder.embed(chips))
    embeddings = np.concatenate(parts)
    track_id = track_id.copy()
    looks: dict[int, FloatArray] = {}
    waiting = list(dict.fromkeys(track_id[rows].tolist()))
    free = int(track_id.max(initial=-1)) + 1
    while waiting:
        track = waiting.pop()
        own = np.flatnonzero(track_id[rows] == track)
        faces = np.flatnonzero(track_id == track)
        changed = [_elsewhere(seen, a, b) for a, b in pairwise(rows[own].tolist())]
        elsewhere = np.array([False, *changed])
        cut_at = seam(faces, rows[own], embeddings[own], seen.thumbnail, elsewhere)
        if cut_at is None:
            looks[track] = embeddings[own]
            continue
        track_id[faces[cut_at:]] = free
        waiting += [track, free]
        free += 1
    return track_id, looks


def _rows_to_look_at(seen: Sightings, track_id: IntArray) -> IntArray:
    """Faces to be compared, int64 [L], ascending: of each track some, spread over its time."""
    duration_s = float(seen.pts_s[-1] - seen.pts_s[0]) if len(seen.pts_s) else 0.0
    left = int(_LOOKS + _LOOKS_PER_S * duration_s)
    side = seen.boxes[:, 3] - seen.boxes[:, 1]
    tracks = list(rows_by_track(track_id).values())
    tracks.sort(key=lambda rows: -len(rows) * float(np.sqrt(np.median(side[rows]))))
    chosen = []
    for rows in tracks:
        kept = rows[seen.chip[rows] >= 0]
        times = seen.pts_s[seen.frame[rows]]
        wanted = min(len(kept), left, 2 + int((times[-1] - times[0]) / _LOOK_EVERY_S))
        parts = np.array_split(kept, wanted) if wanted else []
        spread = [
            _clear_one(seen, part, float(where))
            for part, where in zip(parts, np.linspace(0, 1, len(parts)), strict=True)
        ]
        looked_at = _with_changes(seen, kept, spread)[:left]
        chosen += looked_at
        left -= len(looked_at)
    return np.sort(np.array(chosen, np.int64))


def _with_changes(seen: Sightings, kept: IntArray, chosen: list[int]) -> list[int]:
    """Faces of a track to be looked at, and those where what is around it has changed since."""
    if not chosen:
        return []
    last, found = chosen[0], list(chosen)
    for row in kept.tolist():
        if row in chosen:
            last = row
        elif row > last and _elsewhere(seen, last, row):
            found.append(row)
            last = row
    return found


def _clear_one(seen: Sightings, rows: IntArray, where: float) -> int:
    """One of some faces of a track, the first (0) to the last (1), without a flag if possible.

    The looks nearest to the ends of a track tell best whether it goes on as another one.
    """
    clear = rows[~seen.flags[rows].any(axis=1)]
    rows = clear if len(clear) else rows
    return int(rows[round(where * (len(rows) - 1))])
