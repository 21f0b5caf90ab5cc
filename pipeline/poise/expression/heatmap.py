"""Heat maps as a report shows them: within the face, over its picture, and in words.

How the maps are made: `poise.expression.attribution`.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from poise.expression.attribution import blurred
from poise.types import FloatArray, Image

BOTH = "both"
_OPACITY = 0.6
_FLOOR = 0.25  # of the peak
_OVAL_EDGE = 0.2  # as a share of the oval's radius
_CROP_EDGE = 1 / 16  # as a share of the crop's side
_LEAST_FALL = 1 / 3  # of the posterior


def region_masks(template_px: FloatArray, size_px: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Where eyes (with brows) and mouth lie in an aligned crop, bool [S, S] each.

    Args:
        template_px: float32 [5, 2].
        size_px: Side S of the crop.
    """
    eyes, mouth = template_px[:2], template_px[3:]
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    y, x = np.mgrid[:size_px, :size_px]

    def box(points: FloatArray, side: float, above: float, below: float) -> npt.NDArray[np.bool_]:
        low, high = points.min(axis=0), points.max(axis=0)
        return np.asarray(
            (x >= low[0] - side * unit) & (x <= high[0] + side * unit)
            & (y >= low[1] - above * unit) & (y <= high[1] + below * unit)
        )  # fmt: skip

    return {"eyes": box(eyes, 0.45, 0.6, 0.25), "mouth": box(mouth, 0.3, 0.35, 0.4)}


def within_face(cam: FloatArray, template_px: FloatArray) -> FloatArray:
    """A map as it is shown: within a soft oval, its peak 1, nothing below a quarter of that.

    Args:
        cam: float32 [S, S], non-negative, spanning the aligned crop.
        template_px: float32 [5, 2], in pixels of the crop.

    Returns:
        float32 [S, S], 0 to 1; all 0 for a map without a positive place in the oval.
    """
    kept = cam * face_oval(template_px, len(cam))
    peak = float(kept.max())
    if peak <= 0:
        return np.zeros_like(kept)
    return np.asarray(np.maximum(kept / peak - _FLOOR, 0) / (1 - _FLOOR), np.float32)


def face_oval(template_px: FloatArray, size_px: int) -> FloatArray:
    """A soft oval over the face of an aligned crop, float32 [S, S], 1 within and 0 outside.

    From the hairline to the chin and from ear to ear, by the usual proportions of a face.

    Args:
        template_px: float32 [5, 2].
        size_px: Side S of the crop.
    """
    eyes, mouth = template_px[:2], template_px[3:].mean(axis=0)
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    down = mouth - eyes.mean(axis=0)
    centre = eyes.mean(axis=0) + 0.35 * down
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32)
    distance = np.hypot((x - centre[0]) / (1.2 * unit), (y - centre[1]) / (1.4 * np.hypot(*down)))
    inside = np.clip((1 - distance) / _OVAL_EDGE + 0.5, 0, 1)
    # Where the crop ends within the face, the map ends softly as well.
    edge = np.minimum(np.minimum(x, y), size_px - 1 - np.maximum(x, y))
    return np.asarray(inside * np.clip(edge / (_CROP_EDGE * size_px), 0, 1), np.float32)


def energy_shares(cam: FloatArray, template_px: FloatArray) -> dict[str, float]:
    """Share of one map's energy on `eyes`, `mouth` and `other`; sums to 1.

    Args:
        cam: float32 [S, S], non-negative, spanning the aligned crop.
        template_px: float32 [5, 2].
    """
    total = float(cam.sum())
    if total <= 0:
        return {"eyes": 0.0, "mouth": 0.0, "other": 1.0}
    masks = region_masks(template_px, len(cam))
    eyes, mouth = (float(cam[masks[name]].sum()) / total for name in ("eyes", "mouth"))
    return {"eyes": eyes, "mouth": mouth, "other": max(0.0, 1.0 - eyes - mouth)}


def without_regions(crop: Image, template_px: FloatArray) -> dict[str, Image]:
    """The crop with one region blurred, for each region: uint8 [S, S, 3].

    What the model says of them shows whether a region decided, see `confirmed_region`.

    Args:
        crop: uint8 [S, S, 3].
        template_px: float32 [5, 2].
    """
    flat = blurred(crop[None])[0]
    masks = region_masks(template_px, len(crop))
    return {name: np.where(mask[..., None], flat, crop) for name, mask in masks.items()}


def confirmed_region(
    energy: Mapping[str, float], posterior: float, without: Mapping[str, float]
) -> str:
    """The region that decided, where the map and its deletion agree.

    The map must name the region before the others, and the posterior must fall by a third of
    itself without it, and by twice as much as without the other region. If it falls by a third
    without either, both decided.

    Args:
        energy: From `energy_shares`.
        posterior: Of the class.
        without: Of the class without each region, in the order of `without_regions`.

    Returns:
        `eyes`, `mouth`, `both`, or an empty string where deletion confirms none.
    """
    fall = {name: 1 - seen / max(posterior, 1e-9) for name, seen in without.items()}
    first, second = sorted(fall, key=lambda name: -fall[name])
    if fall[first] < _LEAST_FALL:
        return ""
    if fall[first] >= 2 * fall[second]:
        return first if energy[first] > energy[second] else ""
    return BOTH if fall[second] >= _LEAST_FALL else ""


def overlay(image: Image, cam: FloatArray, to_crop: npt.NDArray[np.float64]) -> Image:
    """Lay a map over the picture it explains.

    Args:
        image: uint8 [H, W, 3] RGB.
        cam: float32 [S, S], 0 to 1, spanning the aligned crop, see `within_face`.
        to_crop: float [2, 3], from pixels of the picture to pixels of the aligned crop.

    Returns:
        uint8 [H, W, 3]: the picture in gray under the colours of the map.
    """
    height, width = image.shape[:2]
    strength = cv2.warpAffine(
        cam,
        to_crop,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    colours = cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    opacity = (_OPACITY * np.sqrt(strength))[..., None]
    return np.asarray(gray * (1 - opacity) + colours * opacity, np.uint8)
