"""Convolutions in eight bits: beside the same in float32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pipeline.classify
from pipeline.classify import ExpressionClassifier
from pipeline.device import prefers_int8
from pipeline.int8 import quantise
from pipeline.network import ARCHITECTURES, SPEC_FILE, ExpressionNetwork, VGG16DenseNet
from tests.conftest import SampleFaces

pytestmark = pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(), reason="the processor has no VNNI"
)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> ExpressionNetwork:
    """A network whose weights keep activations in bounds, and whose norms know its maps."""
    torch.manual_seed(0)
    network = ARCHITECTURES[request.param](4).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for layer in network.backbone:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)  # type: ignore[arg-type]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the average of what it sees
        nn.init.normal_(norm.weight, 1.0, 0.3)  # also below zero
        nn.init.normal_(norm.bias, 0.0, 0.3)
    network.train().maps(torch.randn(32, 3, 48, 48))
    return network.eval()  # type: ignore[no-any-return]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(5, 3, 48, 48).to(memory_format=torch.channels_last)


def _ranges(network: ExpressionNetwork, images: Tensor) -> list[float]:
    found = []
    for layer in network.backbone:
        images = layer(images)
        if isinstance(layer, nn.ReLU):
            found.append(float(images.max()))
    return found


def test_it_computes_what_the_network_does(network: ExpressionNetwork, images: Tensor) -> None:
    expected = network.maps(images)
    quantise(network, _ranges(network, images))
    maps = network.maps(images)
    assert maps.shape == expected.shape
    assert maps.dtype is torch.float32
    assert not torch.equal(maps, expected)
    # Random maps stay near their means, where a step of the dense block is a tenth of a deviation.
    most = 0.15 if isinstance(network, VGG16DenseNet) else 0.03
    assert (maps - expected).abs().mean() < most * expected.mean()


def test_each_face_is_the_same_in_any_company(network: ExpressionNetwork, images: Tensor) -> None:
    quantise(network, _ranges(network, images))
    alone = torch.cat([network.maps(image[None]) for image in images])
    assert torch.equal(network.maps(images), alone)


def test_activations_beyond_the_range_are_cut_off(
    network: ExpressionNetwork, images: Tensor
) -> None:
    ranges = _ranges(network, images)
    quantise(network, ranges)
    maps = network.backbone(100 * images)
    assert torch.isfinite(network.maps(100 * images)).all()
    assert maps.max() < 3 * ranges[-1]


@pytest.mark.parametrize("size", [(16, 16), (17, 22), (23, 33)])
def test_pooling_is_that_of_torch(size: tuple[int, int], network: ExpressionNetwork) -> None:
    layers = _without_relu(network.backbone)
    quantise(network, [1.0] * 13)
    pooling = next(
        layer
        for layer, old in zip(network.backbone, layers, strict=True)
        if isinstance(old, nn.MaxPool2d)
    )
    maps = torch.randint(0, 256, (2, 8, *size), dtype=torch.uint8)
    maps = maps.to(memory_format=torch.channels_last)
    assert torch.equal(pooling(maps).float(), nn.functional.max_pool2d(maps.float(), 2))


def _without_relu(features: nn.Sequential) -> list[nn.Module]:
    return [layer for layer in features if not isinstance(layer, nn.ReLU)]


def test_the_shipped_model_says_the_same(
    model_dir: Path, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.classify, "prefers_int8", lambda device: True)
    monkeypatch.setattr(pipeline.classify, "computing_type", lambda device: torch.float32)
    eight = ExpressionClassifier(model_dir, device="cpu")
    monkeypatch.setattr(pipeline.classify, "prefers_int8", lambda device: False)
    floating = ExpressionClassifier(model_dir, device="cpu")
    crops = np.concatenate([np.roll(sample_faces.crops, k, axis=2) for k in range(-2, 3)])
    a, b = (one.predict(crops).posterior for one in (eight, floating))
    assert (a.argmax(axis=1) == b.argmax(axis=1)).mean() >= 0.95
    np.testing.assert_allclose(a, b, atol=0.06)
    assert not np.array_equal(a, b)


def test_a_model_without_ranges_stays_in_float32(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in model_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spec = json.loads((tmp_path / SPEC_FILE).read_text(encoding="utf-8"))
    del spec["activation_ranges"]
    (tmp_path / SPEC_FILE).write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setattr(pipeline.classify, "prefers_int8", lambda device: True)
    network = ExpressionClassifier(tmp_path, device="cpu").network
    assert isinstance(network.backbone[0], nn.Conv2d)


@pytest.mark.parametrize(
    ("computes_in", "preferred"), [(torch.float32, True), (torch.bfloat16, False)]
)
def test_bfloat16_comes_first(
    computes_in: torch.dtype, preferred: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.device.computing_type", lambda device: computes_in)
    assert prefers_int8(torch.device("cpu")) is preferred
