from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from poise.errors import ModelError, SettingsError
from poise.expression.architectures import ARCHITECTURES
from poise.expression.artefact import load_model
from poise.expression.classifier import ExpressionClassifier
from poise_training.datasets.prepare import PreparedFaces, faces_file
from poise_training.datasets.recipe import Recipe, data_key
from poise_training.fitting.augment import centre
from poise_training.fitting.export import RECIPE_FILE, export
from poise_training.fitting.fit import CHECKPOINT_FILE, CURVES_FILE
from poise_training.fitting.run import fit_run, resumable
from tests.training.conftest import Exported


def test_what_is_loaded_is_what_was_trained(exported: Exported, run: Path, recipe: Recipe) -> None:
    spec, calibration = exported.spec, exported.calibration
    network, loaded = load_model(exported.folder)
    assert loaded.to_json() == spec.to_json()
    assert loaded.labels == recipe.scheme.labels
    assert loaded.temperature == calibration.temperature
    assert len(loaded.activation_ranges) == 13 and min(loaded.activation_ranges) > 0
    (own,) = loaded.valence_calibrations
    assert own.scale > 0 and own.bias == (0, 0, 0)
    averaged = torch.load(run / CHECKPOINT_FILE, weights_only=True)["averaged"]
    for name, tensor in network.state_dict().items():
        assert torch.allclose(tensor, averaged[name], rtol=2e-3, atol=1e-4), name
    faces = PreparedFaces.load(faces_file(run, data_key(recipe.to_json())))
    crops = np.stack([centre(faces.canvas[k], 48, faces.frame_px) for k in range(4)])
    posterior = ExpressionClassifier(exported.folder, device="cpu").predict(crops).posterior
    assert posterior.shape == (4, 8)


def test_a_share_of_the_weights_that_it_started_from_is_kept(
    exported: Exported, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = load_model(exported.folder)[0].state_dict()
    monkeypatch.setenv("POISE_MODELS", str(exported.folder.parent))
    goes_on = tmp_path / "run"
    shutil.copytree(run, goes_on)
    state = torch.load(goes_on / CHECKPOINT_FILE, weights_only=True)
    for tensor in state["averaged"].values():
        if tensor.is_floating_point():
            tensor += 0.5
    torch.save(state, goes_on / CHECKPOINT_FILE)
    plain = json.loads((goes_on / RECIPE_FILE).read_text())
    plain |= {"pretrained": f"$POISE_MODELS/{exported.folder.name}", "start_share": 0.75}
    (goes_on / RECIPE_FILE).write_text(json.dumps(plain))
    export(goes_on, tmp_path / "model", device="cpu")
    for name, tensor in load_model(tmp_path / "model")[0].state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, start[name] + 0.125, rtol=4e-3, atol=2e-3), name


def test_where_a_model_came_from(exported: Exported, run: Path, drawn: Path) -> None:
    spec = exported.spec
    assert spec.training["summary"] == "VGG16Baseline trained on 24 faces of drawings for 1 epoch."
    assert spec.training["faces"] == {"train": 24, "validation": 16, "test": 24}
    assert spec.metrics == {"valence": {"accuracy": 0.5}}
    assert spec.training["calibration"]["faces"] == 12
    written = (exported.folder / "model.json").read_text()
    assert str(drawn) not in written and str(run) not in written
    assert json.loads(written)["training"]["recipe"]["fit"]["epochs"] == 1


def test_an_unfinished_run_says_so(run: Path, recipe: Recipe, tmp_path: Path) -> None:
    for path in run.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    plain = json.loads((tmp_path / RECIPE_FILE).read_text())
    plain["fit"]["epochs"] = 4
    (tmp_path / RECIPE_FILE).write_text(json.dumps(plain))
    spec, _ = export(tmp_path, tmp_path / "model", device="cpu")
    assert "for 1.0 of 4 epochs" in spec.training["summary"]


def test_a_run_that_lacks_something(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="poise-train prepare"):
        export(tmp_path, tmp_path / "model")
    (tmp_path / RECIPE_FILE).write_bytes((run / RECIPE_FILE).read_bytes())
    with pytest.raises(SettingsError, match="--cache"):
        export(tmp_path, tmp_path / "model")
    with pytest.raises(ModelError, match="no checkpoint"):
        export(tmp_path, tmp_path / "model", cache=run)
    plain = json.loads((run / RECIPE_FILE).read_text())
    other = next(name for name in ARCHITECTURES if name != plain["architecture"])
    (tmp_path / RECIPE_FILE).write_text(json.dumps({**plain, "architecture": other}))
    (tmp_path / CHECKPOINT_FILE).write_bytes((run / CHECKPOINT_FILE).read_bytes())
    with pytest.raises(ModelError, match="not of a"):
        export(tmp_path, tmp_path / "model", cache=run)
    (tmp_path / RECIPE_FILE).write_text("[]")
    with pytest.raises(SettingsError, match="no JSON object"):
        export(tmp_path, tmp_path / "model", cache=run)


def test_a_finished_run_is_left_alone_and_another_recipe_refused(run: Path, recipe: Recipe) -> None:
    assert resumable(run)
    curves = (run / CURVES_FILE).read_bytes()
    again = fit_run(recipe, run, device="cpu", training=lambda s: pytest.fail("it trained on"))
    assert (run / CURVES_FILE).read_bytes() == curves
    assert len(again.curves) == 1
    with pytest.raises(SettingsError, match="another recipe"):
        fit_run(replace(recipe, fit=replace(recipe.fit, seed=5)), run, device="cpu")


def test_pretrained_weights_from_a_file(recipe: Recipe, tmp_path: Path) -> None:
    wanted = replace(recipe, pretrained=str(tmp_path / "vgg.safetensors"))
    with pytest.raises(ModelError, match=r"vgg\.safetensors"):
        fit_run(wanted, tmp_path / "run", device="cpu")
