"""The networks and the artefact they are shipped as."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from poise.errors import ModelError
from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.artefact import build, in_precision, load_imagenet, load_model, save_model
from poise.expression.model_spec import SPEC_FILE, WEIGHTS_FILE, ModelSpec, read_spec
from poise.labels import LabelScheme

LABELS = LabelScheme(
    name="four",
    emotions=("joy", "calm", "anger", "surprise"),
    valence={"joy": "positive", "calm": "neutral", "anger": "negative"},
)
TEMPLATE = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)


def _spec(architecture: str = "VGG16DenseNet", **changes: Any) -> ModelSpec:
    return ModelSpec(
        **{
            "name": "test",
            "architecture": architecture,
            "labels": LABELS,
            "input_px": 48,
            "template_px": TEMPLATE,
            "temperature": 1.25,
            "training": {"summary": "none"},
            "metrics": {"accuracy": 0.5},
            **changes,
        }
    )


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture."""
    return str(request.param)


@pytest.fixture(scope="module")
def network(architecture: str) -> ExpressionNetwork:
    """A network with fresh weights."""
    torch.manual_seed(0)
    return build(_spec(architecture))


@pytest.fixture(scope="module")
def artefact(
    tmp_path_factory: pytest.TempPathFactory, network: ExpressionNetwork, architecture: str
) -> Path:
    """A saved model."""
    directory = tmp_path_factory.mktemp("artefact") / "model"
    save_model(network, _spec(architecture), directory)
    return directory


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A model directory to spoil; its weights are no network's."""
    save_file({"a": torch.zeros(2)}, tmp_path / WEIGHTS_FILE)
    (tmp_path / SPEC_FILE).write_text(json.dumps(_spec().to_json()), encoding="utf-8")
    return tmp_path


def _change(directory: Path, **changes: Any) -> None:
    plain = json.loads((directory / SPEC_FILE).read_text(encoding="utf-8"))
    plain |= changes
    kept = {key: value for key, value in plain.items() if value is not None}
    (directory / SPEC_FILE).write_text(json.dumps(kept), encoding="utf-8")


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
    from torchvision.models.vgg import vgg16

    torch.manual_seed(0)
    network = build(_spec("VGG16DenseNet"))
    block = _DenseBlock(16, num_input_features=512, bn_size=4, growth_rate=32, drop_rate=0.0)
    block.load_state_dict(network.head.denseblock4.state_dict())
    maps = torch.rand(2, 512, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(network.head.denseblock4(maps), block.eval()(maps))
        features = vgg16().features[:23]
        network.backbone.load_state_dict(features.state_dict())
        image = torch.rand(1, 3, 48, 48)
        torch.testing.assert_close(network.backbone(image), features(image))


def test_in_half_precision_norms_stay_as_they_are() -> None:
    network = in_precision(build(_spec("VGG16DenseNet")), torch.bfloat16)
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
    network = build(_spec(architecture))
    network.freeze_stem()
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    layers = (0, 2, 5, 7)  # conv1_1, conv1_2, conv2_1, conv2_2
    assert frozen == {f"backbone.{k}.{kind}" for k in layers for kind in ("weight", "bias")}


def test_round_trip(network: ExpressionNetwork, artefact: Path, architecture: str) -> None:
    again, spec = load_model(artefact)
    assert spec.architecture == architecture
    assert not again.training
    for name, tensor in network.state_dict().items():
        kept = again.state_dict()[name]
        assert kept.dtype == tensor.dtype
        torch.testing.assert_close(kept, tensor, atol=1e-6, rtol=1e-3)
    with torch.inference_mode():
        image = torch.rand(2, 3, 48, 48)
        torch.testing.assert_close(again(image), network(image), atol=0.02, rtol=0.02)


def test_the_description_survives(artefact: Path, architecture: str) -> None:
    spec = read_spec(artefact)
    original = _spec(architecture)
    assert len(spec.sha256) == 64
    assert spec.to_json() | {"sha256": ""} == original.to_json()
    np.testing.assert_allclose(spec.template_px, TEMPLATE)


def test_nothing_temporary_is_left(artefact: Path) -> None:
    assert {path.name for path in artefact.iterdir()} == {SPEC_FILE, WEIGHTS_FILE}


def test_weights_are_halves(artefact: Path) -> None:
    tensors = load_file(artefact / WEIGHTS_FILE)
    assert tensors["classifier.weight"].dtype == torch.float16


def test_tampered_weights_are_noticed(small: Path) -> None:
    _change(small, sha256="0" * 64)
    with pytest.raises(ModelError, match="not the ones the description names"):
        load_model(small)


def test_weights_of_another_network_are_refused(small: Path) -> None:
    with pytest.raises(ModelError, match="do not fit VGG16DenseNet"):
        load_model(small)


def test_ranges_of_another_network_are_refused(artefact: Path, tmp_path: Path) -> None:
    for path in artefact.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    _change(tmp_path, activation_ranges=[1.0, 2.0])
    with pytest.raises(ModelError, match="2 activation ranges"):
        load_model(tmp_path)


def test_damaged_weights_are_refused(small: Path) -> None:
    (small / WEIGHTS_FILE).write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError, match="cannot read the weights"):
        load_model(small)


def test_missing_weights_are_refused(small: Path) -> None:
    (small / WEIGHTS_FILE).unlink()
    with pytest.raises(ModelError, match="cannot read the weights"):
        load_model(small)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model here") as caught:
        load_model(tmp_path)
    assert caught.value.path == str(tmp_path)


def test_a_description_that_is_no_json(small: Path) -> None:
    (small / SPEC_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="no JSON"):
        read_spec(small)


@pytest.mark.parametrize(
    "name", ["name", "architecture", "labels", "input_px", "template_px", "mean", "temperature"]
)
def test_a_description_that_lacks_something_says_what(small: Path, name: str) -> None:
    _change(small, **{name: None})
    with pytest.raises(ModelError, match=name):
        read_spec(small)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "ResNet50"},
        {"template_px": [[1, 2], [3, 4]]},
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"activation_ranges": [1.0, 0.0]},
        {"activation_ranges": "wide"},
        {"input_px": "large"},
        {"template_px": "none"},
        {"template_px": [[1e300, 1]] * 5},
        {"input_px": float("inf")},
        {"std": [0.2, 0.0, 0.2]},
        {"std": [0.2, float("nan"), 0.2]},
        {"std": [0.2]},
        {"mean": "gray"},
        {"temperature": float("inf")},
        {"activation_ranges": [float("inf")]},
        {"training": ["a list"]},
        {"training": {"summary": "\ud800"}},
        {"metrics": "good"},
        {"name": "line\nbreak"},
        {"name": ["a"]},
        {"labels": []},
        {"valence_calibrations": [{"eye_px": 20, "scale": float("inf"), "bias": [0, 0, 0]}]},
        {"labels": {"name": "n", "emotions": "abc", "valence": {}}},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_used(small: Path, changes: dict[str, Any]) -> None:
    _change(small, **changes)
    with pytest.raises(ModelError):
        read_spec(small)


@pytest.mark.parametrize(
    "emotion", ["=1+1", "x;=1+1", "\ud800", "a\nb", "", " ", "x" * 65, "+", "@me", "\u202egnp.x", 7]
)
def test_a_label_that_is_no_plain_word_is_refused(small: Path, emotion: object) -> None:
    """Labels stand in tables, pages and file names."""
    labels = read_spec(small).labels.to_json()
    labels["emotions"] = [*labels["emotions"], emotion]
    _change(small, labels=labels)
    with pytest.raises(ModelError, match=r"cannot be|is inconsistent"):
        read_spec(small)


@pytest.mark.parametrize("name", [SPEC_FILE, WEIGHTS_FILE])
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(small: Path, name: str) -> None:
    (small / name).unlink()
    os.mkfifo(small / name)
    with pytest.raises(ModelError):
        load_model(small)


@pytest.mark.parametrize("text", ["[]", '"model"', "null"])
def test_a_description_that_is_json_of_another_kind(small: Path, text: str) -> None:
    (small / SPEC_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError):
        read_spec(small)


def test_imagenet_weights_are_taken_over(tmp_path: Path, architecture: str) -> None:
    network = build(_spec(architecture))
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
        load_imagenet(build(_spec()), tmp_path / "other.safetensors")


def test_the_shipped_model_can_be_loaded(model_dir: Path) -> None:
    _, spec = load_model(model_dir)
    assert spec.sha256
    assert spec.training.get("summary")
    assert 0 <= spec.template_px.min() <= spec.template_px.max() <= spec.input_px
