"""From data sources to faces: read, brought under the scheme, split by person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from poise.faces.detection.detector import FaceDetector
from poise_training.datasets.dataset import gather
from poise_training.datasets.prepare import prepare
from poise_training.datasets.recipe import load_recipe
from poise_training.smoke import make
from tests.training.lookalike import make_aihub
from tests.training.tiny import TEMPLATE


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
