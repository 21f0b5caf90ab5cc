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
from pipeline.int8 import quantised
from pipeline.network import ARCHITECTURES, SPEC_FILE
from tests.conftest import SampleFaces

pytestmark = pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(), reason="the processor has no VNNI"
)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(params=ARCHITECTURES)
def features(request: pytest.FixtureRequest) -> nn.Sequential:
    """A backbone with weights that keep its activations in bounds."""
    torch.manual_seed(0)
    backbone = ARCHITECTURES[request.param](4).backbone
    for layer in backbone:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)  # type: ignore[arg-type]
    return backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(5, 3, 48, 48).to(memory_format=torch.channels_last)


def _ranges(features: nn.Sequential, images: Tensor) -> list[float]:
    found = []
    for layer in features:
        images = layer(images)
        if isinstance(layer, nn.ReLU):
            found.append(float(images.max()))
    return found


def test_it_computes_what_the_features_do(features: nn.Sequential, images: Tensor) -> None:
    expected = features(images)
    maps = quantised(features, _ranges(features, images))(images)
    assert maps.shape == expected.shape
    assert maps.dtype is torch.float32
    assert (maps - expected).abs().mean() < 0.03 * expected.mean()


def test_each_face_is_the_same_in_any_company(features: nn.Sequential, images: Tensor) -> None:
    network = quantised(features, _ranges(features, images))
    alone = torch.cat([network(image[None]) for image in images])
    assert torch.equal(network(images), alone)


def test_activations_beyond_the_range_are_cut_off(features: nn.Sequential, images: Tensor) -> None:
    ranges = _ranges(features, images)
    maps = quantised(features, ranges)(100 * images)
    assert torch.isfinite(maps).all()
    assert maps.max() < 3 * ranges[-1]


@pytest.mark.parametrize("size", [(16, 16), (17, 22), (23, 33)])
def test_pooling_is_that_of_torch(size: tuple[int, int], features: nn.Sequential) -> None:
    pooling = next(
        layer
        for layer, old in zip(quantised(features, [1.0] * 13), _without_relu(features), strict=True)
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
