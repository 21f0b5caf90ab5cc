"""From data sources to faces: read, brought under the scheme, split by person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from poise.errors import SettingsError
from poise.types import FloatArray
from poise_training.datasets.aihub import read_aihub
from poise_training.datasets.ferplus import read_ferplus
from poise_training.datasets.folders import read_csv, read_folders
from poise_training.datasets.labelled_faces import Dataset, Dropped, LabelledFace
from poise_training.datasets.recipe import DRAW, OWN, DataSource, Recipe
from poise_training.datasets.schemes import apply_scheme
from poise_training.datasets.splits import split_faces
from poise_training.files import FileTree


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The faces of a recipe, their pictures not yet looked at.

    Args:
        faces: [N].
        targets: Share of each class, float32 [N, C], rows sum to 1.
        majority: Class that more than half of all people named, None where there is none, [N].
        splits: `train`, `validation` or `test` of each, [N].
        dropped: What readers and scheme left out.
    """

    faces: list[LabelledFace]
    targets: FloatArray
    majority: list[str | None]
    splits: list[str]
    dropped: list[Dropped]


def read_source(source: DataSource) -> Dataset:
    """Read one data set.

    Raises:
        SettingsError: If it is not there, or is not what its kind says.
    """
    location = source.location
    pattern = source.person_pattern or None
    if source.kind == "aihub":
        dataset = read_aihub(location)
    elif source.kind == "ferplus":
        dataset = read_ferplus(FileTree(location))
    elif source.kind == "folders":
        dataset = read_folders(FileTree(location), cropped=source.cropped, person_pattern=pattern)
    else:
        dataset = read_csv(
            FileTree(location), source.table, cropped=source.cropped, person_pattern=pattern
        )
    if source.split == OWN:
        return dataset
    stated = None if source.split == DRAW else source.split
    return replace(dataset, faces=[replace(face, split=stated) for face in dataset.faces])


def gather(recipe: Recipe) -> Gathered:
    """Read a recipe's data sets and give every face its targets and its split.

    With several data sets, sources and persons get the data set's title in front, so that the
    same name in two of them is not taken for one person.

    Raises:
        SettingsError: If a data set cannot be read or none of its faces is of use.
    """
    datasets = [
        _validation_kept(read_source(source), source.kept_for_validation, recipe.data_seed)
        for source in recipe.data
    ]
    if len(datasets) > 1:
        datasets = [_titled(d, s.title) for d, s in zip(datasets, recipe.data, strict=True)]
    whole = Dataset(
        name=recipe.name,
        faces=[face for dataset in datasets for face in dataset.faces],
        dropped=[item for dataset in datasets for item in dataset.dropped],
    )
    under = apply_scheme(whole, recipe.scheme, recipe.data_seed)
    if not under.faces:
        raise SettingsError(
            f"no face has a class of the scheme {recipe.scheme.labels.name}",
            remedy=f"Its classes come from {', '.join(recipe.scheme.sources)}.",
            path=recipe.data[0].location,
        )
    return Gathered(
        faces=under.faces,
        targets=under.targets,
        majority=[majority_class(face, recipe.scheme.sources) for face in under.faces],
        splits=split_faces(under.faces, seed=recipe.data_seed, shares=recipe.shares),
        dropped=whole.dropped + under.dropped,
    )


def majority_class(face: LabelledFace, classes: Mapping[str, str]) -> str | None:
    """The class that more than half of the people named, where it is clear.

    Args:
        face: Its `majority` names an emotion of the data set.
        classes: `Scheme.sources`.
    """
    return None if face.majority is None else classes.get(face.majority)


def _validation_kept(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The data set with all but a share of its validation faces, drawn by name, in train."""
    own = sorted(face.source for face in dataset.faces if face.split == "validation")
    moved = set(np.random.default_rng(seed).permutation(own)[round(share * len(own)) :])
    faces = [
        replace(face, split="train") if face.source in moved else face for face in dataset.faces
    ]
    return replace(dataset, faces=faces)


def _titled(dataset: Dataset, title: str) -> Dataset:
    return Dataset(
        name=title,
        faces=[
            replace(
                face,
                source=f"{title}: {face.source}",
                person=None if face.person is None else f"{title}: {face.person}",
            )
            for face in dataset.faces
        ],
        dropped=[replace(item, source=f"{title}: {item.source}") for item in dataset.dropped],
    )
