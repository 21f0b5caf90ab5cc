"""Label schemes as data: what of a data set is trained, under which classes, and how many faces.

The schemes that come with Poise are `poise_training/schemes/*.toml`; a path gives another.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from poise.errors import ModelError, PoiseError, SettingsError
from poise.labels import LabelScheme
from poise.types import FloatArray
from poise_training.datasets.labelled_faces import Dataset, Dropped, LabelledFace

_FOLDER = Path(__file__).parents[1] / "schemes"
_KEYS = {"name", "emotions", "valence", "sources", "per_class"}


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A label scheme and how a data set is brought under it.

    Args:
        labels: The classes of the network and their valence.
        sources: The class of each emotion of a data set; a class is its own source.
        per_class: At most this many faces of each class, and of each class the same number;
            None for all there are.

    Raises:
        ModelError: If a source leads to no class, or `per_class` is no positive number.
    """

    labels: LabelScheme
    sources: Mapping[str, str] = field(default_factory=dict)
    per_class: int | None = None

    def __post_init__(self) -> None:
        sources = {emotion: emotion for emotion in self.labels.emotions} | dict(self.sources)
        astray = sorted(set(sources.values()) - set(self.labels.emotions))
        if astray:
            raise ModelError(
                f"sources of {self.labels.name!r} lead to {', '.join(astray)}",
                remedy=f"Its emotions are {', '.join(self.labels.emotions)}.",
            )
        if self.per_class is not None and self.per_class < 1:
            raise ModelError(
                f"per_class of {self.labels.name!r} is {self.per_class}",
                remedy="Give a number from 1, or leave it out for all faces.",
            )
        object.__setattr__(self, "sources", sources)


class Targets(NamedTuple):
    """Faces under a scheme.

    Args:
        targets: Share of each class, float32 [N, C], rows sum to 1.
        faces: The faces kept, [N].
        dropped: The others, each with the reason.
    """

    targets: FloatArray
    faces: list[LabelledFace]
    dropped: list[Dropped]


def scheme_names() -> list[str]:
    """Names of the schemes that come with Poise."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_scheme(name_or_path: str | Path) -> Scheme:
    """Read a scheme.

    Args:
        name_or_path: One of `scheme_names()`, or a TOML file of the same form.

    Raises:
        SettingsError: If there is none of that name, or it cannot be used.
    """
    shipped = str(name_or_path) in scheme_names()
    path = _FOLDER / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    try:
        return _scheme_of(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise SettingsError(
            "no such label scheme",
            remedy=f"Give one of {', '.join(scheme_names())}, or the path of a TOML file.",
            path=path,
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"not valid TOML ({error})",
            remedy=f"Correct it, or copy one of those in {_FOLDER.name}.",
            path=path,
        ) from error
    except PoiseError as error:
        raise SettingsError(error.cause, remedy=error.remedy, path=path) from error


def apply_scheme(dataset: Dataset, scheme: Scheme, seed: int) -> Targets:
    """Bring a data set's faces under a scheme.

    A face stays where the emotion with the most votes is among the scheme's; votes for others
    then fall away and the rest sums to 1 again. Under `per_class`, each class gets the same
    number of faces, drawn at random, and within a class each source emotion as much as it has
    of an even part.

    Args:
        dataset: As a reader gave it.
        scheme: The classes.
        seed: Of the draw for `per_class`.

    Returns:
        Targets, faces and those dropped here; not those that the reader had dropped.

    Raises:
        SettingsError: If a class under `per_class` has no face at all.
    """
    known: list[LabelledFace] = []
    dropped: list[Dropped] = []
    for face in dataset.faces:
        outside = [emotion for emotion in _leading(face) if emotion not in scheme.sources]
        if outside:
            reason = f"{outside[0]} is not in the scheme {scheme.labels.name}"
            dropped.append(Dropped(source=face.source, reason=reason))
        else:
            known.append(face)
    targets = _targets(known, scheme)
    if scheme.per_class is None:
        return Targets(targets, known, dropped)
    keep, count = _balanced(known, targets, scheme, np.random.default_rng(seed))
    reason = f"beyond {count} faces per class"
    dropped += [
        Dropped(source=face.source, reason=reason)
        for face, stays in zip(known, keep, strict=True)
        if not stays
    ]
    faces = [face for face, stays in zip(known, keep, strict=True) if stays]
    return Targets(targets[keep], faces, dropped)


def _scheme_of(table: Mapping[str, Any]) -> Scheme:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ModelError(
            f"a label scheme has no {', '.join(unknown)}",
            remedy=f"It may have {', '.join(sorted(_KEYS))}.",
        )
    emotions, valence = table.get("emotions", []), table.get("valence", {})
    sources, per_class = table.get("sources", {}), table.get("per_class")
    fits = (
        isinstance(emotions, list)
        and all(isinstance(m, dict) and _all_text(m.values()) for m in (valence, sources))
        and _all_text(emotions)
        and (per_class is None or type(per_class) is int)
    )
    if not fits:
        raise ModelError(
            "values of the wrong kind",
            remedy="emotions is a list of names; valence and sources are tables from a name to "
            "a name; per_class is a whole number.",
        )
    return Scheme(labels=LabelScheme.from_json(table), sources=sources, per_class=per_class)


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _leading(face: LabelledFace) -> list[str]:
    """The emotions with the most votes."""
    most = max(face.votes.values())
    return [emotion for emotion, share in face.votes.items() if share == most]


def _targets(faces: list[LabelledFace], scheme: Scheme) -> FloatArray:
    column = {emotion: k for k, emotion in enumerate(scheme.labels.emotions)}
    targets = np.zeros((len(faces), len(column)), np.float32)
    for row, face in zip(targets, faces, strict=True):
        for emotion, share in face.votes.items():
            if emotion in scheme.sources:
                row[column[scheme.sources[emotion]]] += share
    return np.asarray(targets / targets.sum(axis=1, keepdims=True), np.float32)


def _balanced(
    faces: list[LabelledFace], targets: FloatArray, scheme: Scheme, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], int]:
    """Which faces stay, bool [N], and how many of each class."""
    assert scheme.per_class is not None
    classes = targets.argmax(axis=1)
    sizes = np.bincount(classes, minlength=targets.shape[1])
    empty = [e for e, size in zip(scheme.labels.emotions, sizes, strict=True) if not size]
    if empty:
        raise SettingsError(
            f"no faces of {', '.join(empty)} for the scheme {scheme.labels.name}",
            remedy="Add the part of the data set that holds them, or choose another scheme.",
        )
    count = min(scheme.per_class, int(sizes.min()))
    # Each face gets its turn among those of its class and leading emotion; the first turns win.
    turns: defaultdict[tuple[int, str], int] = defaultdict(int)
    order = rng.permutation(len(faces))
    turn = np.empty(len(faces), np.int64)
    for k in order:
        group = int(classes[k]), _leading(faces[k])[0]
        turn[k] = turns[group]
        turns[group] += 1
    keep = np.zeros(len(faces), np.bool_)
    for chosen in range(targets.shape[1]):
        mine = order[classes[order] == chosen]
        keep[mine[np.argsort(turn[mine], kind="stable")[:count]]] = True
    return keep, count
