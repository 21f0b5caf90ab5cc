"""Cuts: where a recording goes on with another picture.

A coarse copy of each sampled frame is kept. A head that moves fills it less and less abruptly than
a cut does, but the two overlap; a change of the face itself is seen by the tracker.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from poise.types import Image

_COARSE = (12, 8)  # columns and rows
SIGNATURE = _COARSE[0] * _COARSE[1] * 3
_CUT = 18.0  # gray levels, mean; a head that moves close to the camera reaches 17, cuts 25 to 90


def signatures(images: Image) -> Image:
    """Coarse copies of frames, uint8 [N, SIGNATURE].

    Args:
        images: uint8 [N, H, W, 3].
    """
    small = [cv2.resize(image, _COARSE, interpolation=cv2.INTER_AREA) for image in images]
    return np.array(small, np.uint8).reshape(len(images), SIGNATURE)


def cuts(coarse: Image) -> npt.NDArray[np.bool_]:
    """Which frames differ from the one before as after a cut, bool [F]; the first one never.

    Args:
        coarse: From `signatures`, uint8 [F, SIGNATURE], in order of time.
    """
    seen = np.zeros(len(coarse), bool)
    for k in range(1, len(coarse)):  # one by one: hours of them would double in memory
        seen[k] = cv2.norm(coarse[k], coarse[k - 1], cv2.NORM_L1) > _CUT * SIGNATURE
    return seen
