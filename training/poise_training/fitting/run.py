"""One training run in one directory: recipe, prepared faces, network, fit.

Callable from a notebook as well as from `poise-train`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from poise.errors import SettingsError
from poise.expression.architectures import ExpressionNetwork
from poise.expression.artefact import build, load_imagenet, load_model
from poise.expression.classifier import normalise
from poise.expression.device import choose_device
from poise.expression.model_spec import ModelSpec
from poise.faces.detection.detector import FaceDetector
from poise.types import Image
from poise_training.datasets.prepare import PreparedFaces, prepared
from poise_training.datasets.recipe import NOTHING, Recipe
from poise_training.files import write_json
from poise_training.fitting.augment import centre
from poise_training.fitting.export import RECIPE_FILE, read_recipe_json
from poise_training.fitting.fit import CHECKPOINT_FILE, Fit, Progress
from poise_training.fitting.outside import OutsideTeachers, outside_network
from poise_training.fitting.teach import taught

_FACES_WEIGHED = 2000  # that say how frequent each class is before and after other software spoke


def prepare_run(
    recipe: Recipe,
    directory: Path,
    *,
    device: str = "auto",
    cache: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> PreparedFaces:
    """Begin a run: note its recipe and prepare its faces, or find that both are there.

    Args:
        recipe: How the model is made.
        directory: Of the run.
        device: See `poise.expression.classifier.choose_device`.
        cache: Where prepared faces are kept instead of in the directory, for several runs.
        progress: Is told what is being done, how many are done, and of how many.

    Raises:
        SettingsError: If the directory holds a run of another recipe, or the data is of no use.
    """
    plain = recipe.to_json()
    begun = (directory / RECIPE_FILE).exists()
    if begun and read_recipe_json(directory) != plain:
        raise SettingsError(
            "this directory holds a run of another recipe",
            remedy="Give another directory, or the recipe as it was.",
            path=directory,
        )
    detector = FaceDetector(device=str(choose_device(device)))
    faces = prepared(recipe, cache or directory, detector, progress)
    if not begun:
        directory.mkdir(parents=True, exist_ok=True)
        write_json(plain, directory / RECIPE_FILE)
    return faces


def resumable(directory: Path) -> bool:
    """Whether a run in this directory goes on from a checkpoint."""
    return (directory / CHECKPOINT_FILE).exists()


def fit_run(
    recipe: Recipe,
    directory: Path,
    *,
    device: str = "auto",
    cache: Path | None = None,
    imagenet: Path | None = None,
    preparing: Callable[[str, int, int], None] = lambda what, done, total: None,
    training: Callable[[Progress], None] = lambda state: None,
) -> Fit:
    """Train a recipe to the end, from wherever an earlier call was stopped.

    Args:
        recipe: How the model is made.
        directory: Of the run; holds afterwards `recipe.json`, checkpoint and learning curves.
        device: See `poise.expression.classifier.choose_device`.
        cache: Where prepared faces are kept instead of in the directory, for several runs.
        imagenet: VGG16's ImageNet weights as a safetensors file, to spare the download.
        preparing: Is told what is being done, how many are done, and of how many.
        training: Is told of every step.

    Raises:
        SettingsError: If the directory holds a run of another recipe, or the data is of no use.
        ModelError: If weights or checkpoint cannot be used.
    """
    faces = prepare_run(recipe, directory, device=device, cache=cache, progress=preparing)
    if recipe.teachers:
        faces = taught(
            faces,
            recipe.scheme.labels.emotions,
            recipe.teacher_directories,
            recipe.teacher_share,
            directory,
            device=device,
            untaught=[source.title for source in recipe.data if not source.taught],
            progress=preparing,
        )
    spec = ModelSpec(
        name=recipe.name,
        architecture=recipe.architecture,
        labels=recipe.scheme.labels,
        input_px=recipe.input_px,
        template_px=faces.template_px,
    )
    run = Fit(
        _network(recipe, spec, imagenet, started=resumable(directory)),
        faces,
        spec.labels.valence_matrix,
        partial(_normalised, spec),
        recipe.fit,
        directory,
        choose_device(device),
        _outside(recipe, faces) if recipe.outside else None,
    )
    run.run(training)
    return run


def _outside(recipe: Recipe, faces: PreparedFaces) -> OutsideTeachers:
    """The other software that has a say in the targets."""
    train = np.flatnonzero(faces.split == "train")
    some = np.random.default_rng(recipe.data_seed).permutation(train)[:_FACES_WEIGHED]
    networks = [
        outside_network(path, teacher.lowest)
        for teacher, path in zip(recipe.outside, recipe.outside_files, strict=True)
    ]
    return OutsideTeachers(
        list(zip(recipe.outside, networks, strict=True)),
        recipe.scheme.labels,
        np.stack([centre(faces.canvas[k], faces.input_px, faces.frame_px) for k in some]),
        faces.targets[some],
        recipe.least_target,
    )


def _network(
    recipe: Recipe, spec: ModelSpec, imagenet: Path | None, *, started: bool
) -> ExpressionNetwork:
    """The network as a run starts with it; the checkpoint of a started one has all weights."""
    torch.manual_seed(recipe.fit.seed)
    network = build(spec)
    if started or recipe.pretrained == NOTHING:
        return network
    start = recipe.pretrained_file
    if start and start.is_dir():
        return _continued(start, spec)
    load_imagenet(network, imagenet or start)
    return network


def _continued(model: Path, spec: ModelSpec) -> ExpressionNetwork:
    """The network of an earlier model, to go on from."""
    network, earlier = load_model(model)
    same = (earlier.architecture, earlier.labels.emotions, earlier.input_px)
    if same != (spec.architecture, spec.labels.emotions, spec.input_px):
        raise SettingsError(
            "the model to go on from has another architecture, other emotions or another input",
            remedy="Give one that was trained under the recipe's scheme and input_px.",
            path=model,
        )
    return network


def _normalised(spec: ModelSpec, images: Image, device: torch.device) -> Tensor:
    return normalise(images, spec, device)
