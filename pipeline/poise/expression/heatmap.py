"""Heat maps: Grad-CAM in closed form, and how a map is laid over a face.

With global average pooling and one linear layer the gradient of a class score with respect to the
last maps is the same at every place, so that Grad-CAM (Selvaraju et al., arXiv:1610.02391) needs
no backward pass: its weights are the rows of the linear layer (Zhou et al., arXiv:1512.04150).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, Image

_OPACITY = 0.6


def grad_cam(
    maps: FloatArray, weight: FloatArray, posterior: FloatArray, members: Sequence[int]
) -> FloatArray:
    """Grad-CAM of the log-odds of a class that is a set of emotions.

    The log-odds set the class against all others, so that the map shows what decided between
    them, not what all faces share. Their gradient is the mean of the members' rows of the linear
    layer, weighted by the posterior within the class, less that of the other emotions' rows.

    Args:
        maps: Last feature maps, float32 [M, K, h, w], non-negative.
        weight: Of the linear layer, float32 [C, K].
        posterior: Emotion posteriors at temperature 1, float32 [M, C].
        members: Columns of the emotions that make up the class; not all.

    Returns:
        float32 [M, h, w], non-negative, up to a positive factor.
    """
    inside = np.zeros(len(weight), bool)
    inside[list(members)] = True
    alpha = _mean_row(weight, posterior, inside) - _mean_row(weight, posterior, ~inside)
    return np.asarray(np.maximum(np.einsum("mk,mkhw->mhw", alpha, maps), 0), np.float32)


def _mean_row(
    weight: FloatArray, posterior: FloatArray, chosen: npt.NDArray[np.bool_]
) -> FloatArray:
    """Mean of the chosen rows, weighted by their posterior: float32 [M, K]."""
    share = posterior[:, chosen]
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(share @ weight[chosen], np.float32)


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


def energy_shares(cam: FloatArray, template_px: FloatArray, size_px: int) -> dict[str, float]:
    """Share of one map's energy on `eyes`, `mouth` and `other`; sums to 1.

    Args:
        cam: float32 [h, w].
        template_px: float32 [5, 2].
        size_px: Side of the aligned crop that the map spans.
    """
    fine = np.maximum(cv2.resize(cam, (size_px, size_px), interpolation=cv2.INTER_LINEAR), 0)
    total = float(fine.sum())
    if total <= 0:
        return {"eyes": 0.0, "mouth": 0.0, "other": 1.0}
    masks = region_masks(template_px, size_px)
    eyes, mouth = (float(fine[masks[name]].sum()) / total for name in ("eyes", "mouth"))
    return {"eyes": eyes, "mouth": mouth, "other": max(0.0, 1.0 - eyes - mouth)}


def overlay(image: Image, cam: FloatArray, to_crop: npt.NDArray[np.float64], crop_px: int) -> Image:
    """Lay a map over the picture it explains.

    Args:
        image: uint8 [H, W, 3] RGB.
        cam: float32 [h, w], spanning the aligned crop.
        to_crop: float [2, 3], from pixels of the picture to pixels of the aligned crop.
        crop_px: Side of the aligned crop.

    Returns:
        uint8 [H, W, 3]: the picture in gray under the colours of the map.
    """
    height, width = image.shape[:2]
    fine = cv2.resize(cam, (crop_px, crop_px), interpolation=cv2.INTER_CUBIC)
    placed = cv2.warpAffine(
        np.maximum(fine, 0).astype(np.float32),
        to_crop,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    strength = placed / max(float(placed.max()), 1e-9)
    colours = cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    opacity = (_OPACITY * np.sqrt(strength))[..., None]
    return np.asarray(gray * (1 - opacity) + colours * opacity, np.uint8)
