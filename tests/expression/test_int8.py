"""Convolutions in eight bits: beside the same in float32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import poise.expression.classifier
from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.classifier import ExpressionClassifier
from poise.expression.device import prefers_int8
from poise.expression.int8 import in_bytes, quantise, trouble
from poise.expression.model_spec import SPEC_FILE
from tests.conftest import SampleFaces

pytestmark = pytest.mark.skipif(
    not prefers_int8(torch.device("cpu")), reason="the processor has no AVX2"
)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@cache
def _made(architecture: str) -> ExpressionNetwork:
    torch.manual_seed(0)
    network = ARCHITECTURES[architecture](4).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for layer in network.backbone:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)  # type: ignore[arg-type]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the average of what it sees
        nn.init.normal_(norm.weight)  # also below zero
        nn.init.normal_(norm.bias, 0.0, 0.3)
    network.train().maps(torch.randn(32, 3, 48, 48))
    return network.eval()  # type: ignore[no-any-return]


@pytest.fixture(params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> ExpressionNetwork:
    """A network whose weights keep activations in bounds, and whose norms know its maps."""
    return deepcopy(_made(request.param))


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


def test_features_are_what_they_were(network: ExpressionNetwork, images: Tensor) -> None:
    expected = network.backbone(images)
    quantise(network, _ranges(network, images))
    maps = network.backbone(images)
    assert maps.shape == expected.shape
    assert maps.dtype is torch.float32
    assert not torch.equal(maps, expected)
    assert (maps - expected).abs().mean() < 0.03 * expected.mean()


@pytest.mark.parametrize("network", ["VGG16DenseNet"], indirect=True)
def test_a_dense_block_adds_the_same_maps(network: ExpressionNetwork, images: Tensor) -> None:
    features = network.backbone(images)
    expected = network.head(features)
    quantise(network, _ranges(network, images))
    maps = network.head(features)
    assert maps.shape == expected.shape
    assert torch.equal(maps[:, :512], expected[:, :512])
    # Random maps stay near their means, where a step is a tenth of a deviation.
    added, wanted = maps[:, 512:], expected[:, 512:]
    assert (added - wanted).abs().mean() < 0.13 * wanted.abs().mean()


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
    assert torch.isfinite(maps).all()
    assert maps.max() < 3 * ranges[-1]


def test_counts_become_bytes() -> None:
    counted = torch.tensor([-5.0, -0.1, 0.9, 1.0, 254.9, 255.4, 1e9])
    assert in_bytes(counted).tolist() == [0, 0, 0, 1, 254, 255, 255]


def test_pooling_is_that_of_torch(network: ExpressionNetwork) -> None:
    layers = _without_relu(network.backbone)
    quantise(network, [1.0] * 13)
    pooling = next(
        layer
        for layer, old in zip(network.backbone, layers, strict=True)
        if isinstance(old, nn.MaxPool2d)
    )
    for size in ((16, 16), (17, 22), (23, 33)):
        maps = torch.randint(0, 256, (2, 8, *size), dtype=torch.uint8)
        maps = maps.to(memory_format=torch.channels_last)
        pooled = nn.functional.max_pool2d(maps.float(), 2)
        assert torch.equal(pooling(maps).float(), pooled), size


def _without_relu(features: nn.Sequential) -> list[nn.Module]:
    return [layer for layer in features if not isinstance(layer, nn.ReLU)]


def test_the_shipped_model_says_the_same(
    model_dir: Path, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poise.expression.classifier, "prefers_int8", lambda device: True)
    monkeypatch.setattr(poise.expression.classifier, "computing_type", lambda device: torch.float32)
    eight = ExpressionClassifier(model_dir, device="cpu")
    monkeypatch.setattr(poise.expression.classifier, "prefers_int8", lambda device: False)
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
    monkeypatch.setattr(poise.expression.classifier, "prefers_int8", lambda device: True)
    network = ExpressionClassifier(tmp_path, device="cpu").network
    assert isinstance(network.backbone[0], nn.Conv2d)


@pytest.mark.parametrize(
    ("device", "avx2", "preferred"),
    [("cpu", True, True), ("cpu", False, False), ("cuda", True, False)],
)
def test_bytes_are_for_processors_that_multiply_them_fast(
    device: str, avx2: bool, preferred: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx2_supported", lambda: avx2)
    assert prefers_int8(torch.device(device)) is preferred


def test_a_torch_with_other_operators_computes_in_float32_instead(
    model_dir: Path, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators that are renamed, or that come to mean something else."""
    assert trouble() == ""
    monkeypatch.setattr(poise.expression.classifier, "prefers_int8", lambda device: True)
    monkeypatch.setattr(poise.expression.classifier, "computing_type", lambda device: torch.float32)
    plain = ExpressionClassifier(model_dir, device="cpu").predict(sample_faces.crops).posterior

    def renamed(*arguments: object) -> Tensor:
        raise AttributeError("no such operator")

    def doubled(*arguments: object) -> Tensor:
        return 2 * pointwise(*arguments)

    pointwise = torch.ops.onednn.qconv2d_pointwise
    for stand_in in (renamed, doubled):
        monkeypatch.setattr(torch.ops.onednn, "qconv2d_pointwise", stand_in)
        trouble.cache_clear()
        assert "no such operator" in trouble() or "other results" in trouble()
        found = ExpressionClassifier(model_dir, device="cpu").predict(sample_faces.crops).posterior
        np.testing.assert_allclose(found, plain, atol=0.03)
    trouble.cache_clear()
