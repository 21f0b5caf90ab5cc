"""Tracking: faces linked through time.

Faces are linked greedily by overlap, as in Bochinski et al., High-Speed Tracking-by-Detection
Without Using Image Information (AVSS 2017), and by distance where sampling is too sparse for
overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.faces.boxes import matched
from poise.types import FloatArray, IntArray


@dataclass
class _OpenTrack:
    track_id: int
    box: FloatArray
    last_s: float


class Tracker:
    """Links faces frame by frame; give it the frames in order of time.

    Args:
        max_gap_s: A face not seen for longer than this begins a new track.
    """

    def __init__(self, max_gap_s: float = 1.0) -> None:
        self._max_gap_s = max_gap_s
        self._open: list[_OpenTrack] = []
        self._next_id = 0

    def update(self, pts_s: float, boxes_xyxy_px: FloatArray) -> IntArray:
        """Track of each face of one frame.

        Args:
            pts_s: Time of the frame.
            boxes_xyxy_px: float32 [M, 4].

        Returns:
            int64 [M], each track at most once.
        """
        self._open = [t for t in self._open if pts_s - t.last_s <= self._max_gap_s]
        known = list(self._open)
        pairs = matched(np.array([track.box for track in known]), boxes_xyxy_px)
        ids = np.empty(len(boxes_xyxy_px), np.int64)
        for m, box in enumerate(boxes_xyxy_px):
            if m in pairs:
                track = known[pairs[m]]
            else:
                track = _OpenTrack(self._next_id, box, pts_s)
                self._next_id += 1
                self._open.append(track)
            track.box, track.last_s = box, pts_s
            ids[m] = track.track_id
        return ids
