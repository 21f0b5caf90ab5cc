from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from poise.errors import SettingsError
from poise.faces.detection.detector import FaceDetector
from poise_training.datasets.prepare import UNKNOWN, PreparedFaces, faces_file, prepare, prepared
from poise_training.datasets.recipe import DataSource, Recipe, data_key, load_recipe
from poise_training.datasets.schemes import load_scheme
from poise_training.smoke import make
from tests.conftest import SampleFaces
from tests.training.tiny import tiny_faces


def test_prepared_once_and_reported(tmp_path: Path, detector: FaceDetector) -> None:
    make(tmp_path, per_split=(3, 2, 2))
    faces = tmp_path / "faces"
    (faces / "train" / "happiness" / "broken.png").write_bytes(b"no picture")
    train, test = (sorted((faces / split / "sadness").iterdir()) for split in ("train", "test"))
    train[0].write_bytes(test[0].read_bytes())
    recipe = load_recipe(tmp_path / "dense.toml")
    told: list[tuple[str, int, int]] = []
    result = prepared(recipe, tmp_path, detector, lambda *state: told.append(state))
    assert told[0][0] == "Finding faces" and told[-1] == ("Aligning faces", 27, 27)
    again = prepared(recipe, tmp_path, detector, lambda *state: pytest.fail("it was done before"))
    assert all(np.array_equal(v, vars(again)[k]) for k, v in vars(result).items())
    assert result.canvas.shape == (27, 96, 96)
    assert (result.targets.argmax(axis=1) == result.majority).all()
    assert np.unique(result.split, return_counts=True)[1].tolist() == [8, 11, 8]
    path = faces_file(tmp_path, data_key(recipe.to_json()))
    dropped = pd.read_csv(path.with_suffix(".dropped.csv"))
    assert dropped["reason"].str.contains("cannot be read|same picture in test").all()
    assert len(dropped) == 2


def test_that_nobody_is_known_is_told_where_splits_are_drawn(
    tmp_path: Path, detector: FaceDetector
) -> None:
    make(tmp_path, per_split=(3, 2, 2))
    faces = tmp_path / "faces"
    for split in ("train", "validation", "test"):
        for picture in sorted((faces / split).rglob("*.png")):
            place = faces / picture.parent.name / f"{split} {picture.name}"
            place.parent.mkdir(exist_ok=True)
            picture.rename(place)
        shutil.rmtree(faces / split)
    told: list[tuple[str, int, int]] = []
    with suppress(SettingsError):  # so few that a split may be left empty
        prepared(load_recipe(tmp_path / "dense.toml"), tmp_path, detector,
                 lambda *state: told.append(state))  # fmt: skip
    assert (UNKNOWN, 28, 28) in told


def test_the_template_is_measured_in_cropped_and_in_larger_pictures(
    tmp_path: Path, sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    for k, image in enumerate(sample_faces.images):
        for split in ("train", "validation"):
            folder = tmp_path / split / ("neutral", "happiness")[k % 2]
            folder.mkdir(parents=True, exist_ok=True)
            varied = image if split == "train" else image[:, ::-1]
            cv2.imwrite(str(folder / f"{k}.png"), np.ascontiguousarray(varied[..., ::-1]))
    source = DataSource(kind="folders", path=str(tmp_path), cropped=False)
    recipe = Recipe(name="whole", data=(source,), scheme=load_scheme("ferplus"))
    faces, dropped = prepare(recipe, detector)
    assert not dropped
    assert faces.aligned.all()
    eyes, mouth = faces.template_px[:2], faces.template_px[3:]
    assert (eyes[0, 0] < 22) and (eyes[1, 0] > 26) and (eyes[:, 1] < mouth[:, 1].min()).all()
    assert ((faces.template_px > 5) & (faces.template_px < 43)).all()


def test_no_face_at_all_leaves_no_template(tmp_path: Path, detector: FaceDetector) -> None:
    for split in ("train", "validation"):
        folder = tmp_path / split / "neutral"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), np.full((40, 40), len(split), np.uint8))
    source = DataSource(kind="folders", path=str(tmp_path))
    recipe = Recipe(name="empty", data=(source,), scheme=load_scheme("ferplus"))
    with pytest.raises(SettingsError, match="no template to measure"):
        prepare(recipe, detector)
    with pytest.raises(SettingsError, match="no face for train"):
        prepare(replace(recipe, data=(replace(source, split="test"),)), detector)


def test_saved_and_loaded(tmp_path: Path) -> None:
    faces = tiny_faces((2, 1))
    faces.save(tmp_path / "faces.npz")
    loaded = PreparedFaces.load(tmp_path / "faces.npz")
    assert all(np.array_equal(value, vars(loaded)[name]) for name, value in vars(faces).items())
    assert not list(tmp_path.glob("*.tmp*"))
