"""The faces that models are measured on, and what a model says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.expression.model_spec import ModelSpec
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import align_pictures
from poise.types import FloatArray, Image
from poise_training.datasets.dataset import gather, majority_class
from poise_training.datasets.labelled_faces import Dropped, LabelledFace
from poise_training.datasets.locate import batches, cut, squared
from poise_training.datasets.recipe import DataSource, Recipe
from poise_training.datasets.schemes import Scheme, load_scheme, scheme_names
from poise_training.datasets.splits import drop_duplicates, pixel_hash

Change = Callable[[Image, FloatArray], Image]
"""From a picture uint8 [H, W, 3] and the box of its face float32 [4] to a changed crop."""

Telling = Callable[[str, int, int], None]


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Faces with a clear majority that no model trained on the data set's own splits has seen.

    Args:
        name: Of the data, for people.
        split: Which split they are, or `all`.
        faces: [N].
        classes: Class of each under the scheme, [N].
        scheme: Which emotion of the data is which class, and its valence.
        dropped: What was left out and why.
    """

    __test__ = False  # no test of pytest's

    name: str
    split: str
    faces: list[LabelledFace]
    classes: list[str]
    scheme: Scheme
    dropped: list[Dropped]


def scheme_for(spec: ModelSpec) -> Scheme:
    """A model's classes, with other names of its emotions where a shipped scheme knows them."""
    for name in scheme_names():
        scheme = load_scheme(name)
        if scheme.labels.emotions == spec.labels.emotions:
            return replace(scheme, per_class=None, labels=spec.labels)
    return Scheme(labels=spec.labels)


def recipe_for(source: DataSource, scheme: Scheme) -> Recipe:
    """A recipe for measuring alone: one data source under a scheme."""
    return Recipe(name=source.title, data=(source,), scheme=scheme)


def collect(
    recipe: Recipe,
    *,
    split: str | None = None,
    trained: bool = True,
    telling: Telling = _silent,
) -> TestSet:
    """The faces of a split with a clear majority, each picture once and in no other split.

    Args:
        recipe: Says where the faces come from and how they are split.
        split: `train`, `validation`, `test`, or `all`; by default test, or all if there is none.
        trained: Whether models are made by this recipe. If not, a test split that is merely
            drawn means nothing, and the whole is taken by default.
        telling: Is told what is being done, how many are done, and of how many.

    Raises:
        SettingsError: If none is left.
    """
    gathered = gather(recipe)
    if split is None:
        known = gathered.splits if trained else [face.split for face in gathered.faces]
        split = "test" if "test" in known else "all"
    splits = ["test" if split == "all" else own for own in gathered.splits]
    reasons = _unusable(gathered.faces, splits, telling)
    dropped = list(gathered.dropped)
    chosen: list[int] = []
    for k, face in enumerate(gathered.faces):
        if split != "all" and splits[k] != split:
            continue
        reason = reasons[k] or ("" if gathered.majority[k] else "no clear majority")
        if reason:
            dropped.append(Dropped(source=face.source, reason=reason))
        else:
            chosen.append(k)
    if not chosen:
        raise SettingsError(
            f"no face with a clear majority in {split}",
            remedy="Choose another split, such as --split all.",
            path=recipe.data[0].location,
        )
    return TestSet(
        name=" and ".join(source.title for source in recipe.data),
        split=split,
        faces=[gathered.faces[k] for k in chosen],
        classes=[majority_class(gathered.faces[k], recipe.scheme.sources) or "" for k in chosen],
        scheme=recipe.scheme,
        dropped=dropped,
    )


def _unusable(faces: list[LabelledFace], splits: list[str], telling: Telling) -> list[str | None]:
    """Why each picture cannot be used (unreadable, or in another split as well); None if it can."""
    digests: list[str] = []
    reasons: list[str | None] = []
    for batch in batches(faces):
        for _, picture in batch:
            if isinstance(picture, str):
                reasons.append(picture)
                digests.append("")
            else:
                reasons.append(None)
                digests.append(pixel_hash(picture))
        telling("Reading pictures", len(digests), len(faces))
    readable = [k for k, reason in enumerate(reasons) if reason is None]
    _, repeated = drop_duplicates(
        [digests[k] for k in readable], [splits[k] for k in readable], unseen_test=True
    )
    for k, reason in zip(readable, repeated, strict=True):
        reasons[k] = reason
    return reasons


def predict(
    test: TestSet,
    classifier: ExpressionClassifier,
    detector: FaceDetector,
    *,
    change: Change | None = None,
    logits: bool = False,
    telling: Telling = _silent,
) -> tuple[FloatArray, list[bool]]:
    """What a model says of the faces, seen exactly as `poise classify` sees them.

    A face whose box is annotated in a larger picture is cut out first and then seen as with
    `--cropped`: the box says which face is meant.

    Args:
        test: N faces.
        classifier: The model.
        detector: MTCNN.
        change: What is done to every crop before.
        logits: Whether logits are wanted instead of posteriors.
        telling: Is told what is being done, how many are done, and of how many.

    Returns:
        Posterior (or logits) of the emotions, float32 [N, C], and whether a face was found, [N].

    Raises:
        SettingsError: If a picture cannot be read, or is to be changed and shows a face no one
            knows where.
    """
    spec = classifier.spec
    parts: list[FloatArray] = []
    found: list[bool] = []
    for batch in batches(test.faces):
        shown = [_shown(face, picture, change) for face, picture in batch]
        aligned = np.empty((len(batch), spec.input_px, spec.input_px, 3), np.uint8)
        seen = np.zeros(len(batch), np.bool_)
        eye_px = np.zeros(len(batch), np.float32)
        for cropped in (True, False):
            rows = [k for k, (_, is_crop) in enumerate(shown) if is_crop == cropped]
            if rows:
                aligned[rows], seen[rows], eye_px[rows] = align_pictures(
                    [shown[k][0] for k in rows], detector, spec.template_px, spec.input_px,
                    cropped=cropped,
                )  # fmt: skip
        said = classifier.predict(aligned, eye_px=eye_px)
        parts.append(said.logits if logits else said.posterior)
        found += seen.tolist()
        telling("Classifying", len(found), len(test.faces))
    return np.concatenate(parts), found


def _shown(face: LabelledFace, picture: Image | str, change: Change | None) -> tuple[Image, bool]:
    """What the model is given of a picture, and whether it is cropped to the face."""
    if isinstance(picture, str):
        raise SettingsError(
            f"{face.source} could be read a moment ago, and now: {picture}",
            remedy="Leave the data alone while it is read, and try again.",
        )
    if face.cropped:
        box = np.array([0, 0, picture.shape[1], picture.shape[0]], np.float32)
    elif face.box_xyxy_px is not None:
        box = squared(face.box_xyxy_px)
    elif change is not None:
        raise SettingsError(
            f"{face.source} is not cropped and has no box, so its crop cannot be changed",
            remedy="Leave --changes out, or give pictures that are cropped to the face.",
        )
    else:
        return picture, False
    if change is not None:
        return change(picture, box), True
    return (picture if face.cropped else cut(picture, box, 0)[0]), True
