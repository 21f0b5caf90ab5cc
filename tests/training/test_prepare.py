from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from poise.errors import SettingsError
from poise.faces.boxes import iou
from poise.faces.detection.detector import FaceDetector
from poise.types import Image
from poise_training.data import LabelledFace
from poise_training.dataset import gather
from poise_training.locate import cut, locate, look_at, squared
from poise_training.prepare import PreparedFaces, faces_file, prepare, prepared
from poise_training.recipe import DataSource, Recipe, data_key, load_recipe
from poise_training.schemes import load_scheme
from poise_training.smoke import make
from tests.conftest import SampleFaces

from .lookalike import make_aihub
from .tiny import TEMPLATE, tiny_faces


def _face(picture: Image, **given: Any) -> LabelledFace:
    return LabelledFace(source="one", load=lambda: picture, votes={"neutral": 1.0}, **given)


def test_an_annotated_box_says_which_face_is_meant(
    sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    image = sample_faces.images[0]
    picture = np.ascontiguousarray(np.hstack([image, image]))
    for shift in (0, image.shape[1]):
        expected = sample_faces.faces.landmarks_px[0] + [shift, 0]
        x1, y1, x2, y2 = (float(v) for v in sample_faces.faces.boxes_xyxy_px[0])
        box = (x1 + shift, y1 + 4, x2 + shift, y2)
        face = _face(picture, cropped=False, box_xyxy_px=box)
        (place,) = locate([face], [picture], detector)
        assert place is not None and place.landmarks_px is not None
        extent = x2 - x1
        assert np.abs(place.landmarks_px - expected).max() < 0.06 * extent
        assert iou(place.frame_xyxy_px, squared(box)) == pytest.approx(1)


def test_without_a_box_the_largest_face_is_framed_as_detected(
    sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    picture = sample_faces.images[0]
    (place,) = locate([_face(picture, cropped=False)], [picture], detector)
    assert place is not None and place.landmarks_px is not None
    assert np.abs(place.landmarks_px - sample_faces.faces.landmarks_px[0]).max() < 3
    detected = squared([float(v) for v in sample_faces.faces.boxes_xyxy_px[0]])
    assert iou(place.frame_xyxy_px, detected) > 0.7


def test_a_box_without_a_face_is_a_frame_alone_and_no_box_is_no_face(
    detector: FaceDetector,
) -> None:
    empty = np.full((80, 100, 3), 90, np.uint8)
    boxed = _face(empty, cropped=False, box_xyxy_px=(20, 10, 60, 70))
    (place,) = locate([boxed], [empty], detector)
    assert place is not None and place.landmarks_px is None
    assert place.frame_xyxy_px.tolist() == [10, 10, 70, 70]
    template = np.full((5, 2), 0.5, np.float32)
    assert place.landmarks_or(template).tolist() == [[40, 40]] * 5
    (seen,) = look_at([_face(empty, cropped=False)], detector)
    assert seen.reason == "no face found"


def test_cutting_repeats_the_edge() -> None:
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    region, corner = cut(picture, np.array([1, 1, 3, 3], np.float32), 0.5)
    assert (region == picture[0:4, 0:4]).all()
    assert corner.tolist() == [0, 0]
    region, corner = cut(picture, np.array([0, 0, 5, 4], np.float32), 0.2)
    assert region.shape == (6, 7, 3)
    assert (region[1:5, 1:6] == picture).all()
    assert (region[0, 0] == picture[0, 0]).all()
    assert (region[-1, -1] == picture[-1, -1]).all()
    assert corner.tolist() == [-1, -1]
    region, corner = cut(picture, np.array([-9, -9, -7, -7], np.float32), 0)
    assert (region == picture[0, 0]).all()
    region, _ = cut(picture, np.array([50, 60, 54, 64], np.float32), 0)
    assert (region == picture[-1, -1]).all()


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


def test_aihub_drawn_by_person_with_every_fault_in_the_report(
    tmp_path: Path, detector: FaceDetector
) -> None:
    made = make_aihub(tmp_path / "aihub", zips=True)
    paper = load_recipe("aihub_paper")
    source = replace(paper.data[0], path=str(made.root))
    template = tuple((x, y) for x, y in TEMPLATE.tolist())
    recipe = replace(paper, data=(source,), shares=(0.5, 0.25, 0.25), template=template)
    gathered = gather(recipe)
    assert np.ptp(gathered.targets.sum(axis=0)) == 0  # as many of each class
    pairs = {(f.person, s) for f, s in zip(gathered.faces, gathered.splits, strict=True)}
    assert {split for _, split in pairs} == {"train", "validation", "test"}
    assert len({person for person, _ in pairs}) == len(pairs)
    faces, dropped = prepare(recipe, detector)
    counted = pd.Series([item.reason for item in dropped]).value_counts()
    assert {fault: counted[fault] for fault in made.faults} == dict(made.faults)
    # A drawing without a box shows no face that a detector would find.
    assert len(faces.source) == len(gathered.faces) - counted["no face found"]
    assert set(faces.split.tolist()) == {"train", "validation", "test"}


def test_two_data_sets_keep_their_persons_apart(tmp_path: Path) -> None:
    make(tmp_path / "a", per_split=(2, 2, 2))
    make(tmp_path / "b", per_split=(2, 2, 2), seed=1)
    first, second = (load_recipe(tmp_path / name / "dense.toml") for name in ("a", "b"))
    both = replace(
        first, data=(replace(first.data[0], name="A"), replace(second.data[0], name="B"))
    )
    faces = gather(both).faces
    assert len(faces) == 48
    assert len({face.source for face in faces}) == 48
    assert {face.person for face in faces if face.split == "train"} == {"A: train0", "B: train0"}


def test_most_validation_faces_may_be_trained_on(tmp_path: Path) -> None:
    make(tmp_path, per_split=(2, 4, 2))
    recipe = load_recipe(tmp_path / "dense.toml")
    nobody = replace(recipe.data[0], person_pattern="")
    own = gather(replace(recipe, data=(nobody,))).splits
    moved = gather(replace(recipe, data=(replace(nobody, kept_for_validation=0.25),))).splits
    assert (own.count("train"), own.count("validation")) == (8, 16)
    assert (moved.count("train"), moved.count("validation")) == (20, 4)
    assert [s == "test" for s in own] == [s == "test" for s in moved]


def test_saved_and_loaded(tmp_path: Path) -> None:
    faces = tiny_faces((2, 1))
    faces.save(tmp_path / "faces.npz")
    loaded = PreparedFaces.load(tmp_path / "faces.npz")
    assert all(np.array_equal(value, vars(loaded)[name]) for name, value in vars(faces).items())
    assert not list(tmp_path.glob("*.tmp*"))
