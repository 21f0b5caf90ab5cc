"""Faces of a recording classified as they are and mirrored, in turn, at the price of one look each.

A network says of a face and of its mirror image not quite the same; the mean of both is nearer to
what people say. A recording shows a face again a moment later: each frame is looked at once, as it
is or mirrored, in turn by the clock, and its other look is the last one of that kind. Only a frame
with none shortly before it is looked at twice. Both looks are a little closer than faces were in
training: negative is then told from neutral better (`benchmarks/README.md`).

Source: test-time augmentation by mirroring, as in Krizhevsky et al., NeurIPS 2012, section 4.1,
    spread over time.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from poise.analysis.crop_file import CropFile
from poise.expression.classifier import Classifier
from poise.types import FloatArray, Image, IntArray, TimeArray

TURN_S = 0.2  # for so long each way of looking has its turn
BESIDE_S = 0.3  # frames that lie no further apart show much the same expression
_CLOSER = 1.06
_SAME_CROP = 2.0  # mean difference of gray levels, of 255
_AT_ONCE = 256


def classify_in_turn(
    classifier: Classifier, crops: CropFile, rows: IntArray, pts_s: TimeArray
) -> FloatArray:
    """Logits of the given crops, each the mean of a plain look and a mirrored one.

    Crops are read from disk part by part. One that hardly differs from the last one that was
    looked at in the same way is not looked at again: on a still picture or a frozen call every
    frame would be.

    Args:
        classifier: Of the expression.
        crops: Aligned crops.
        rows: Which of them, int64 [K].
        pts_s: Their times, ascending, float64 [K].

    Returns:
        float32 [K, C].
    """
    mirrored = is_mirrored(pts_s)
    looks = _looks(classifier, crops, rows, mirrored)
    place = np.arange(len(rows))
    last = [np.maximum.accumulate(np.where(mirrored == way, place, -1)) for way in (False, True)]
    other = np.where(mirrored, *last)
    alone = (other < 0) | (pts_s - pts_s[other] > BESIDE_S)
    others = looks[other]
    others[alone] = _looks(classifier, crops, rows[alone], ~mirrored[alone])
    return np.asarray((looks + others) / 2, np.float32)


def is_mirrored(pts_s: TimeArray) -> npt.NDArray[np.bool_]:
    """Whether frames of these times are looked at mirrored, bool [K].

    By the clock, so that frames that are missing change nothing for the others.
    """
    return np.asarray(np.floor(pts_s / TURN_S + 1e-6) % 2 == 1)


def look_at(crops: Image, *, mirrored: bool) -> Image:
    """Crops as the network sees them in a recording: closer to the middle, perhaps mirrored.

    Args:
        crops: Aligned, uint8 [M, S, S, 3].
        mirrored: Whether left and right change places.

    Returns:
        uint8 [M, S, S, 3].
    """
    side = crops.shape[1]
    shift = (side - 1) / 2 * (1 - _CLOSER)
    matrix = np.array([[_CLOSER, 0, shift], [0, _CLOSER, shift]])
    seen = np.empty_like(crops)
    for k, crop in enumerate(crops):
        cv2.warpAffine(crop, matrix, (side, side), dst=seen[k], flags=cv2.INTER_CUBIC)
    return np.ascontiguousarray(seen[:, :, ::-1]) if mirrored else seen


def _looks(
    classifier: Classifier, crops: CropFile, rows: IntArray, mirrored: npt.NDArray[np.bool_]
) -> FloatArray:
    """Logits of one look at each of the given crops, float32 [K, C]."""
    logits = np.empty((len(rows), len(classifier.spec.labels.emotions)), np.float32)
    for way in (False, True):
        chosen = np.flatnonzero(mirrored == way)
        last: Image | None = None
        last_said = np.empty((0, logits.shape[1]), np.float32)
        for start in range(0, len(chosen), _AT_ONCE):
            part = chosen[start : start + _AT_ONCE]
            images = crops.read(rows[part].tolist())
            new: list[int] = []
            stands_for = np.empty(len(images), np.int64)
            for k, image in enumerate(images):
                if last is None or cv2.norm(image, last, cv2.NORM_L1) > _SAME_CROP * image.size:
                    last = image
                    new.append(k)
                stands_for[k] = len(new) - 1
            said = last_said
            if new:
                seen = look_at(images[new], mirrored=way)
                found = classifier.predict(seen, mirrored=False).logits
                said = np.concatenate([last_said, found])
            logits[part] = said[stands_for + len(last_said)]
            last_said = logits[part][-1:]
    return logits
