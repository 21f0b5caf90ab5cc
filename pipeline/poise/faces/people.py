"""People: face tracks joined where they show the same person.

With embeddings (`poise.faces.identity`) tracks are merged by average linkage: the two groups whose
mean embeddings lie closest first, as long as they are close enough, and never two that are seen
side by side. What is left goes to the nearest of the people who are known well by then, where no
other is nearly as near; else it stays apart, as doubtful. In the end a track goes to whom it is
clearly nearest to, whoever took it in first.

Without embeddings, a track is joined only to one that it resembles in place, size and look, and
only where there was no cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from poise.faces.appearance import apart_around, standardised
from poise.faces.tracker import Link, rows_by_track
from poise.types import FloatArray, Image, IntArray

# Distances of mean embeddings, less what the scatter of the single looks explains. They were chosen
# on recordings cut together from seven people, and from photographs of actors of one origin taken
# in one sitting, which follow each other in the same place (`benchmarks/README.md`).
_SAME = 0.28  # two groups at once
_ADOPTED, _AHEAD = 0.45, 0.12  # a small group by the nearest of several well-known people
_ALONE = 0.34  # by the only one
_WELL_KNOWN = 4  # looks
_SEEN_WELL = 6  # looks: so many tell at `_SAME` what one or two do not
_OTHER_AROUND = 10.0  # gray levels from the nearest that is seen around another person
_ALL_OTHER_AROUND = 35.0  # the same, for a group that is not seen well
_COPIES, _NEAR_COPIES = 20, 3  # of what is around a track; of these, the nearest are compared
_NEARER = 0.05  # a track to another person than to its own
_ANOTHER = 0.50  # from here on, somebody else
_GOES_ON = 0.40  # between a track and the one it goes on from, without a cut
_UNSEEN = 0.65  # between the halves of a track: a face that goes from tears to a smile reaches 0.6
_UNSEEN_ELSEWHERE = 0.50  # between two looks where what is around the face has changed, too
_SPREAD = 0.0484  # variance of the looks at one person, where it is not known
_LEAST_SPREAD, _MOST_SPREAD = 0.02, 0.1
_SIDE_BY_SIDE = 3, 0.05  # frames, and share of the shorter: more in common is two people
_MOST_GROUPS = 300
_NEAR_LOOKS = 3  # on each side of a seam

_MIN_LIKENESS, _MIN_LIKENESS_ELSEWHERE = 0.7, 0.8  # without embeddings
_SAME_PLACE = 2.0  # of the side
_MAX_SIZE_RATIO = 1.7


@dataclass(frozen=True, kw_only=True)
class FaceTrack:
    """One face through time.

    Args:
        track_id: As given by `Tracker`.
        rows: Its faces, as positions in the list of all faces, int64 [K], in order of time.
        frames: Its frames, int64 [K].
        side_px: Median height of its boxes.
        centre: Median place of its centre, as shares of the frame's width and height, [2].
        place_px: The same in pixels, [2].
        appearance: Mean thumbnail, standardised, float32 [P].
        around: What is around some of its faces, uint8 [N, P].
        looks: Embeddings of some of its faces in order of time, float32 [L, 128]; L may be 0.
        link: The track it goes on from.
    """

    track_id: int
    rows: IntArray
    frames: IntArray
    side_px: float
    centre: npt.NDArray[np.float64]
    place_px: npt.NDArray[np.float64]
    appearance: FloatArray
    around: Image
    looks: FloatArray
    link: Link | None = None

    def prominence(self, frame_height_px: int) -> float:
        """Presence, size and position in one figure: the candidate's is the highest."""
        distance = float(np.abs(self.centre - [0.5, 0.45]).max())
        position = float(np.exp(-((distance / 0.4) ** 2)))
        size = float(np.sqrt(self.side_px / frame_height_px))
        return len(self.rows) * size * (0.4 + 0.6 * position)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Tracks that show one person, the longest first.

    Args:
        tracks: At least one.
        embedding: Mean of the looks, float32 [128]; zeros without any.
        look_count: How many.
        spread: Variance of the looks about their mean, within bounds.
    """

    tracks: tuple[FaceTrack, ...]
    embedding: FloatArray
    look_count: int
    spread: float

    @property
    def rows(self) -> IntArray:
        """Its faces, int64 [K], in order of time."""
        return np.sort(np.concatenate([track.rows for track in self.tracks]))

    @property
    def frames(self) -> IntArray:
        """The frames that show it, int64, ascending, each once."""
        return np.unique(np.concatenate([track.frames for track in self.tracks]))

    @property
    def side_px(self) -> float:
        """Median height of its boxes, track by track."""
        weights = np.concatenate([np.full(len(t.rows), t.side_px) for t in self.tracks])
        return float(np.median(weights))

    def prominence(self, frame_height_px: int) -> float:
        """See `FaceTrack.prominence`."""
        return sum(track.prominence(frame_height_px) for track in self.tracks)


def gather_tracks(
    track_id: IntArray,
    frame: IntArray,
    boxes_xyxy_px: FloatArray,
    thumbnails: Image,
    surroundings: Image,
    frame_size_px: tuple[int, int],
    *,
    links: Mapping[int, Link] | None = None,
    looks: Mapping[int, FloatArray] | None = None,
) -> list[FaceTrack]:
    """Collect faces into tracks.

    Args:
        track_id, frame: Track and frame of each face, int64 [M].
        boxes_xyxy_px: float32 [M, 4].
        thumbnails, surroundings: As by `poise.faces.appearance`, uint8 [M, P].
        frame_size_px: Width and height of the frame.
        links: From `Tracker.links`.
        looks: Embeddings by track, float32 [L, 128] each.
    """
    tracks = []
    for identifier, rows in rows_by_track(track_id).items():
        boxes = boxes_xyxy_px[rows]
        some = np.linspace(0, len(rows) - 1, min(len(rows), _COPIES)).astype(int)
        place = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
        tracks.append(
            FaceTrack(
                track_id=identifier,
                rows=rows,
                frames=frame[rows],
                side_px=float(np.median(boxes[:, 3] - boxes[:, 1])),
                centre=place / np.array(frame_size_px),
                place_px=place,
                appearance=standardised(thumbnails[rows].mean(axis=0, dtype=np.float32)),
                around=surroundings[rows[some]],
                looks=(looks or {}).get(identifier, _NO_LOOKS),
                link=(links or {}).get(identifier),
            )
        )
    return tracks


def people_by_identity(tracks: Sequence[FaceTrack]) -> list[Person]:
    """Join tracks by their embeddings; one without any joins only what it goes on from."""
    groups = _continued(tracks)
    groups.sort(key=lambda group: -sum(len(track.rows) for track in group))
    seen = [group for group in groups if any(len(track.looks) for track in group)]
    merged = _settled(_adopted(_merged([_person(group) for group in seen[:_MOST_GROUPS]])))
    rest = [group for group in groups if not any(group is s for s in seen[:_MOST_GROUPS])]
    return merged + [_person(group) for group in rest]


def people_by_place(tracks: Sequence[FaceTrack]) -> list[Person]:
    """Join tracks by place, size and look, the longest first.

    A track that comes after a cut is joined to none: without embeddings nothing tells whose it is.
    """
    groups: list[list[FaceTrack]] = []
    for track in sorted(tracks, key=lambda t: -len(t.rows)):
        fitting = [
            group
            for group in groups
            if not _side_by_side(np.concatenate([t.frames for t in group]), track.frames)
            and _resembles(group[0], track)
        ]
        if fitting and not (track.link and track.link.cut):
            fitting[0].append(track)
        else:
            groups.append([track])
    return [_person(group) for group in groups]


def distance(first: Person, second: Person) -> float:
    """How far two people with looks are apart, less what the scatter of single looks explains."""
    return float(_apart(first, [second])[0])


def same_face(first: Person, second: Person) -> bool:
    """Whether two people show one face, though they may be seen side by side, as in a mirror."""
    return bool(first.look_count and second.look_count) and distance(first, second) <= _SAME


def doubtful(candidate: Person, other: Person) -> bool:
    """Whether a group that was not joined may well show the same person."""
    if not candidate.look_count or not other.look_count:
        return False
    if _side_by_side(candidate.frames, other.frames):
        return False
    return distance(candidate, other) < _ANOTHER


def seam(
    rows: IntArray,
    look_rows: IntArray,
    looks: FloatArray,
    thumbnails: Image,
    elsewhere: npt.NDArray[np.bool_] | None = None,
) -> int | None:
    """Where a track goes over to somebody else unseen, such as in a slow fade.

    Args:
        rows: Faces of the track, int64 [K], in order of time.
        look_rows: Those of them with an embedding, int64 [L].
        looks: The embeddings, float32 [L, 128].
        thumbnails: Of all faces, uint8 [M, P].
        elsewhere: Whether what is around the face has changed since the look before, bool [L].

    Returns:
        Position in `rows` of the first face of the other; None if there is none.
    """
    best, where = 1.0, None
    for k in range(1, len(looks)):
        before, after = looks[max(0, k - _NEAR_LOOKS) : k], looks[k : k + _NEAR_LOOKS]
        gap = float(((before.mean(axis=0) - after.mean(axis=0)) ** 2).sum())
        apart = math.sqrt(max(0.0, gap - _SPREAD * (1 / len(before) + 1 / len(after))))
        share = apart / _UNSEEN
        if elsewhere is not None and elsewhere[k]:
            at_once = float(np.linalg.norm(looks[k] - looks[k - 1]))
            share = max(share, at_once / _UNSEEN_ELSEWHERE)
        if share > best:
            best, where = share, k
    if where is None:
        return None
    first, last = np.searchsorted(rows, look_rows[[where - 1, where]])
    between = thumbnails[rows[first : last + 1]].astype(np.int16)
    change = np.abs(np.diff(between, axis=0)).mean(axis=1)
    return int(first + 1 + change.argmax())


_NO_LOOKS = np.zeros((0, 128), np.float32)


def _person(group: Sequence[FaceTrack]) -> Person:
    looks = np.concatenate([track.looks for track in group])
    mean = looks.mean(axis=0) if len(looks) else np.zeros(looks.shape[1], np.float32)
    spread = _SPREAD
    if len(looks) > 2:
        spread = float(((looks - mean) ** 2).sum() / (len(looks) - 1))
    return Person(
        tracks=tuple(sorted(group, key=lambda track: -len(track.rows))),
        embedding=np.asarray(mean, np.float32),
        look_count=len(looks),
        spread=min(max(spread, _LEAST_SPREAD), _MOST_SPREAD),
    )


def _continued(tracks: Sequence[FaceTrack]) -> list[list[FaceTrack]]:
    """Tracks joined to those they go on from without a cut, where the faces are alike."""
    group_of: dict[int, list[FaceTrack]] = {}
    by_id = {track.track_id: track for track in tracks}
    for track in sorted(tracks, key=lambda t: int(t.frames[0])):
        group_of[track.track_id] = [track]
        before = by_id.get(track.link.track_id) if track.link else None
        if before is None or track.link is None or track.link.cut:
            continue
        if _goes_on(before, track):
            group = group_of[before.track_id]
            group.append(track)
            group_of[track.track_id] = group
    unique = {id(group): group for group in group_of.values()}
    return list(unique.values())


def _goes_on(before: FaceTrack, after: FaceTrack) -> bool:
    if len(before.looks) and len(after.looks):
        first = before.looks[-_NEAR_LOOKS:].mean(axis=0)
        second = after.looks[:_NEAR_LOOKS].mean(axis=0)
        return float(np.linalg.norm(first - second)) <= _GOES_ON
    return float(before.appearance @ after.appearance) >= _MIN_LIKENESS


def _merged(people: list[Person]) -> list[Person]:
    """Average linkage, closest first, as far as `_SAME`."""
    count = len(people)
    if count < 2:
        return people
    people = list(people)
    apart = np.full((count, count), np.inf)
    for k in range(count):
        apart[k, k + 1 :] = _separation(people[k], people[k + 1 :])
    alive = np.ones(count, bool)
    while True:
        i, k = divmod(int(apart.argmin()), count)
        if apart[i, k] > _SAME:
            return [person for person, there in zip(people, alive, strict=True) if there]
        people[i] = _person([*people[i].tracks, *people[k].tracks])
        alive[k] = False
        apart[k], apart[:, k] = np.inf, np.inf
        others = [j for j in np.flatnonzero(alive).tolist() if j != i]
        for j, value in zip(
            others, _separation(people[i], [people[j] for j in others]), strict=True
        ):
            apart[min(i, j), max(i, j)] = value


def _adopted(people: list[Person]) -> list[Person]:
    """Small groups joined to the person they are nearest to, the nearest first."""
    while True:
        known = [p for p in people if p.look_count >= _WELL_KNOWN]
        offers = [(*_offer(p, [k for k in known if k is not p]), p) for p in people]
        _, parent, child = min(offers, key=lambda offer: offer[0], default=(np.inf, None, None))
        if parent is None or child is None:
            return people
        joined = _person([*parent.tracks, *child.tracks])
        people = [p for p in people if p is not child and p is not parent] + [joined]


def _settled(people: list[Person]) -> list[Person]:
    """Tracks that are clearly nearer to another well-known person than to their own go there.

    The first of the groups to be joined were small, and may have taken in who looks alike.
    """
    known = [person for person in people if person.look_count >= _WELL_KNOWN]
    tracks = {id(person): list(person.tracks) for person in people}
    for person in known:
        others = [other for other in known if other is not person]
        for track in person.tracks:
            rest = person.look_count - len(track.looks)
            if not others or not rest or not len(track.looks):
                continue
            mean = track.looks.mean(axis=0)
            without = (person.embedding * person.look_count - track.looks.sum(axis=0)) / rest
            apart = [float(np.linalg.norm(mean - other.embedding)) for other in others]
            nearest = others[int(np.argmin(apart))]
            own = float(np.linalg.norm(mean - without))
            if own - min(apart) > _NEARER and not _side_by_side(track.frames, nearest.frames):
                tracks[id(person)].remove(track)
                tracks[id(nearest)].append(track)
    return [_person(group) for group in tracks.values() if group]


def _offer(child: Person, known: list[Person]) -> tuple[float, Person | None]:
    """Who may take a group in, and how far apart they are; infinitely if nobody may."""
    known = [person for person in known if person.look_count >= child.look_count]
    if not known or not child.look_count:
        return np.inf, None
    apart = _apart(child, known)
    order = np.argsort(apart)
    nearest = float(apart[order[0]])
    if len(order) == 1:
        fits = nearest <= _ALONE
    else:
        fits = nearest <= _ADOPTED and float(apart[order[1]]) - nearest >= _AHEAD
    parent = known[int(order[0])]
    if not fits or _side_by_side(child.frames, parent.frames) or _takes_turns(child, parent):
        return np.inf, None
    return nearest, parent


def _takes_turns(child: Person, parent: Person) -> bool:
    """Whether a group is there before or after cuts alone, and elsewhere; the less it is seen, the
    more so.

    Another speaker of a call, who may look alike, is told by all of it together: the face, what is
    around it, and the cuts. Neither a living face, nor one that comes back, changes all at once.
    """
    own, others = ({track.track_id for track in group.tracks} for group in (child, parent))
    links = [t.link for t in child.tracks if t.link and t.link.track_id in others]
    links += [t.link for t in parent.tracks if t.link and t.link.track_id in own]
    if not links or not all(link.cut for link in links):
        return False
    least = _OTHER_AROUND if child.look_count >= _SEEN_WELL else _ALL_OTHER_AROUND
    near = np.concatenate([track.around for track in parent.tracks])
    middle = np.array([track.around[len(track.around) // 2] for track in child.tracks])
    apart = np.sort(apart_around(middle[:, None], near), axis=1)[:, :_NEAR_COPIES].mean(axis=1)
    return float(np.median(apart)) > least


def _separation(person: Person, others: Sequence[Person]) -> npt.NDArray[np.float64]:
    """Distances; infinite to whom is seen beside the person."""
    apart = _apart(person, others)
    frames = person.frames
    for k, other in enumerate(others):
        if apart[k] <= _SAME and _side_by_side(frames, other.frames):
            apart[k] = np.inf
    return apart


def _apart(person: Person, others: Sequence[Person]) -> npt.NDArray[np.float64]:
    if not others:
        return np.zeros(0)
    embeddings = np.array([other.embedding for other in others])
    counts = np.array([other.look_count for other in others])
    spreads = np.array([other.spread for other in others])
    own, total = person.look_count, person.look_count + counts
    spread = (person.spread * own + spreads * counts) / total
    gap = ((embeddings - person.embedding) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(gap - spread * (1 / own + 1 / counts), 0)), np.float64)


def _side_by_side(first: IntArray, second: IntArray) -> bool:
    """Whether frames of one are also frames of the other, but for a seam between them."""
    frames, share = _SIDE_BY_SIDE
    common = len(np.intersect1d(first, second))
    return common > max(frames, share * min(len(first), len(second)))


def _resembles(first: FaceTrack, second: FaceTrack) -> bool:
    ratio = first.side_px / second.side_px
    if not 1 / _MAX_SIZE_RATIO <= ratio <= _MAX_SIZE_RATIO:
        return False
    alike = float(first.appearance @ second.appearance)
    shift = float(np.abs(first.place_px - second.place_px).max())
    near = shift <= _SAME_PLACE * first.side_px
    return alike >= (_MIN_LIKENESS if near else _MIN_LIKENESS_ELSEWHERE)


def without_looks(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """The same tracks without embeddings."""
    return [replace(track, looks=_NO_LOOKS) for track in tracks]
