"""The networks: their sizes, their layers, and what they are built from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from poise.errors import ModelError
from poise.expression.architectures import ExpressionNetwork
from poise.expression.artefact import build, in_precision, load_imagenet
from tests.expression.kit import spec_of


def test_sizes(network: ExpressionNetwork, architecture: str) -> None:
    with torch.inference_mode():
        logits = network(torch.zeros(2, 3, 48, 48))
        maps = network.maps(torch.zeros(2, 3, 48, 48))
    assert logits.shape == (2, 4)
    side = {"VGG16DenseNet": 6, "VGG16Baseline": 3}[architecture]
    assert maps.shape[2:] == (side, side)
    assert (maps >= 0).all()


def test_its_layers_are_those_of_torchvision() -> None:
    """Names and arithmetic, so that torchvision's weights fit and mean the same."""
    from torchvision.models.densenet import _DenseBlock
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    network = build(spec_of("VGG16DenseNet"))
    block = _DenseBlock(16, num_input_features=512, bn_size=4, growth_rate=32, drop_rate=0.0)
    block.load_state_dict(network.head.denseblock4.state_dict())
    maps = torch.rand(2, 512, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(network.head.denseblock4(maps), block.eval()(maps))
        features = make_layers(cfgs["D"])[:23]
        network.backbone.load_state_dict(features.state_dict())
        image = torch.rand(1, 3, 48, 48)
        torch.testing.assert_close(network.backbone(image), features(image))


def test_in_half_precision_norms_stay_as_they_are() -> None:
    network = in_precision(build(spec_of("VGG16DenseNet")), torch.bfloat16)
    kinds = {name: tensor.dtype for name, tensor in network.named_parameters()}
    assert kinds["classifier.weight"] is kinds["backbone.0.weight"] is torch.bfloat16
    assert kinds["head.norm5.weight"] is torch.float32


def test_larger_inputs_give_finer_maps(network: ExpressionNetwork, architecture: str) -> None:
    with torch.inference_mode():
        maps = network.maps(torch.zeros(1, 3, 96, 96))
    assert maps.shape[2] == {"VGG16DenseNet": 12, "VGG16Baseline": 6}[architecture]


def test_it_is_built_ready_to_use(network: ExpressionNetwork) -> None:
    assert not network.training
    with torch.inference_mode():
        image = torch.rand(1, 3, 48, 48)
        torch.testing.assert_close(network(image), network(image))


def test_the_head_is_a_mean_and_a_linear_layer(network: ExpressionNetwork) -> None:
    """The closed form of Grad-CAM rests on it."""
    with torch.inference_mode():
        image = torch.rand(2, 3, 48, 48)
        expected = network.classifier(network.maps(image).mean(dim=(2, 3)))
        torch.testing.assert_close(network(image), expected)


def test_the_stem_can_be_frozen(architecture: str) -> None:
    network = build(spec_of(architecture))
    network.freeze_stem()
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    layers = (0, 2, 5, 7)  # conv1_1, conv1_2, conv2_1, conv2_2
    assert frozen == {f"backbone.{k}.{kind}" for k in layers for kind in ("weight", "bias")}


def test_imagenet_weights_are_taken_over(tmp_path: Path, architecture: str) -> None:
    network = build(spec_of(architecture))
    donor = {
        f"features.{name}": torch.full_like(tensor, 0.5).contiguous()
        for name, tensor in network.backbone.state_dict().items()
    }
    save_file(donor, tmp_path / "vgg16.safetensors")
    load_imagenet(network, tmp_path / "vgg16.safetensors")
    assert all((tensor == 0.5).all() for tensor in network.backbone.state_dict().values())


def test_other_weights_are_no_imagenet(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not VGG16 weights"):
        load_imagenet(build(spec_of()), tmp_path / "other.safetensors")
