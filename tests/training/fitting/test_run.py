"""One training run in one directory: it is begun once, and goes on from where it was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from poise.errors import SettingsError
from poise_training.datasets.recipe import load_recipe
from poise_training.fitting.export import RECIPE_FILE, read_recipe_json
from poise_training.fitting.run import prepare_run, resumable


def test_a_directory_holds_one_run(drawn: Path, tmp_path: Path) -> None:
    recipe = load_recipe(drawn / "dense.toml")
    faces = prepare_run(recipe, tmp_path / "run", device="cpu", cache=tmp_path / "cache")
    assert read_recipe_json(tmp_path / "run") == recipe.to_json()
    assert not resumable(tmp_path / "run")
    said: list[str] = []
    again = prepare_run(
        recipe, tmp_path / "run", device="cpu", cache=tmp_path / "cache",
        progress=lambda what, done, total: said.append(what),
    )  # fmt: skip
    assert (again.canvas == faces.canvas).all() and said == []  # prepared before
    before = (tmp_path / "run" / RECIPE_FILE).read_bytes()
    with pytest.raises(SettingsError, match="holds a run of another recipe"):
        prepare_run(replace(recipe, name="other"), tmp_path / "run", device="cpu")
    assert (tmp_path / "run" / RECIPE_FILE).read_bytes() == before
