"""Attribution: each method against its definition, and the maps a classifier gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from poise.errors import ModelError
from poise.expression import attribution
from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.attribution import (
    blurred,
    grad_cam,
    integrated_grad_cam,
    layer_cam,
    log_odds,
    occlusion,
    smoothed,
)
from poise.expression.classifier import ExpressionClassifier
from poise.labels import display_labels, display_posterior
from poise.settings import HEAT_MAPS
from poise.types import FloatArray, Image
from tests.conftest import SampleFaces

POSITIVE_FACE, NEGATIVE_FACE = 1, 3  # of the sample faces


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def network(request: pytest.FixtureRequest) -> ExpressionNetwork:
    """Each architecture with random weights, large enough that maps differ from zero."""
    torch.manual_seed(7)
    network = ARCHITECTURES[request.param](6).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network.requires_grad_(False)


def _images(seed: int, count: int = 2, side: int = 48) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


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
    expected, maps, posterior = _by_autograd(network, _images(2, 3), members)
    weight = network.classifier.weight.numpy()
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


def test_a_class_without_probability_gives_no_nan() -> None:
    maps = np.ones((1, 4, 3, 3), np.float32)
    cam = grad_cam(maps, np.ones((2, 4), np.float32), np.array([[1, 0]], np.float32), [1])
    assert np.isfinite(cam).all()


@pytest.mark.parametrize("behind", sorted(attribution.BEHIND))
def test_cut_and_joined_the_network_is_whole(network: ExpressionNetwork, behind: str) -> None:
    images = _images(3)
    early, late = attribution.cut(network, behind)
    maps = early(images)
    before = maps.clone()
    torch.testing.assert_close(late(maps), network(images))
    torch.testing.assert_close(maps, before)  # nothing that follows works in place


def test_layer_cam_is_its_definition(network: ExpressionNetwork) -> None:
    images, members = _images(4), [1, 2]
    early, late = attribution.cut(network, "relu3_3")
    maps = early(images).requires_grad_()
    log_odds(late(maps), members).sum().backward()
    assert maps.grad is not None
    expected = (torch.relu(maps.grad) * maps).sum(dim=1).detach()
    assert expected.max() > 0
    torch.testing.assert_close(layer_cam(network, images, members), expected)


def test_integrated_grad_cam_sums_to_the_change_of_the_log_odds(
    network: ExpressionNetwork,
) -> None:
    """Completeness, of both signs together."""
    face, other = _images(5, 1, 32), _images(6, 1, 32)
    without = torch.lerp(face, other, 0.25)
    with torch.no_grad():
        change = log_odds(network(face), [1, 2]) - log_odds(network(without), [1, 2])
        against = log_odds(network(face), [0, 3, 4, 5]) - log_odds(network(without), [0, 3, 4, 5])
    torch.testing.assert_close(change, -against)
    up = integrated_grad_cam(network, face, without, [1, 2], steps=20)
    down = integrated_grad_cam(network, face, without, [0, 3, 4, 5], steps=20)
    assert float(up.sum() - down.sum()) == pytest.approx(float(change), rel=0.05)


def test_a_face_that_is_its_own_blur_has_no_map(network: ExpressionNetwork) -> None:
    face = _images(5, 1)
    assert integrated_grad_cam(network, face, face, [1]).abs().max() == 0


def test_no_network_is_left_with_gradients(network: ExpressionNetwork) -> None:
    layer_cam(network, _images(1), [1])
    assert all(p.grad is None for p in network.parameters())


def test_occlusion_finds_the_place_that_counts() -> None:
    crops = np.full((2, 48, 48, 3), 90, np.uint8)
    crops[:, 30:36, 8:14] = 250
    bright = occlusion(crops, lambda c: c[:, 30:36, 8:14].mean(axis=(1, 2, 3)).astype(np.float32))
    for cam in bright:
        y, x = np.unravel_index(cam.argmax(), cam.shape)
        assert abs(int(y) - 33) <= 4 and abs(int(x) - 11) <= 4
        assert cam[:20].max() < 0.2 * cam.max()


def test_what_does_not_depend_on_the_face_has_no_place() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3), np.uint8)
    assert occlusion(crops, lambda c: np.ones(len(c), np.float32)).max() == 0


def test_blurring_keeps_the_light_and_takes_the_detail() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), np.uint8)
    flat = blurred(crops)
    assert flat.shape == crops.shape and flat.dtype == np.uint8
    np.testing.assert_allclose(flat.mean(axis=(1, 2)), crops.mean(axis=(1, 2)), atol=3)
    assert flat.std() < 0.1 * crops.std()


@pytest.mark.parametrize("side", [3, 6, 12, 24])
def test_smoothing_moves_nothing(side: int) -> None:
    cam = np.zeros((1, side, side), np.float32)
    cam[0, side // 3, side - 1 - side // 3] = 1
    fine = smoothed(cam, 48)[0]
    assert fine.shape == (48, 48) and fine.min() >= 0
    y, x = np.unravel_index(fine.argmax(), fine.shape)
    step = 48 / side
    assert abs(y - (side // 3 + 0.5) * step + 0.5) <= 1
    assert abs(x - (side - side // 3 - 0.5) * step + 0.5) <= 1


@pytest.fixture(scope="module")
def face(sample_faces: SampleFaces) -> Image:
    """A smiling face, uint8 [1, S, S, 3]."""
    return sample_faces.crops[POSITIVE_FACE : POSITIVE_FACE + 1]


@pytest.mark.parametrize("method", HEAT_MAPS)
def test_the_map_of_a_mirrored_face_is_mirrored(
    classifier: ExpressionClassifier, face: Image, method: str
) -> None:
    cam = classifier.explain(face, "positive", method)
    assert cam.shape == (1, 48, 48) and cam.dtype == np.float32
    assert cam.min() >= 0 and cam.max() > 0
    other = classifier.explain(np.ascontiguousarray(face[:, :, ::-1]), "positive", method)
    np.testing.assert_allclose(other[:, :, ::-1] / cam.max(), cam / cam.max(), atol=0.02)


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_what_the_map_calls_decisive_decides(
    classifier: ExpressionClassifier, sample_faces: SampleFaces, label: str
) -> None:
    """Blurring its hottest fifth takes away more than blurring the coolest fifth."""
    number = POSITIVE_FACE if label == "positive" else NEGATIVE_FACE
    crop = sample_faces.crops[number]
    cam = classifier.explain(crop[None], label)[0]
    rank = cam.ravel().argsort().argsort().reshape(cam.shape) / cam.size
    flat = blurred(crop[None])[0]
    tried = np.stack(
        [crop] + [np.where(chosen[..., None], flat, crop) for chosen in (rank >= 0.8, rank < 0.2)]
    )
    column = display_labels(classifier.spec.labels).index(label)
    said = display_posterior(
        classifier.spec.labels, classifier.predict(tried, mirrored=False).posterior
    )
    whole, hot, cool = np.log(said[:, column] / (1 - said[:, column]))
    assert whole - hot > 1.0
    assert whole - hot > 4 * abs(whole - cool)


def test_faces_of_a_batch_do_not_see_each_other(
    classifier: ExpressionClassifier, sample_faces: SampleFaces
) -> None:
    crops = np.concatenate([sample_faces.crops] * 2)
    together = classifier.explain(crops, "positive")
    alone = classifier.explain(crops[POSITIVE_FACE : POSITIVE_FACE + 1], "positive")
    np.testing.assert_allclose(together[POSITIVE_FACE], alone[0], atol=1e-3 * alone.max())
    assert len(classifier.explain(crops[:0], "positive")) == 0


def test_a_class_the_model_does_not_know(classifier: ExpressionClassifier, face: Image) -> None:
    with pytest.raises(ModelError, match="cannot tell 'boredom'"):
        classifier.explain(face, "boredom")
