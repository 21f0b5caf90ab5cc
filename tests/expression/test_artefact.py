"""The networks and the artefact they are shipped as."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from poise.errors import ModelError
from poise.expression.architectures import ExpressionNetwork
from poise.expression.artefact import load_model
from poise.expression.model_spec import SPEC_FILE, WEIGHTS_FILE
from tests.expression.kit import change_spec


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


def test_nothing_temporary_is_left(artefact: Path) -> None:
    assert {path.name for path in artefact.iterdir()} == {SPEC_FILE, WEIGHTS_FILE}


def test_weights_are_halves(artefact: Path) -> None:
    tensors = load_file(artefact / WEIGHTS_FILE)
    assert tensors["classifier.weight"].dtype == torch.float16


def test_tampered_weights_are_noticed(small: Path) -> None:
    change_spec(small, sha256="0" * 64)
    with pytest.raises(ModelError, match="not the ones the description names"):
        load_model(small)


def test_weights_of_another_network_are_refused(small: Path) -> None:
    with pytest.raises(ModelError, match="do not fit VGG16DenseNet"):
        load_model(small)


def test_ranges_of_another_network_are_refused(artefact: Path, tmp_path: Path) -> None:
    for path in artefact.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    change_spec(tmp_path, activation_ranges=[1.0, 2.0])
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


def test_the_shipped_model_can_be_loaded(model_dir: Path) -> None:
    _, spec = load_model(model_dir)
    assert spec.sha256
    assert spec.training.get("summary")
    assert 0 <= spec.template_px.min() <= spec.template_px.max() <= spec.input_px
