from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise_training.datasets.options import FitOptions, OutsideTeacher
from poise_training.datasets.recipe import data_key, load_recipe, recipe_names

_PLAIN = """name = "mine"
scheme = "ferplus"
[[data]]
kind = "folders"
path = "faces"
"""


_OUTSIDE = """[[outside]]
path = "theirs.tflite"
emotions = ["calm"]
weight = 1
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_DATA", "/somewhere")
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.data[0].location.is_relative_to("/somewhere")


def test_baseline_differs_from_densenet_in_its_architecture_alone() -> None:
    densenet, baseline = (load_recipe(name).to_json() for name in ("densenet", "baseline"))
    differing = {key for key in densenet if densenet[key] != baseline[key]}
    assert differing == {"name", "architecture"}


def test_teachers_learned_from_the_same_faces() -> None:
    longer, densenet = (load_recipe(name).to_json() for name in ("longer", "densenet"))
    assert data_key(longer) == data_key(densenet)


def test_places_of_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_MODELS", "/models")
    recipe = load_recipe("two_teachers")
    assert recipe.pretrained_file == Path("/models/portraits")
    assert recipe.teacher_directories == (Path("/models/portraits"),)
    assert [path.parent for path in recipe.outside_files] == [Path("/models")] * 2
    monkeypatch.delenv("POISE_MODELS")
    with pytest.raises(SettingsError, match="POISE_MODELS is not set"):
        _ = recipe.teacher_directories


def test_defaults_and_paths_relative_to_the_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(_write(tmp_path, _PLAIN))
    assert recipe.fit == FitOptions()
    assert recipe.data[0].location == tmp_path / "faces"
    assert recipe.template_px is None
    assert str(tmp_path) not in json.dumps(recipe.to_json())


def test_all_that_can_be_said(tmp_path: Path) -> None:
    scheme = """name = "own"
emotions = ["glad", "calm", "cross"]
valence = {glad = "positive", calm = "neutral", cross = "negative"}
"""
    (tmp_path / "own.toml").write_text(scheme, encoding="utf-8")
    recipe = load_recipe(
        _write(
            tmp_path,
            """name = "all"
scheme = "own.toml"
architecture = "VGG16Baseline"
pretrained = "vgg.safetensors"
input_px = 64
template = [[20, 25.5], [44, 25], [32, 39], [23, 50], [42, 50]]
shares = [0.5, 0.25, 0.25]
data_seed = 3
start_share = 0.25
least_target = 0.001
[[outside]]
path = "theirs.tflite"
emotions = ["calm", "glad", "cross"]
weight = 2
lowest = -1.0
[[data]]
kind = "csv"
path = "/faces.zip"
table = "list.csv"
cropped = false
person_pattern = "(.+)_.+"
split = "train"
name = "Own faces"
[fit]
epochs = 3
learning_rate = 1
""",
        )
    )
    assert recipe.scheme.labels.emotions == ("glad", "calm", "cross")
    assert recipe.template_px is not None and recipe.template_px.shape == (5, 2)
    assert recipe.pretrained_file == tmp_path / "vgg.safetensors"
    assert (recipe.start_share, recipe.least_target) == (0.25, 0.001)
    theirs = OutsideTeacher(
        path="theirs.tflite", emotions=("calm", "glad", "cross"), weight=2.0, lowest=-1.0
    )
    assert recipe.outside == (theirs,)
    assert recipe.outside_files == (tmp_path / "theirs.tflite",)
    assert recipe.data[0].location == Path("/faces.zip")
    assert recipe.data[0].title == "Own faces"
    assert (recipe.fit.epochs, recipe.fit.learning_rate) == (3, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        (_PLAIN.replace("scheme", "schema"), "a recipe has no schema|scheme or fit"),
        (_PLAIN.replace('name = "mine"\n', ""), "lacks name"),
        (_PLAIN.replace('kind = "folders"\n', ""), "lacks kind"),
        (_PLAIN + "croped = true\n", "has no croped"),
        (_PLAIN + "cropped = 1\n", "must be a bool"),
        (_PLAIN + "[fit]\nepoch = 3\n", "has no epoch"),
        (_PLAIN + "[fit]\nepochs = 2.5\n", "must be a int"),
        (_PLAIN + "[fit]\nepochs = 0\n", "epochs is 0"),
        (_PLAIN.replace("folders", "files"), "Use one of ferplus"),
        (_PLAIN.replace('"ferplus"', '"eight"'), "no such label scheme"),
        ("input_px = 50\n" + _PLAIN, "multiple of 16"),
        ("template = [[1, 2]]\n" + _PLAIN, "five points"),
        ('template = [["a", 2]]\n' + _PLAIN, "2 numbers"),
        ("template = 3\n" + _PLAIN, "five points"),
        ("shares = [1]\n" + _PLAIN, "3 numbers"),
        ('teachers = "one"\n' + _PLAIN, "list of texts"),
        ("teacher_share = 2\n" + _PLAIN, "from 0 to 1"),
        ("start_share = -1\n" + _PLAIN, "start_share is -1"),
        (_PLAIN + _OUTSIDE.replace("weight = 1\n", ""), "lacks weight"),
        (_PLAIN + _OUTSIDE.replace("weight = 1", "weight = 0"), "weight is 0"),
        (_PLAIN + _OUTSIDE.replace('["calm"]', '"calm"'), "list of texts"),
        (_PLAIN + _OUTSIDE + "lowest = 1\n", "lowest is 1"),
        ("least_target = 0\n" + _PLAIN, "least_target is 0"),
        ("outside = 3\n" + _PLAIN, "outside is no list of tables"),
        ('architecture = "VGG19"\n' + _PLAIN, "VGG16DenseNet"),
        ('name = "mine"\nscheme = "ferplus"\n', "no data"),
        ('name = "mine"\nscheme = "ferplus"\ndata = 3\n', "list of tables"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load_recipe(_write(tmp_path, text))
    assert caught.value.remedy
    assert caught.value.path


def test_no_such_recipe() -> None:
    with pytest.raises(SettingsError, match="poise"):
        load_recipe("poisse")


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POISE_DATA", raising=False)
    with pytest.raises(SettingsError, match=r"POISE_DATA.*ferplus\.zip"):
        _ = load_recipe("poise").data[0].location
