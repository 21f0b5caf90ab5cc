"""From a run to the artefact that `pipeline` loads: averaged weights, calibration, provenance."""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from poise import __version__
from poise.errors import ModelError, SettingsError
from poise.expression.artefact import build, load_model, save_model, write_spec
from poise.expression.calibration import LARGE_EYE_PX, SMALL_EYE_PX, ValenceCalibration, group_logs
from poise.expression.classifier import ExpressionClassifier
from poise.expression.model_spec import ModelSpec
from poise.faces.detection.detector import FaceDetector
from poise.labels import VALENCES, LabelScheme
from poise.types import FloatArray, Image, IntArray
from poise_training.datasets.prepare import PreparedFaces, faces_file
from poise_training.datasets.recipe import IMAGENET, NOTHING, data_key, placed
from poise_training.evaluation.calibrate import (
    Calibration,
    measure_activations,
    measure_temperature,
    measure_valence,
)
from poise_training.evaluation.testset import Telling, TestSet, predict
from poise_training.fitting.augment import centre
from poise_training.fitting.fit import read_checkpoint

RECIPE_FILE = "recipe.json"


def export(
    run: Path,
    target: Path,
    *,
    cache: Path | None = None,
    metrics: Path | None = None,
    device: str = "auto",
) -> tuple[ModelSpec, Calibration]:
    """Write the model artefact of a run, finished or not.

    Args:
        run: Directory of the run: `recipe.json`, the checkpoint, and the prepared faces unless
            these lie in `cache`.
        target: Directory to write.
        cache: Where the prepared faces lie instead.
        metrics: `evaluation.json` of an earlier export of the same run, kept with the model.
        device: See `poise.expression.classifier.choose_device`.

    Returns:
        What was written, and how the temperature came about.

    Raises:
        SettingsError: If the run lacks one of these.
        ModelError: If the checkpoint cannot be read or is of another network.
    """
    recipe = read_recipe_json(run)
    faces = _faces(cache or run, recipe)
    state = read_checkpoint(run, torch.device("cpu"))
    spec = ModelSpec(
        name=recipe["name"],
        architecture=recipe["architecture"],
        labels=LabelScheme.from_json(recipe["scheme"]),
        input_px=faces.input_px,
        template_px=faces.template_px,
        training=_provenance(recipe, faces, state),
        metrics=_read_json(metrics).get("tasks", {}) if metrics else {},
    )
    network = build(spec)
    weights = _with_start(state["averaged"], recipe, spec)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"the checkpoint is not of a {spec.architecture} ({error})",
            remedy="Give the directory of a run of this recipe.",
            path=run,
        ) from error
    # What is shipped is measured: the weights as rounded, through the classifier.
    save_model(network, spec, target)
    crops, majority = _validation(faces)
    classifier = ExpressionClassifier(target, device=device)
    ranges = measure_activations(classifier, crops)
    logits = classifier.predict(crops).logits
    calibration = measure_temperature(logits, majority, spec.labels)
    logs, truth = with_valence(logits, majority, spec.labels)
    own = measure_valence(logs, truth, eye_px=SMALL_EYE_PX, balanced=False)
    rounded = {name: round(value, 4) for name, value in asdict(calibration).items()}
    training = {**spec.training, "calibration": rounded}
    spec = replace(
        spec,
        temperature=calibration.temperature,
        valence_calibrations=(own,),
        activation_ranges=ranges,
        training=training,
    )
    return save_model(network, spec, target), calibration


def _with_start(
    weights: Mapping[str, Tensor], recipe: Mapping[str, Any], spec: ModelSpec
) -> Mapping[str, Tensor]:
    """The weights of a run, or their mean with those that it started from.

    What a network knew before is kept better by the mean than by either, and what it learnt is
    largely kept too: Wortsman et al., arXiv:2109.01903.
    """
    share = float(recipe.get("start_share", 0.0))
    if not share:
        return weights
    start, _ = load_model(placed(recipe["pretrained"], Path()))
    if start.state_dict().keys() != weights.keys():
        raise SettingsError(
            "the model that the run started from has another architecture",
            remedy=f"Give one of {spec.architecture} as pretrained, or a start_share of 0.",
        )
    return {
        name: value.lerp(weights[name], 1 - share) if value.is_floating_point() else weights[name]
        for name, value in start.state_dict().items()
    }


def calibrate(
    model: Path,
    test: TestSet,
    *,
    eye_px: float,
    negative_bias: float | None = None,
    device: str = "auto",
    telling: Telling = lambda what, done, total: None,
) -> ValenceCalibration:
    """Measure a valence calibration for faces of one size and larger, and add it to a model.

    Args:
        model: Directory of the artefact; its description is written anew, its weights are not.
        test: Faces with labels under whose convention large faces are to be read.
        eye_px: See `ValenceCalibration`; calibrations for this size and above are replaced.
        negative_bias: The bias of the negative class, where it is chosen rather than measured.
        device: See `poise.expression.classifier.choose_device`.
        telling: Is told what is being done, how many are done, and of how many.
    """
    classifier = ExpressionClassifier(model, device=device)
    spec = classifier.spec
    detector = FaceDetector(device=str(classifier.device))
    logits, _ = predict(test, classifier, detector, logits=True, telling=telling)
    number = {name: k for k, name in enumerate(spec.labels.emotions)}
    majority = np.array([number.get(c, -1) for c in test.classes], np.int64)
    logs, truth = with_valence(logits, majority, spec.labels)
    found = measure_valence(logs, truth, eye_px=eye_px, balanced=True, negative_bias=negative_bias)
    smaller = tuple(c for c in spec.valence_calibrations if c.eye_px < eye_px)
    write_spec(replace(spec, valence_calibrations=(*smaller, found)), model)
    return found


def with_valence(
    logits: FloatArray, majority: IntArray, labels: LabelScheme
) -> tuple[FloatArray, IntArray]:
    """Log posteriors of the valence classes and the true class, where a face has one.

    Args:
        logits: float [N, C].
        majority: Class of each face, int [N]; -1 for none.
        labels: Of the C emotions.

    Returns:
        float32 [M, 3] and int64 [M].
    """
    valence = labels.valence_matrix[majority]
    chosen = (majority >= 0) & (valence.sum(axis=1) > 0)
    logs = group_logs(logits[chosen], labels)[:, : len(VALENCES)]
    return logs, np.asarray(valence[chosen].argmax(axis=1), np.int64)


def read_recipe_json(run: Path) -> dict[str, Any]:
    """The recipe that a run was started with, as `Recipe.to_json` gave it."""
    path = run / RECIPE_FILE
    if not path.exists():
        raise SettingsError(
            "no recipe here",
            remedy="Give the directory of a run; poise-train prepare RECIPE --out DIR adds it.",
            path=path,
        )
    return _read_json(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot be read ({error})", remedy="Make it again.", path=path) from (
            error
        )
    if not isinstance(plain, dict):
        raise SettingsError("no JSON object", remedy="Make it again.", path=path)
    return plain


def _faces(directory: Path, recipe: Mapping[str, Any]) -> PreparedFaces:
    path = faces_file(directory, data_key(recipe))
    if not path.exists():
        raise SettingsError(
            "the prepared faces of the run are not here",
            remedy="Name their directory with --cache, or run poise-train prepare again.",
            path=path,
        )
    return PreparedFaces.load(path)


def _validation(faces: PreparedFaces) -> tuple[Image, IntArray]:
    """Crops of the validation faces that most people agree on, and the class of each."""
    index = np.flatnonzero((faces.split == "validation") & (faces.majority >= 0))
    if len(index) == 0:
        raise SettingsError(
            "no validation face with a clear majority",
            remedy="The temperature is measured on them: give the recipe more data.",
        )
    small = index[faces.eye_px[index] < LARGE_EYE_PX]
    index = small if len(small) else index  # large faces have a calibration of their own
    crops = np.stack([centre(faces.canvas[k], faces.input_px, faces.frame_px) for k in index])
    return crops, faces.majority[index]


def _provenance(
    recipe: dict[str, Any], faces: PreparedFaces, state: Mapping[str, Any]
) -> dict[str, Any]:
    """Where a model came from, and a sentence about it for people."""
    counts = Counter(faces.split.tolist())
    batch, epochs = recipe["fit"]["batch_size"], recipe["fit"]["epochs"]
    done = state["step"] / max(1, counts["train"] // batch)
    data = " and ".join(source["name"] for source in recipe["data"])
    length = f"{epochs} epoch{'s' if epochs > 1 else ''}"
    if not math.isclose(done, epochs):
        length = f"{done:.1f} of {length}"
    return {
        "summary": f"{recipe['architecture']} trained on {counts['train']:,} faces of {data} "
        f"for {length}{_beginning(recipe)}.",
        "faces": dict(sorted(counts.items())),
        "steps": state["step"],
        "recipe": _without_places(recipe),
        "versions": {
            "poise": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _beginning(recipe: Mapping[str, Any]) -> str:
    """What the weights started from, and who taught beside the votes."""
    pretrained, teachers = recipe["pretrained"], recipe.get("teachers", [])
    words = ""
    if pretrained != NOTHING:
        vgg = pretrained == IMAGENET or pretrained.endswith(".safetensors")
        words = f", starting from {'ImageNet' if vgg else Path(pretrained).name}"
    teachers = [*teachers, *(teacher["path"] for teacher in recipe.get("outside", []))]
    if teachers:
        words += f", taught by {' and '.join(Path(teacher).stem for teacher in teachers)}"
    return words


def _without_places(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with file names in place of paths, which belong to one machine."""
    data = [{**source, "path": Path(source["path"]).name} for source in recipe["data"]]
    places = {
        "pretrained": Path(recipe["pretrained"]).name,
        "teachers": [Path(teacher).name for teacher in recipe.get("teachers", [])],
        "outside": [
            {**teacher, "path": Path(teacher["path"]).name} for teacher in recipe.get("outside", [])
        ],
    }
    return {**recipe, "data": data, **places}
