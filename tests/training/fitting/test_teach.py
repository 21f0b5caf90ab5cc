from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.errors import SettingsError
from poise.expression.artefact import load_model
from poise.expression.classifier import ExpressionClassifier
from poise_training.datasets.prepare import PreparedFaces, faces_file
from poise_training.datasets.recipe import Recipe, data_key, load_recipe
from poise_training.evaluation.calibrate import softmax
from poise_training.fitting.augment import centre
from poise_training.fitting.export import export
from poise_training.fitting.run import fit_run
from poise_training.fitting.teach import TEACHING_FILE, taught
from tests.training.conftest import Exported


@pytest.fixture(scope="module")
def teacher(run: Path, exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a teacher, with its prepared faces; its model lies in `model`."""
    own = tmp_path_factory.mktemp("teacher") / "run"
    shutil.copytree(run, own)
    shutil.copytree(exported.folder, own / "model")
    return own


@pytest.fixture(scope="module")
def faces(teacher: Path, recipe: Recipe) -> PreparedFaces:
    return PreparedFaces.load(faces_file(teacher, data_key(recipe.to_json())))


def test_training_targets_move_towards_the_teacher_and_no_others(
    teacher: Path, recipe: Recipe, faces: PreparedFaces, tmp_path: Path
) -> None:
    emotions = recipe.scheme.labels.emotions
    moved = taught(faces, emotions, [teacher / "model"], 0.25, tmp_path, device="cpu")
    train = faces.split == "train"
    assert (moved.targets[~train] == faces.targets[~train]).all()
    crops = np.stack([centre(c, faces.input_px, faces.frame_px) for c in faces.canvas[train]])
    classifier = ExpressionClassifier(teacher / "model", device="cpu")
    said = softmax(classifier.predict(crops).logits)
    expected = 0.75 * faces.targets[train] + 0.25 * said
    assert np.allclose(moved.targets[train], expected, atol=0.01)
    assert np.allclose(moved.targets.sum(axis=1), 1, atol=1e-5)


def test_a_run_that_goes_on_does_not_ask_again(
    teacher: Path, recipe: Recipe, faces: PreparedFaces, tmp_path: Path
) -> None:
    emotions = recipe.scheme.labels.emotions
    first = taught(faces, emotions, [teacher / "model"], 0.5, tmp_path, device="cpu")
    assert (tmp_path / TEACHING_FILE).exists()
    again = taught(faces, emotions, [Path("gone")], 0.5, tmp_path, device="cpu")
    assert (again.targets == first.targets).all()


def test_a_teacher_of_other_emotions_is_refused(
    teacher: Path, faces: PreparedFaces, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="other emotions"):
        taught(faces, ("glad", "sad"), [teacher / "model"], 0.5, tmp_path, device="cpu")


def test_a_run_goes_on_from_a_model_and_says_so(
    teacher: Path, recipe: Recipe, tmp_path: Path
) -> None:
    model = str(teacher / "model")
    wanted = replace(
        recipe,
        pretrained=model,
        teachers=(model,),
        fit=replace(recipe.fit, learning_rate=1e-12, average=0.0),
    )
    fit_run(wanted, tmp_path / "run", device="cpu", cache=teacher)
    spec, _ = export(tmp_path / "run", tmp_path / "on", cache=teacher, device="cpu")
    before, after = load_model(teacher / "model")[0], load_model(tmp_path / "on")[0]
    for name, weight in before.named_parameters():
        assert np.allclose(weight.detach(), after.get_parameter(name).detach(), atol=1e-4), name
    assert "starting from model, taught by model" in spec.training["summary"]
    assert str(teacher) not in (tmp_path / "on" / "model.json").read_text()


def test_a_run_does_not_go_on_from_another_architecture(
    teacher: Path, drawn: Path, tmp_path: Path
) -> None:
    wanted = replace(load_recipe(drawn / "dense.toml"), pretrained=str(teacher / "model"))
    with pytest.raises(SettingsError, match="another architecture"):
        fit_run(wanted, tmp_path / "run", device="cpu", cache=teacher)


def test_faces_of_an_untaught_data_set_keep_what_people_said(
    teacher: Path, recipe: Recipe, faces: PreparedFaces, tmp_path: Path
) -> None:
    train = np.flatnonzero(faces.split == "train")
    source = faces.source.astype("U200")
    source[train[:5]] = [f"LFW: {name}" for name in source[train[:5]]]
    titled = replace(faces, source=source)
    moved = taught(
        titled, recipe.scheme.labels.emotions, [teacher / "model"], 0.25, tmp_path,
        device="cpu", untaught=["LFW"],
    )  # fmt: skip
    assert (moved.targets[train[:5]] == faces.targets[train[:5]]).all()
    assert (moved.targets[train[5:]] != faces.targets[train[5:]]).any()
