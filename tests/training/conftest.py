"""What the tests of training may ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from poise.expression.architectures import ARCHITECTURES
from poise.expression.artefact import build, save_model
from poise.expression.model_spec import ModelSpec
from poise_training.datasets.recipe import Recipe, load_recipe
from poise_training.evaluation.calibrate import Calibration
from poise_training.fitting.export import export
from poise_training.fitting.run import fit_run
from poise_training.smoke import make
from tests.conftest import made_once
from tests.training.tiny import TEMPLATE


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces with their recipes; not to be changed by a test."""

    def made(folder: Path) -> Path:
        make(folder, per_split=(6, 4, 6))
        return folder

    return made_once(tmp_path_factory, "drawn", made)


@pytest.fixture(scope="session")
def recipe(drawn: Path) -> Recipe:
    """Of VGG16Baseline on them, for one epoch."""
    recipe = load_recipe(drawn / "baseline.toml")
    return replace(recipe, fit=replace(recipe.fit, epochs=1))


@pytest.fixture(scope="session")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run of that recipe; not to be changed by a test."""

    def made(folder: Path) -> Path:
        fit_run(recipe, folder, device="cpu")
        return folder

    return made_once(tmp_path_factory, "finished run", made)


@dataclass(frozen=True)
class Exported:
    """The model of the finished run; not to be changed by a test.

    Args:
        folder, spec, calibration: As `export` wrote and returned them.
    """

    folder: Path
    spec: ModelSpec
    calibration: Calibration


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """See `Exported`."""

    def made(folder: Path) -> Exported:
        metrics = folder / "evaluation.json"
        metrics.write_text('{"tasks": {"valence": {"accuracy": 0.5}}}')
        model = folder / "model"
        return Exported(model, *export(run, model, metrics=metrics, device="cpu"))

    return made_once(tmp_path_factory, "exported", made)


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An artefact of each architecture that has learned nothing, for FER+'s emotions."""
    from poise_training.datasets.schemes import load_scheme

    folder = tmp_path_factory.mktemp("untrained")
    for architecture in ARCHITECTURES:
        torch.manual_seed(0)
        spec = ModelSpec(
            name=architecture,
            architecture=architecture,
            labels=load_scheme("ferplus").labels,
            input_px=48,
            template_px=TEMPLATE,
        )
        save_model(build(spec), spec, folder / architecture)
    return {architecture: folder / architecture for architecture in ARCHITECTURES}
