"""Tracks of a recording: faces linked through time, and ended where somebody else may follow."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from poise.analysis.people.dissolves import dissolves
from poise.analysis.sightings import Sightings
from poise.faces.appearance import apart_around, change_around, cuts, standardised, steps
from poise.faces.tracker import Link, Tracker, rows_by_track
from poise.timeline.smoothing import GAP_INTERVALS, GAP_S, local_intervals
from poise.types import FloatArray, IntArray

# Gray levels around a face, mean, from one sample to the next: a living face that looks otherwise
# at once has 2 (median), 15 (95 %); somebody else in its place 5 or more.
_ELSEWHERE = 10.0
_SMALL_PX = 100.0
_STEP_AROUND = 14.0  # around a face alone, in a copy of its own


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


def divided(
    seen: Sightings, track_id: IntArray, links: dict[int, Link]
) -> tuple[IntArray, dict[int, Link]]:
    """Tracks ended where the look changes at once; embeddings tell whether they go on.

    Args:
        seen: All faces of a recording.
        track_id, links: From `linked`.

    Returns:
        The same, with the parts as tracks that go on from each other.
    """
    track_id, begun = track_id.copy(), {}
    last = {track: track for track in np.unique(track_id).tolist()}
    beyond = np.zeros(len(seen.pts_s), bool)
    beyond[[(first + last) // 2 + 1 for first, last in dissolves(seen.signature)]] = True
    free = int(track_id.max(initial=-1)) + 1
    for track, rows in rows_by_track(track_id).items():
        step = np.maximum(steps(seen.thumbnail[rows]), _steps_around(seen, rows))
        step[1:][beyond[seen.frame[rows[1:]]]] = 1
        for first in _seams(step, seen.chip[rows] >= 0):
            track_id[rows[first:]] = free
            begun[free] = Link(last[track], cut=False)
            last[track], free = free, free + 1
    kept = {track: replace(link, track_id=last[link.track_id]) for track, link in links.items()}
    return track_id, kept | begun


def _steps_around(seen: Sightings, rows: IntArray) -> FloatArray:
    """Where what is around a face changes at once, as a share of all it could, float32 [K].

    A small face is too coarse for steps, and its surroundings are nothing in a whole frame.
    """
    around = seen.surroundings[rows]
    change = apart_around(around[1:], around[:-1])
    height = seen.boxes[rows, 3] - seen.boxes[rows, 1]
    small = height[1:] < _SMALL_PX
    return np.concatenate([[0], np.where(small & (change > _STEP_AROUND), change / 255, 0)])


def with_cuts_around(
    seen: Sightings, track_id: IntArray, links: dict[int, Link]
) -> dict[int, Link]:
    """Links with a cut, too, where only what is around the face changes with it.

    Args:
        seen: All faces of a recording.
        track_id, links: From `linked` or `divided`.
    """
    rows, result = rows_by_track(track_id), {}
    for track, link in links.items():
        last, first = rows[link.track_id][-1], rows[track][0]
        result[track] = replace(link, cut=link.cut or elsewhere(seen, int(last), int(first)))
    return result


def elsewhere(seen: Sightings, first: int, second: int) -> bool:
    """Whether hair, shoulders and the wall behind differ between two faces in one place.

    Args:
        seen: All faces of a recording.
        first, second: Two of them.
    """
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
