"""Models to be saved, loaded and spoiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from poise.expression.architectures import ARCHITECTURES, ExpressionNetwork
from poise.expression.artefact import build, save_model
from poise.expression.model_spec import SPEC_FILE, WEIGHTS_FILE
from tests.expression.kit import spec_of


@pytest.fixture(scope="session", params=sorted(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture."""
    return str(request.param)


@pytest.fixture(scope="session")
def network(architecture: str) -> ExpressionNetwork:
    """A network with fresh weights."""
    torch.manual_seed(0)
    return build(spec_of(architecture))


@pytest.fixture(scope="session")
def artefact(
    tmp_path_factory: pytest.TempPathFactory, network: ExpressionNetwork, architecture: str
) -> Path:
    """A saved model."""
    directory = tmp_path_factory.mktemp("artefact") / "model"
    save_model(network, spec_of(architecture), directory)
    return directory


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A model directory to spoil; its weights are no network's."""
    save_file({"a": torch.zeros(2)}, tmp_path / WEIGHTS_FILE)
    (tmp_path / SPEC_FILE).write_text(json.dumps(spec_of().to_json()), encoding="utf-8")
    return tmp_path
