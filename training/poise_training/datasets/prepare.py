"""From a data set to arrays: faces found, the template measured, every face on its canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from poise.errors import SettingsError
from poise.faces.alignment import align_face
from poise.faces.detection.detector import FaceDetector
from poise.system.atomic_files import write_arrays
from poise.types import FloatArray, Image, IntArray
from poise_training.datasets.dataset import gather
from poise_training.datasets.labelled_faces import SPLITS, Dropped, LabelledFace
from poise_training.datasets.locate import Located, batches, look_at
from poise_training.datasets.recipe import Recipe, data_key
from poise_training.datasets.splits import drop_duplicates

CANVAS_PER_FRAME = 4 / 3  # the canvas shows this much more than the aligned crop
PIXELS_PER_INPUT = 1.5  # and is this much finer than the network's input

UNKNOWN = "Of nobody known, so that one person may be in training and in test"


@dataclass(frozen=True, kw_only=True)
class PreparedFaces:
    """Faces ready for training.

    Args:
        canvas: uint8 [N, K, K] gray, the aligned crop in the middle of a margin.
        targets: Share of each class, float32 [N, C], rows sum to 1.
        majority: Class that more than half of all people named, int64 [N]; -1 for none.
        split: `train`, `validation` or `test`, [N].
        source: Where each face came from, [N].
        aligned: Whether its landmarks were found, bool [N].
        eye_px: Distance of the eyes in the source picture, float32 [N], pixels.
        template_px: float32 [5, 2] in pixels of the network's input.
        input_px: Side of the network's input.
    """

    canvas: Image
    targets: FloatArray
    majority: IntArray
    split: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    aligned: npt.NDArray[np.bool_]
    eye_px: FloatArray
    template_px: FloatArray
    input_px: int

    @property
    def frame_px(self) -> float:
        """Side of the aligned crop within the canvas."""
        return self.input_px * PIXELS_PER_INPUT

    def save(self, path: Path) -> None:
        """Write to an `.npz` file, at once or not at all."""
        write_arrays(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> PreparedFaces:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        if "majority" not in values:  # written before majorities were kept
            targets = values["targets"]
            values["majority"] = np.where(targets.max(axis=1) > 0.5, targets.argmax(axis=1), -1)
        return cls(**{**values, "input_px": int(values["input_px"])})


def prepared(
    recipe: Recipe,
    directory: Path,
    detector: FaceDetector,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> PreparedFaces:
    """The faces of a recipe, from an earlier call or prepared now.

    Beside `faces-KEY.npz`, whose key changes with the part of the recipe that concerns the data,
    `faces-KEY.dropped.csv` says what was left out and why.

    Args:
        recipe: Says where the faces come from.
        directory: Where the files lie or are written.
        detector: MTCNN.
        progress: Is told what is being done, how many are done, and of how many.

    Raises:
        SettingsError: If the data cannot be read, or nothing of it can be trained on.
    """
    path = faces_file(directory, data_key(recipe.to_json()))
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        faces, dropped = prepare(recipe, detector, progress)
        table = pd.DataFrame([vars(item) for item in dropped], columns=["source", "reason"])
        table.to_csv(path.with_suffix(".dropped.csv"), index=False, encoding="utf-8")
        faces.save(path)
    return PreparedFaces.load(path)


def faces_file(directory: Path, key: str) -> Path:
    """Where `prepared` keeps the faces of a `data_key`."""
    return directory / f"faces-{key}.npz"


def prepare(
    recipe: Recipe,
    detector: FaceDetector,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[PreparedFaces, list[Dropped]]:
    """Read, locate, split and align the faces of a recipe.

    Args, Raises: As `prepared`.

    Returns:
        The faces, and what was left out.
    """
    gathered = gather(recipe)
    everyone = gathered.faces
    drawn = [face for face in everyone if face.split is None]
    if unknown := sum(face.person is None for face in drawn):
        progress(UNKNOWN, unknown, len(drawn))
    seen = look_at(everyone, detector, lambda done: progress("Finding faces", done, len(everyone)))
    reasons = [item.reason for item in seen]
    usable = [k for k, reason in enumerate(reasons) if not reason]
    _, repeated = drop_duplicates(
        [seen[k].pixel_hash for k in usable], [gathered.splits[k] for k in usable]
    )
    for k, reason in zip(usable, repeated, strict=True):
        reasons[k] = reason or ""
    keep = [k for k, reason in enumerate(reasons) if not reason]
    located = [place for k in keep if (place := seen[k].located) is not None]
    splits = [gathered.splits[k] for k in keep]
    _check(splits, recipe)
    template_px = recipe.template_px
    if template_px is None:
        training = [p for p, split in zip(located, splits, strict=True) if split == "train"]
        template_px = measure_template(training, recipe.input_px)
    classes = {name: k for k, name in enumerate(recipe.scheme.labels.emotions)}
    majority = [gathered.majority[k] for k in keep]
    faces = PreparedFaces(
        canvas=_canvases(gathered.faces, keep, located, template_px, recipe.input_px, progress),
        targets=gathered.targets[keep],
        majority=np.array([-1 if m is None else classes[m] for m in majority], np.int64),
        split=np.array(splits),
        source=np.array([everyone[k].source for k in keep]),
        aligned=np.array([place.landmarks_px is not None for place in located]),
        eye_px=np.array(
            [
                _eye_px(place, np.asarray(template_px / recipe.input_px, np.float32))
                for place in located
            ]
        ),
        template_px=template_px,
        input_px=recipe.input_px,
    )
    dropped = [
        Dropped(source=face.source, reason=reason)
        for face, reason in zip(everyone, reasons, strict=True)
        if reason
    ]
    return faces, gathered.dropped + dropped


def measure_template(located: list[Located], input_px: int) -> FloatArray:
    """Median place of each landmark in the frames of the faces.

    Returns:
        float32 [5, 2] in pixels of the network's input.

    Raises:
        SettingsError: If no face has landmarks.
    """
    relative = [
        (place.landmarks_px - place.frame_xyxy_px[:2])
        / (place.frame_xyxy_px[2:] - place.frame_xyxy_px[:2])
        for place in located
        if place.landmarks_px is not None
    ]
    if not relative:
        raise SettingsError(
            "no face was found in any training picture, so there is no template to measure",
            remedy="Check the pictures, or give the recipe a template of five points.",
        )
    return np.asarray(np.median(np.stack(relative), axis=0) * input_px, np.float32)


def canvas_of(picture: Image, located: Located, template_px: FloatArray, input_px: int) -> Image:
    """The face on its canvas, uint8 [K, K] gray, of a picture uint8 [H, W, 3] RGB."""
    landmarks_px = located.landmarks_or(np.asarray(template_px / input_px, np.float32))
    side = canvas_side(input_px)
    margin = side * (1 - 1 / CANVAS_PER_FRAME) / 2
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return align_face(gray, landmarks_px, template_px * PIXELS_PER_INPUT + margin, side)


def canvas_side(input_px: int) -> int:
    """Side K of a canvas."""
    return round(input_px * PIXELS_PER_INPUT * CANVAS_PER_FRAME)


def _eye_px(located: Located, template: FloatArray) -> np.float32:
    """Distance of the eyes in the source picture; the template's, float [5, 2], stands in."""
    left, right = located.landmarks_or(np.asarray(template, np.float32))[:2]
    return np.float32(np.linalg.norm(right - left))


def _canvases(
    faces: list[LabelledFace],
    keep: list[int],
    located: list[Located],
    template_px: FloatArray,
    input_px: int,
    progress: Callable[[str, int, int], None],
) -> Image:
    side = canvas_side(input_px)
    canvases = np.empty((len(keep), side, side), np.uint8)
    done = 0
    for batch in batches([faces[k] for k in keep]):
        for face, picture in batch:
            if isinstance(picture, str):
                raise SettingsError(
                    f"{face.source} could be read a moment ago, and now: {picture}",
                    remedy="Leave the data alone while it is read, and try again.",
                )
            canvases[done] = canvas_of(picture, located[done], template_px, input_px)
            done += 1
        progress("Aligning faces", done, len(keep))
    return canvases


def _check(splits: list[str], recipe: Recipe) -> None:
    """There must be something to train on and something to measure the temperature on."""
    for split in SPLITS[:2]:
        if split not in splits:
            raise SettingsError(
                f"no face for {split} in the data of {recipe.name}",
                remedy='Give more data, or split = "draw" to draw splits anew.',
                path=recipe.data[0].location,
            )
