"""Looks: which faces of each track are compared, and what tells their people apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from poise.analysis.crop_file import CropFile
from poise.analysis.people.tracks import elsewhere
from poise.analysis.sightings import Sightings
from poise.faces.identity import EMBEDDING, Embedder
from poise.faces.people import seam
from poise.faces.tracker import rows_by_track
from poise.types import FloatArray, IntArray

_LOOK_EVERY_S = 6.0  # of its chips, so many of a track: one, and one more in so many seconds
_LOOKS, _LOOKS_PER_S = 60, 0.5  # at most in a recording: tracks of a crowd are short
_AT_ONCE = 64


def looked_at(
    seen: Sightings, track_id: IntArray, crops: CropFile, embedder: Embedder
) -> tuple[IntArray, dict[int, FloatArray]]:
    """Embeddings of some faces of each track; tracks that turn out to show two people are split.

    Args:
        seen: All faces of a recording.
        track_id: Of each, int64 [M].
        crops: With their chips.
        embedder: What tells people apart.

    Returns:
        The track of each face, int64 [M], and embeddings by track, float32 [L, 128]; a track of
        which no chip was kept has none.
    """
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
        changed = [elsewhere(seen, a, b) for a, b in pairwise(rows[own].tolist())]
        otherwise = np.array([False, *changed])
        cut_at = seam(faces, rows[own], embeddings[own], seen.thumbnail, otherwise)
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
        elif row > last and elsewhere(seen, last, row):
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
