"""Tracking: faces linked through time.

Faces are linked greedily by overlap, as in Bochinski et al., High-Speed Tracking-by-Detection
Without Using Image Information (AVSS 2017), and by distance where sampling is too sparse for
overlap. A track ends at a cut, and where the face in its place suddenly looks otherwise: tracks are
meant to show one person, and `poise.faces.people` joins those that show the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from poise.faces.appearance import standardised
from poise.faces.boxes import matched
from poise.types import FloatArray, Image, IntArray

_MAX_GAP_S = 1.0
# From one sample to the next of one person: 2 % are less alike, 1 % differ more. Of pairs of
# different people in the same light 0.5 % are as alike (29 actors), of others 0.1 %.
_LEAST_LIKENESS = 0.7
_MOST_DIFFERENCE = 20.0  # gray levels


@dataclass(frozen=True)
class Link:
    """What a track goes on from: another one that ended in the same place.

    Args:
        track_id: The one before.
        cut: Whether there was a cut between them.
    """

    track_id: int
    cut: bool


_Look = tuple[Image, FloatArray]  # a thumbnail, and the same standardised


@dataclass
class _OpenTrack:
    track_id: int
    box: FloatArray
    last_s: float
    look: _Look | None


class Tracker:
    """Links faces frame by frame; give it the frames in order of time.

    Args:
        max_gap_s: Longest time for which a face may be out of sight within a track.
    """

    def __init__(self, *, max_gap_s: float = _MAX_GAP_S) -> None:
        self.links: dict[int, Link] = {}
        self._max_gap_s = max_gap_s
        self._open: list[_OpenTrack] = []
        self._cut_since: dict[int, bool] = {}
        self._next_id = 0

    def update(
        self,
        pts_s: float,
        boxes_xyxy_px: FloatArray,
        thumbnails: Image | None = None,
        *,
        standard: FloatArray | None = None,
        cut: bool = False,
    ) -> IntArray:
        """Track of each face of one frame.

        Args:
            pts_s: Time of the frame.
            boxes_xyxy_px: float32 [M, 4].
            thumbnails: From `poise.faces.appearance.thumbnails`, uint8 [M, P]; without them faces
                are linked by their boxes alone.
            standard: The same `standardised`, float32 [M, Q], where that is at hand.
            cut: Whether there is a cut before this frame.

        Returns:
            int64 [M], each track at most once.
        """
        self._open = [t for t in self._open if pts_s - t.last_s <= self._max_gap_s]
        if cut:
            self._cut_since |= {track.track_id: True for track in self._open}
        known = list(self._open)
        pairs = matched(np.array([track.box for track in known]), boxes_xyxy_px)
        looks: list[_Look | None] = [None] * len(boxes_xyxy_px)
        if thumbnails is not None:
            standard = standardised(thumbnails) if standard is None else standard
            looks = list(zip(thumbnails, standard, strict=True))
        ids = np.empty(len(boxes_xyxy_px), np.int64)
        for m, (box, look) in enumerate(zip(boxes_xyxy_px, looks, strict=True)):
            before = known[pairs[m]] if m in pairs else None
            if before is not None and self._goes_on(before, look):
                track = before
                track.box, track.last_s, track.look = box, pts_s, look
            else:
                track = _OpenTrack(self._next_id, box, pts_s, look)
                self._next_id += 1
                if before is not None:
                    was_cut = self._cut_since.get(before.track_id, False)
                    self.links[track.track_id] = Link(before.track_id, was_cut)
                    self._open = [t for t in self._open if t is not before]
                self._open.append(track)
            ids[m] = track.track_id
        return ids

    def _goes_on(self, track: _OpenTrack, look: _Look | None) -> bool:
        if self._cut_since.get(track.track_id, False):
            return False
        if look is None or track.look is None:
            return True
        (thumbnail, standard), (before, standard_before) = look, track.look
        if cv2.norm(thumbnail, before, cv2.NORM_L1) > _MOST_DIFFERENCE * thumbnail.size:
            return False
        return float(standard @ standard_before) >= _LEAST_LIKENESS


def rows_by_track(track_id: IntArray) -> dict[int, IntArray]:
    """Positions of the faces of each track, int64 [K] in order, by track; none of no faces."""
    order = np.argsort(track_id, kind="stable")
    identifiers, first = np.unique(track_id[order], return_index=True)
    parts = np.split(order, first[1:]) if len(order) else []
    return dict(zip(identifiers.tolist(), parts, strict=True))
