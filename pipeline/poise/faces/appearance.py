"""How faces and frames look, coarsely: thumbnails, pictures that never move, and cuts."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image, TimeArray

_SIDE = 12
THUMBNAIL = _SIDE * _SIDE * 3
_SAME = 1.5  # gray levels, mean: no more does a picture of a face change between two samples
_AT_LEAST_S = 1.0  # later; within less a living person may well sit still
_LOOK_BACK = 15  # samples
_SHARE = 0.6  # of the samples show what was there a while before: a picture
_LONG_ENOUGH_S = 3.0
_FROZEN_S = 10.0
_BRIDGED = 3  # samples: found anew on a key frame, the same face is aligned a little otherwise

# A change of look at once, between stretches that are calm: less than this alike, and this many
# times the change before and after. Somebody else in the same place: all of 26 (actors of one
# origin in one light); one living face: 9 a minute in clips full of expressions.
_LEAST_STEP, _STEP_AHEAD = 0.08, 3.0

_SEEN_ACROSS = 8  # pixels that a place of a coarse copy is averaged from, in each direction
_COARSE = (12, 8)  # columns and rows
SIGNATURE = _COARSE[0] * _COARSE[1] * 3
_CUT = 18.0  # gray levels, mean; a head that moves close to the camera reaches 17, cuts 25 to 90
_BESIDE = 8  # columns and rows of what is around a face, in an area twice as wide and as high
_ABOVE = 0.25  # of its height; what is below it, clothes, tells more
SURROUNDINGS = _BESIDE * _BESIDE * 3
_AROUND = (0.6, 0.5, 0.6, 0.8)  # left, above, right, below: of a face's width and height


def thumbnails(crops: Image) -> Image:
    """Thumbnails of aligned crops, uint8 [M, THUMBNAIL].

    Args:
        crops: uint8 [M, S, S, 3].
    """
    small = [cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.array(small, np.uint8).reshape(len(crops), THUMBNAIL)


def standardised(thumbnails: npt.NDArray[np.number]) -> FloatArray:
    """Gray, of zero mean and unit length, so that products are correlations: float32 [..., P].

    Args:
        thumbnails: [..., THUMBNAIL], whatever their type.
    """
    shape = thumbnails.shape[:-1]
    gray = thumbnails.reshape(*shape, THUMBNAIL // 3, 3).mean(axis=-1, dtype=np.float32)
    centred = gray - gray.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), np.float32)


def changed(first: FloatArray, second: FloatArray) -> bool:
    """Whether a face looks so different in two thumbnails that there may be a step between them.

    Args:
        first, second: `standardised`, float32 [P].
    """
    return float(first @ second) < 1 - _LEAST_STEP


def steps(thumbnails: Image) -> FloatArray:
    """Where a face looks otherwise from one sample to the next, but not before and after.

    So does somebody else who takes the same place, and now and then a living face.

    Args:
        thumbnails: Of one track in order of time, uint8 [K, THUMBNAIL].

    Returns:
        How much less alike each is to the one before, float32 [K]; 0 where there is no step.
    """
    looks = standardised(thumbnails)
    change = np.zeros(len(looks) + 1, np.float32)
    change[1:-1] = 1 - (looks[1:] * looks[:-1]).sum(axis=1)
    beside = np.maximum(change[:-2], change[2:])
    found = np.zeros(len(looks), np.float32)
    there = (change[1:-1] > _LEAST_STEP) & (change[1:-1] > _STEP_AHEAD * beside)
    found[1:] = np.where(there, change[1:-1], 0)
    return found


def unmoved(pts_s: TimeArray, thumbnails: Image) -> npt.NDArray[np.bool_]:
    """Which samples of a face show exactly what was there a second or more before, bool [K].

    Args:
        pts_s: Ascending, float64 [K].
        thumbnails: uint8 [K, THUMBNAIL].
    """
    found = np.zeros(len(pts_s), bool)
    for k in range(len(pts_s)):
        for earlier in range(max(0, k - _LOOK_BACK), k):
            if pts_s[k] - pts_s[earlier] < _AT_LEAST_S - 1e-6:
                break
            if cv2.norm(thumbnails[k], thumbnails[earlier], cv2.NORM_L1) <= _SAME * THUMBNAIL:
                found[k] = True
                break
    return found


def is_still(pts_s: TimeArray, thumbnails: Image) -> bool:
    """Whether a face is a picture of one: nothing in it moves, as long as it is seen.

    A living face, however calm, blinks and sways; what is seen for less than 3 s is not judged.

    Args:
        pts_s, thumbnails: As for `unmoved`.
    """
    if len(pts_s) < 2 or pts_s[-1] - pts_s[0] < _LONG_ENOUGH_S:
        return False
    judged = pts_s >= pts_s[0] + _AT_LEAST_S - 1e-6
    return float(unmoved(pts_s, thumbnails)[judged].mean()) >= _SHARE


def frozen(pts_s: TimeArray, thumbnails: Image) -> npt.NDArray[np.bool_]:
    """Which samples lie in a stretch of at least 10 s without any movement, bool [K]: a call that
    hangs.

    Args:
        pts_s, thumbnails: As for `unmoved`.
    """
    repeated = unmoved(pts_s, thumbnails)
    result = np.zeros(len(pts_s), bool)
    rows = np.flatnonzero(repeated)
    if not len(rows):
        return result
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > _BRIDGED + 1) + 1):
        first = int(np.searchsorted(pts_s, pts_s[run[0]] - _AT_LEAST_S - 1e-6))
        if pts_s[run[-1]] - pts_s[first] >= _FROZEN_S:
            result[first : run[-1] + 1] = True
    return result


def signatures(images: Image) -> Image:
    """Coarse copies of frames, uint8 [N, SIGNATURE].

    Args:
        images: uint8 [N, H, W, 3].
    """
    height, width = images.shape[1:3]
    step = max(1, min(width // _COARSE[0], height // _COARSE[1]) // _SEEN_ACROSS)
    thinned = (np.ascontiguousarray(image[::step, ::step]) for image in images)
    small = [cv2.resize(image, _COARSE, interpolation=cv2.INTER_AREA) for image in thinned]
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


def change_around(
    first: Image, second: Image, box_xyxy_px: FloatArray, size_px: tuple[int, int]
) -> float:
    """How much a frame changes at a face and around it: hair, shoulders, the wall behind.

    Args:
        first, second: From `signatures`, uint8 [SIGNATURE].
        box_xyxy_px: Of the face, float32 [4].
        size_px: Width and height of the frame.

    Returns:
        Mean of the change in gray levels.
    """
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy_px)
    left, above, right, below = _AROUND
    wide, high = x2 - x1, y2 - y1
    cell = [size / count for size, count in zip(size_px, _COARSE, strict=True)]
    columns = np.clip(
        [(x1 - left * wide) / cell[0], (x2 + right * wide) / cell[0]], 0, _COARSE[0] - 1
    )
    rows = np.clip(
        [(y1 - above * high) / cell[1], (y2 + below * high) / cell[1]], 0, _COARSE[1] - 1
    )
    part = np.s_[int(rows[0]) : int(rows[1]) + 1, int(columns[0]) : int(columns[1]) + 1]
    shape = (_COARSE[1], _COARSE[0], 3)
    change = first.reshape(shape)[part].astype(np.int16) - second.reshape(shape)[part]
    return float(np.abs(change).mean())


def surroundings(image: Image, boxes_xyxy_px: FloatArray) -> Image:
    """Coarse copies of faces with what is around them, uint8 [M, SURROUNDINGS].

    Where a face is at the edge of the picture, the edge goes on.

    Args:
        image: uint8 [H, W, 3].
        boxes_xyxy_px: float32 [M, 4].
    """
    copies = np.empty((len(boxes_xyxy_px), SURROUNDINGS), np.uint8)
    last = np.array(image.shape[1::-1]) - 1
    for k, box in enumerate(boxes_xyxy_px):
        side = box[2:] - box[:2]
        start = box[:2] - side * [0.5, _ABOVE]
        places = np.linspace(start, start + 2 * side, _BESIDE * _SEEN_ACROSS)
        columns, rows = np.clip(places, 0, last).astype(int).T
        seen = image[rows].take(columns, axis=1)
        small = cv2.resize(seen, (_BESIDE, _BESIDE), interpolation=cv2.INTER_AREA)
        copies[k] = small.reshape(SURROUNDINGS)
    return copies


def apart_around(first: Image, second: Image) -> FloatArray:
    """How much what is around faces differs, the faces themselves left out, float32 [...].

    Args:
        first, second: From `surroundings`, uint8 [..., SURROUNDINGS]; they are broadcast.

    Returns:
        Mean of the difference in gray levels.
    """
    outside = np.ones((_BESIDE, _BESIDE, 3), bool)
    first_row = round(_ABOVE * _BESIDE / 2)
    outside[first_row : first_row + _BESIDE // 2, _BESIDE // 4 : -_BESIDE // 4] = False
    around = outside.ravel()
    difference = first[..., around].astype(np.int16) - second[..., around]
    return np.asarray(np.abs(difference).mean(axis=-1, dtype=np.float32))
