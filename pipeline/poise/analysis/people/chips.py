"""Chips: of which faces a picture is kept that can be compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from poise.faces.appearance import change_around, changed, cuts
from poise.faces.tracker import Tracker
from poise.types import FloatArray, Image

LOOK_S = 1.0  # a chip is kept of each track in each second
# Gray levels around a face, mean, where it is looked at again; see `poise.analysis.people.tracks`.
_STIRS = 5.0


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
