"""Explanation: Grad-CAM against automatic differentiation, energy, overlays, chosen frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.analysis.moments import choose_frames, face_region
from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.heatmap import energy_shares, grad_cam, overlay, region_masks
from poise.types import Episode, FloatArray

TEMPLATE = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)
LABELS = ("positive", "neutral", "negative")


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def network(request: pytest.FixtureRequest) -> ExpressionNetwork:
    """Each architecture with random weights, large enough that maps differ from zero."""
    torch.manual_seed(7)
    network = ARCHITECTURES[request.param](6).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network


def _by_autograd(
    network: ExpressionNetwork, images: torch.Tensor, members: list[int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Grad-CAM of the log-odds by its definition, with its sign; also maps and posteriors."""
    maps = network.maps(images).detach().requires_grad_()
    logits = network.classifier(maps.mean(dim=(2, 3)))
    others = [k for k in range(logits.shape[1]) if k not in members]
    odds = torch.logsumexp(logits[:, members], dim=1) - torch.logsumexp(logits[:, others], dim=1)
    odds.sum().backward()
    assert maps.grad is not None
    alpha = maps.grad.mean(dim=(2, 3), keepdim=True)
    cam = (alpha * maps).sum(dim=1).detach()
    return cam.numpy(), maps.detach().numpy(), torch.softmax(logits, dim=1).detach().numpy()


@pytest.mark.parametrize("members", [[0], [4], [1, 2, 5], [0, 1, 2, 3, 4]], ids=str)
def test_the_closed_form_is_grad_cam(network: ExpressionNetwork, members: list[int]) -> None:
    images = torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(2))
    expected, maps, posterior = _by_autograd(network, images, members)
    weight = network.classifier.weight.detach().numpy()
    cells = maps.shape[2] * maps.shape[3]  # the mean over places divides the gradient by them
    scale = np.abs(expected).max()
    assert scale > 0
    for sign in (1, -1):
        cam = grad_cam(maps, sign * weight, posterior, members) / cells
        np.testing.assert_allclose(cam / scale, np.maximum(sign * expected, 0) / scale, atol=1e-5)


def test_a_certain_emotion_speaks_for_its_class() -> None:
    maps = np.random.default_rng(0).random((1, 4, 3, 3), np.float32)
    weight = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    sure = np.array([[0.5, 0.5, 0]], np.float32)
    np.testing.assert_allclose(
        grad_cam(maps, weight, sure, [1, 2]), grad_cam(maps, weight, sure, [1]), atol=1e-6
    )


def test_what_all_classes_share_does_not_show() -> None:
    maps = np.random.default_rng(0).random((1, 4, 3, 3), np.float32)
    alike = np.tile(np.random.default_rng(1).random(4), (3, 1)).astype(np.float32)
    cam = grad_cam(maps, alike, np.full((1, 3), 1 / 3, np.float32), [0])
    np.testing.assert_allclose(cam, 0, atol=1e-6)


def test_maps_are_never_negative() -> None:
    maps = np.ones((2, 4, 3, 3), np.float32)
    weight = np.array([[-1] * 4, [1] * 4], np.float32)
    cam = grad_cam(maps, weight, np.full((2, 2), 0.5, np.float32), [0])
    assert cam.shape == (2, 3, 3)
    assert (cam == 0).all()


def test_a_class_without_probability_gives_no_nan() -> None:
    maps = np.ones((1, 4, 3, 3), np.float32)
    cam = grad_cam(maps, np.ones((2, 4), np.float32), np.array([[1, 0]], np.float32), [1])
    assert np.isfinite(cam).all()


def test_eyes_and_mouth_lie_on_their_landmarks_and_apart() -> None:
    masks = region_masks(TEMPLATE, 48)
    for x, y in TEMPLATE[:2].astype(int):
        assert masks["eyes"][y, x]
    for x, y in TEMPLATE[3:].astype(int):
        assert masks["mouth"][y, x]
    assert not (masks["eyes"] & masks["mouth"]).any()
    assert 0.05 < masks["mouth"].mean() < 0.3
    assert 0.1 < masks["eyes"].mean() < 0.4


@pytest.mark.parametrize("side", [3, 6, 12])
def test_energy_shares_sum_to_one(side: int) -> None:
    for seed in range(5):
        cam = np.random.default_rng(seed).random((side, side), np.float32)
        shares = energy_shares(cam, TEMPLATE, 48)
        assert set(shares) == {"eyes", "mouth", "other"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
        assert min(shares.values()) >= 0


def test_energy_lies_where_the_map_is_hot() -> None:
    cam = np.zeros((48, 48), np.float32)
    cam[36:40, 20:28] = 1
    assert energy_shares(cam, TEMPLATE, 48)["mouth"] > 0.95
    assert energy_shares(np.roll(cam, -19, axis=0), TEMPLATE, 48)["eyes"] > 0.95
    assert energy_shares(np.roll(cam, 22, axis=1), TEMPLATE, 48)["other"] > 0.95


def test_a_map_of_zeros_has_no_energy_anywhere_in_particular() -> None:
    shares = energy_shares(np.zeros((6, 6), np.float32), TEMPLATE, 48)
    assert shares == {"eyes": 0.0, "mouth": 0.0, "other": 1.0}


def test_the_overlay_is_warm_where_the_map_is() -> None:
    image = np.full((96, 120, 3), 100, np.uint8)
    cam = np.zeros((6, 6), np.float32)
    cam[4, 2] = 1  # crop pixels (16..24, 32..40), centre (20, 36)
    to_crop = np.array([[0.5, 0, -5], [0, 0.5, 0]])  # picture (50, 72) is crop (20, 36)
    laid = overlay(image, cam, to_crop, 48)
    assert laid.shape == image.shape and laid.dtype == np.uint8
    green = laid[..., 1]  # rises with every step of the colour map
    y, x = np.unravel_index(green.argmax(), green.shape)
    assert abs(int(x) - 50) <= 4 and abs(int(y) - 72) <= 4
    assert (laid[:20, 100:] == 100).all()


def test_the_overlay_of_a_map_of_zeros_is_the_picture_in_gray() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    laid = overlay(image, np.zeros((6, 6), np.float32), np.eye(2, 3), 48)
    np.testing.assert_array_equal(laid[..., 0], laid[..., 2])


@pytest.mark.parametrize(
    "box", [(100, 80, 180, 190), (-40, -50, 60, 70), (280, 200, 360, 300), (10, 10, 14, 15)],
    ids=["inside", "upper left", "lower right", "tiny"],
)  # fmt: skip
def test_the_region_around_a_face_says_where_it_lies(box: tuple[int, ...]) -> None:
    y, x = np.mgrid[:240, :320]
    image = np.stack([x * 255 / 320, y * 255 / 240, x * 0], axis=2).astype(np.uint8)
    region, matrix = face_region(image, np.array(box, np.float32), side_px=100)
    assert max(region.shape[:2]) <= 100
    height, width = region.shape[:2]
    for u, v in ((0, 0), (width - 1, 0), (width // 2, height // 2), (width - 1, height - 1)):
        fx, fy = matrix @ [u, v, 1]
        assert region[v, u, 0] == pytest.approx(fx * 255 / 320, abs=2.5)
        assert region[v, u, 1] == pytest.approx(fy * 255 / 240, abs=2.5)


def test_the_region_of_a_face_wholly_outside_is_still_a_picture() -> None:
    image = np.zeros((50, 60, 3), np.uint8)
    region, _ = face_region(image, np.array([500, 500, 600, 600], np.float32))
    assert min(region.shape[:2]) >= 1


def _episode(label: str, start_s: float, end_s: float, mean: float = 0.8) -> Episode:
    return Episode(label=label, start_s=start_s, end_s=end_s, peak_s=start_s, mean_posterior=mean)


def _chosen(
    episodes: list[Episode], per_label: int = 2, sharpness: FloatArray | None = None,
    raw: FloatArray | None = None,
) -> list[tuple[str, float]]:  # fmt: skip
    """Chosen labels and times; a frame every 0.2 s, that looks as the episode there says."""
    pts_s = np.arange(0, 40, 0.2)
    posterior = np.full((len(pts_s), 3), 0.2, np.float32)
    for episode in episodes:
        inside = (pts_s >= episode.start_s) & (pts_s < episode.end_s)
        posterior[inside, LABELS.index(episode.label)] = episode.mean_posterior
    crisp = np.ones(len(pts_s), np.float32) if sharpness is None else sharpness
    found = choose_frames(
        episodes, LABELS, pts_s, posterior, posterior if raw is None else raw, crisp, per_label
    )
    return [(label, float(pts_s[row])) for label, row in found]


def test_each_label_gets_at_most_so_many_frames() -> None:
    episodes = [_episode("positive", 4 * k, 4 * k + 3) for k in range(6)]
    assert len(_chosen(episodes, 2)) == 2
    assert _chosen(episodes, 0) == []


def test_the_strongest_and_longest_episodes_are_shown() -> None:
    episodes = [
        _episode("positive", 0, 2, 0.6),
        _episode("positive", 10, 16, 0.9),
        _episode("positive", 20, 21, 0.9),
    ]
    ((label, time),) = _chosen(episodes, 1)
    assert label == "positive" and 10 <= time < 16


def test_frames_of_a_label_lie_apart() -> None:
    episodes = [_episode("positive", 0, 1.4), _episode("positive", 1.6, 3)]
    assert len(_chosen(episodes, 2)) == 2 or len(_chosen(episodes, 2)) == 1
    times = [time for _, time in _chosen(episodes, 2)]
    assert all(abs(a - b) >= 2 for a in times for b in times if a != b)


def test_frames_come_in_order_of_time() -> None:
    episodes = [_episode("negative", 0, 3), _episode("positive", 5, 9), _episode("neutral", 10, 19)]
    assert [label for label, _ in _chosen(episodes)] == ["negative", "positive", "neutral"]


def test_the_sharper_of_two_alike_is_shown() -> None:
    sharpness = np.full(200, 0.1, np.float32)
    sharpness[7] = 1.0
    assert _chosen([_episode("positive", 0, 4)], 1, sharpness) == [("positive", pytest.approx(1.4))]


def test_a_frame_that_looks_otherwise_does_not_stand_for_the_episode() -> None:
    raw = np.full((200, 3), 0.1, np.float32)
    raw[:, 1] = 0.8
    raw[5] = (0.7, 0.2, 0.1)
    assert _chosen([_episode("positive", 0, 4)], 1, raw=raw) == [("positive", pytest.approx(1.0))]


def test_no_episode_no_frame() -> None:
    assert _chosen([]) == []
