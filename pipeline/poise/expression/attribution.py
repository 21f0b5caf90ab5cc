"""Attribution: which places of a face decided for a class, by several methods.

All methods but occlusion belong to the Grad-CAM family: maps of activations, weighted by how the
class depends on them. All explain the log-odds of a class against all others, so that a map shows
what decided between them, not what all faces share.

| method | what it does |
|---|---|
| `integrated-grad-cam` | Integrated Grad-CAM (Sattarzadeh et al., arXiv:2102.07805) with HiResCAM's weights (Draelos and Carin, arXiv:2011.08891) behind relu2_2: gradients are averaged on the way from the maps of the blurred face to those of the face, and multiplied place by place with their difference |
| `layer-cam` | LayerCAM (Jiang et al., IEEE TIP 30, 2021) behind relu3_3: positive gradients times activations, place by place |
| `grad-cam` | Grad-CAM (Selvaraju et al., arXiv:1610.02391) on the last maps, in closed form |
| `occlusion` | no gradient: how far the log-odds fall when a place is blurred (Zeiler and Fergus, arXiv:1311.2901) |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from poise.expression.architectures import ExpressionNetwork
from poise.types import FloatArray, Image

BEHIND = {"relu2_2": 9, "pool2": 10, "relu3_3": 16, "pool3": 17, "relu4_2": 21}
"""Layers of VGG16's features to cut behind; what follows changes none of them in place."""

BLUR_SHARE = 1 / 6
"""Standard deviation of the blur that takes a place out of a face, as a share of the crop's side:
8 px of 48. Expression is gone, light and skin stay."""

_STEPS = 2  # of the integral; more changed nothing that could be measured
_SMOOTHING_SHARE = 1 / 32
_PLACES = 6  # to a side
_PLACE_SHARE = 1 / 4


def blurred(crops: Image) -> Image:
    """The crops without expression: uint8 [M, S, S, 3], as the ones given."""
    sigma = BLUR_SHARE * crops.shape[1]
    return np.stack(
        [
            np.asarray(
                cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8
            )
            for crop in crops
        ]
    )


def log_odds(logits: Tensor, members: Sequence[int]) -> Tensor:
    """Log-odds of a class that is a set of emotions against all others: [M] of logits [M, C]."""
    others = [k for k in range(logits.shape[1]) if k not in members]
    inside = torch.logsumexp(logits[:, list(members)], dim=1)
    return inside - torch.logsumexp(logits[:, others], dim=1)


def integrated_grad_cam(
    network: ExpressionNetwork,
    faces: Tensor,
    without: Tensor,
    members: Sequence[int],
    *,
    behind: str = "relu2_2",
    steps: int = _STEPS,
) -> Tensor:
    """Integrated Grad-CAM with HiResCAM's weights.

    Before negative places are cut off, a map sums to the difference of the log-odds between the
    face and the face without expression, up to the error of the integral (Sundararajan et al.,
    arXiv:1703.01365, completeness).

    Args:
        network: float32 or bfloat16; its parameters need no gradient.
        faces: Normalised, [M, 3, S, S], in the type of the network.
        without: The same faces without expression, see `blurred`.
        members: Columns of the emotions that make up the class; not all.
        behind: Key of `BEHIND`.
        steps: Of the integral, by the midpoint rule.

    Returns:
        [M, h, w], non-negative, in the type of the network.
    """
    early, late = cut(network, behind)
    with torch.no_grad():
        end, start = early(faces), early(without)
    step = [start + (k + 0.5) / steps * (end - start) for k in range(steps)]
    mean = gradient(late, torch.cat(step), members).view(steps, *end.shape).mean(dim=0)
    return ((end - start) * mean).sum(dim=1).clamp(min=0)


def layer_cam(
    network: ExpressionNetwork, faces: Tensor, members: Sequence[int], *, behind: str = "relu3_3"
) -> Tensor:
    """LayerCAM; arguments and result as those of `integrated_grad_cam`."""
    early, late = cut(network, behind)
    with torch.no_grad():
        maps = early(faces)
    return (gradient(late, maps, members).clamp(min=0) * maps).sum(dim=1)


def grad_cam(
    maps: FloatArray, weight: FloatArray, posterior: FloatArray, members: Sequence[int]
) -> FloatArray:
    """Grad-CAM on the last maps.

    With global average pooling and one linear layer the gradient of a class score with respect to
    the last maps is the same at every place, so that no backward pass is needed: the gradient of
    the log-odds is the mean of the members' rows of the linear layer, weighted by the posterior
    within the class, less that of the other emotions' rows.

    Args:
        maps: Last feature maps, float32 [M, K, h, w], non-negative.
        weight: Of the linear layer, float32 [C, K].
        posterior: Emotion posteriors at temperature 1, float32 [M, C].
        members: Columns of the emotions that make up the class; not all.

    Returns:
        float32 [M, h, w], non-negative, up to a positive factor.

    Source: Zhou et al., arXiv:1512.04150, for the closed form.
    """
    inside = np.zeros(len(weight), bool)
    inside[list(members)] = True
    alpha = _mean_row(weight, posterior, inside) - _mean_row(weight, posterior, ~inside)
    return np.asarray(np.maximum(np.einsum("mk,mkhw->mhw", alpha, maps), 0), np.float32)


def occlusion(
    crops: Image,
    ask: Callable[[Image], FloatArray],
    *,
    places: int = _PLACES,
    share: float = _PLACE_SHARE,
) -> FloatArray:
    """How far the log-odds fall when a place is blurred.

    Args:
        crops: uint8 [M, S, S, 3].
        ask: Log-odds of the class, float32 [M], of crops.
        places: To a side.
        share: Standard deviation of the soft place, as a share of the distance to the next one
            times two.

    Returns:
        float32 [M, S, S], non-negative: the mean fall over the places, weighted at each pixel by
        how far they cover it.
    """
    side = crops.shape[1]
    weights = _places(side, places, share)
    plain, without = ask(crops), blurred(crops)
    result = np.empty((len(crops), side, side), np.float32)
    for k, (crop, flat) in enumerate(zip(crops, without, strict=True)):
        cover = weights[..., None]
        tried = np.asarray(np.rint(crop * (1 - cover) + flat * cover), np.uint8)
        fall = np.maximum(plain[k] - ask(tried), 0)
        result[k] = np.einsum("p,phw->hw", fall, weights) / weights.sum(axis=0)
    return result


def smoothed(cams: FloatArray, size_px: int) -> FloatArray:
    """Maps of any size brought to that of the crop and smoothed a little, float32 [M, S, S]."""
    sigma = _SMOOTHING_SHARE * size_px
    fine = [
        cv2.GaussianBlur(
            cv2.resize(cam, (size_px, size_px), interpolation=cv2.INTER_CUBIC), (0, 0), sigma
        )
        for cam in cams
    ]
    return np.asarray(np.maximum(np.stack(fine), 0), np.float32)


def _mean_row(
    weight: FloatArray, posterior: FloatArray, chosen: npt.NDArray[np.bool_]
) -> FloatArray:
    """Mean of the chosen rows, weighted by their posterior: float32 [M, K]."""
    share = posterior[:, chosen]
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(share @ weight[chosen], np.float32)


def cut(
    network: ExpressionNetwork, behind: str
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The network up to the layer, and from there to the logits."""
    layers, place = network.backbone, BEHIND[behind]

    def late(maps: Tensor) -> Tensor:
        last = torch.relu(network.head(layers[place:](maps)))
        logits: Tensor = network.classifier(last.mean(dim=(2, 3)))
        return logits

    return layers[:place], late


def gradient(late: Callable[[Tensor], Tensor], maps: Tensor, members: Sequence[int]) -> Tensor:
    """Gradient of each face's log-odds with respect to its own maps."""
    with torch.enable_grad():
        leaf = maps.detach().requires_grad_()
        odds = log_odds(late(leaf), members)
        (result,) = torch.autograd.grad(odds.sum(), leaf)
    return result


def _places(side: int, places: int, share: float) -> FloatArray:
    """Soft discs in a square grid, float32 [P, S, S], 1 in their middle."""
    middle = (np.arange(places) + 0.5) * side / places
    sigma = 2 * share * side / places
    line = np.exp(-((np.arange(side)[None] + 0.5 - middle[:, None]) ** 2) / (2 * sigma**2))
    return np.asarray(
        np.einsum("ay,bx->abyx", line, line).reshape(places**2, side, side), np.float32
    )
