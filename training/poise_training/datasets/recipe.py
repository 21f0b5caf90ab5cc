"""Recipes: all that makes a model, as TOML, so that a model can be made again.

The recipes that come with Poise are `poise_training/recipes/*.toml`; a path gives another.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import PoiseError, SettingsError
from poise.expression.architectures import ARCHITECTURES
from poise.types import FloatArray
from poise_training.datasets.labelled_faces import SPLITS
from poise_training.datasets.options import LEAST_TARGET, FitOptions, OutsideTeacher
from poise_training.datasets.schemes import Scheme, load_scheme

KINDS = {"ferplus": "FER+", "aihub": "AI Hub 82", "folders": "", "csv": ""}
OWN, DRAW = "own", "draw"
MEASURE = "measure"
IMAGENET, NOTHING = "imagenet", "none"

_FOLDER = Path(__file__).parents[1] / "recipes"
_PREPARATION = 2  # counted up whenever the same recipe would give other arrays


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One data set of a recipe.

    Args:
        kind: Which reader: a key of `KINDS`.
        path: Folder or zip; relative to the recipe, absolute, or with `$POISE_DATA` in it.
        cropped: Whether the pictures are cropped to the face; AI Hub's never are, FER+'s always.
        person_pattern: See `training.folders.read_folders`.
        table: File name of the CSV, for the kind csv.
        split: `own` keeps the data set's splits and draws what has none; `draw` draws all by
            person; `train`, `validation` or `test` puts all faces there.
        kept_for_validation: Share of the data set's own validation faces that stay validation;
            the others are trained on.
        taught: Whether a recipe's teachers have a say in the targets of its faces, beside people.
        name: For people; by default the data set's own or that of the folder.
        base: Folder that a relative path starts from.
    """

    kind: str
    path: str
    cropped: bool = True
    person_pattern: str = ""
    table: str = "labels.csv"
    split: str = OWN
    kept_for_validation: float = 1.0
    taught: bool = True
    name: str = ""
    base: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, tuple(KINDS))
        _one_of("split", self.split, (OWN, DRAW, *SPLITS))
        if not 0 < self.kept_for_validation <= 1:
            raise SettingsError(
                f"kept_for_validation is {self.kept_for_validation}",
                remedy="Use a value above 0, up to 1.",
            )

    @property
    def location(self) -> Path:
        """The path with variables replaced.

        Raises:
            SettingsError: If a variable is not set.
        """
        return placed(self.path, self.base)

    @property
    def title(self) -> str:
        """Name of the data set for people."""
        return self.name or KINDS[self.kind] or Path(self.path).stem


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is made.

    Args:
        name: Of the model.
        data: Where the faces come from.
        scheme: The classes, and which emotions of the data lead to them.
        architecture: A key of `poise.expression.architectures.ARCHITECTURES`.
        pretrained: `imagenet` for torchvision's VGG16 weights, `none`, a safetensors file with
            them, or a model's directory, whose training goes on.
        teachers: Directories of models that say beside the votes what a face looks like.
        teacher_share: Weight of what they say, 0..1.
        outside: Networks of other software that have a say afterwards.
        least_target: See `poise_training.fitting.outside.OutsideTeachers`, 0..1.
        start_share: Of the weights that the run starts from in those that are exported, 0..1.
        input_px: Side of the network's input.
        template: `measure`, or where the five landmarks lie in the input, 5 points (x, y) in
            pixels.
        shares: Of train, validation and test where splits are drawn.
        data_seed: Of everything drawn from the data before training.
        fit: How it is trained.
        base: Folder that a relative path starts from.
    """

    name: str
    data: tuple[DataSource, ...]
    scheme: Scheme
    architecture: str = "VGG16DenseNet"
    pretrained: str = IMAGENET
    teachers: tuple[str, ...] = ()
    teacher_share: float = 0.5
    outside: tuple[OutsideTeacher, ...] = ()
    least_target: float = LEAST_TARGET
    start_share: float = 0.0
    input_px: int = 48
    template: str | tuple[tuple[float, float], ...] = MEASURE
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    data_seed: int = 0
    fit: FitOptions = field(default_factory=FitOptions)
    base: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        _one_of("architecture", self.architecture, tuple(ARCHITECTURES))
        if not self.data:
            raise SettingsError("no data", remedy="Add a table [[data]] with kind and path.")
        for name in ("teacher_share", "start_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}", remedy="Use a value from 0 to 1."
                )
        if not 0 < self.least_target < 1:
            raise SettingsError(
                f"least_target is {self.least_target}",
                remedy="Use a value above 0 and below 1, such as 0.0001.",
            )
        if self.input_px < 32 or self.input_px % 16:
            raise SettingsError(
                f"input_px is {self.input_px}", remedy="Use a multiple of 16 from 32, such as 48."
            )
        points = np.array([] if isinstance(self.template, str) else self.template)
        fits = points.shape == (5, 2) and np.ptp(points, axis=0).min() > 0
        if self.template != MEASURE and not fits:
            raise SettingsError(
                "template is neither 'measure' nor five points",
                remedy="Give [[x, y], ...] of left eye, right eye, nose and corners of the mouth.",
            )

    @property
    def template_px(self) -> FloatArray | None:
        """float32 [5, 2] in pixels of the input, or None where it is to be measured."""
        return None if self.template == MEASURE else np.array(self.template, np.float32)

    @property
    def pretrained_file(self) -> Path | None:
        """The file with the pretrained weights; None for torchvision's."""
        return None if self.pretrained == IMAGENET else placed(self.pretrained, self.base)

    @property
    def teacher_directories(self) -> tuple[Path, ...]:
        """Where the teachers lie."""
        return tuple(placed(teacher, self.base) for teacher in self.teachers)

    @property
    def outside_files(self) -> tuple[Path, ...]:
        """Where the networks of other software lie."""
        return tuple(placed(teacher.path, self.base) for teacher in self.outside)

    def to_json(self) -> dict[str, Any]:
        """Plain form, without what differs from machine to machine."""
        plain = asdict(self)
        plain["scheme"] = {
            **self.scheme.labels.to_json(),
            "sources": dict(self.scheme.sources),
            "per_class": self.scheme.per_class,
        }
        del plain["base"]
        for entry, source in zip(plain["data"], self.data, strict=True):
            del entry["base"]
            entry["name"] = source.title
        return json.loads(json.dumps(plain))  # type: ignore[no-any-return]


def placed(path: str, base: Path) -> Path:
    """A path of a recipe with its variables replaced; a relative one starts from `base`.

    Raises:
        SettingsError: If a variable is not set.
    """
    expanded = os.path.expandvars(path)
    unset = re.search(r"\$\{?(\w+)", expanded)
    if unset:
        raise SettingsError(
            f"the environment variable {unset[1]} is not set",
            remedy=f"Set it to the folder that holds {Path(path).name}.",
            path=path,
        )
    return base / Path(expanded).expanduser()


def data_key(plain: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that change whenever a recipe would give other prepared faces.

    Args:
        plain: `Recipe.to_json`.
    """
    parts = ("data", "scheme", "input_px", "template", "shares", "data_seed")
    text = json.dumps([_PREPARATION, {part: plain[part] for part in parts}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def recipe_names() -> list[str]:
    """Names of the recipes that come with Poise."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: One of `recipe_names()`, or a TOML file of the same form.

    Raises:
        SettingsError: If there is none of that name, or it cannot be used.
    """
    shipped = str(name_or_path) in recipe_names()
    path = _FOLDER / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            "no such recipe",
            remedy=f"Give one of {', '.join(recipe_names())}, or the path of a TOML file.",
            path=path,
        ) from error
    except ValueError as error:  # of the encoding or of the TOML
        raise SettingsError(
            f"not valid TOML ({error})",
            remedy=f"Correct it, or copy one of those in {_FOLDER.name}.",
            path=path,
        ) from error
    try:
        return _recipe_of(table, path.parent)
    except PoiseError as error:
        raise SettingsError(error.cause, remedy=error.remedy, path=error.path or path) from error


def _recipe_of(table: Mapping[str, Any], base: Path) -> Recipe:
    values = dict(table)
    data, outside = values.pop("data", []), values.pop("outside", [])
    fit, scheme = values.pop("fit", {}), values.pop("scheme", None)
    for name, tables in (("data", data), ("outside", outside)):
        if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            raise SettingsError(
                f"{name} is no list of tables", remedy=f"Write [[{name}]] before each."
            )
    if not (isinstance(fit, dict) and isinstance(scheme, str)):
        raise SettingsError(
            "scheme or fit is of the wrong kind",
            remedy="scheme is the name or the path of a label scheme; fit is a table [fit].",
        )
    own = base / scheme
    if "template" in values and values["template"] != MEASURE:
        values["template"] = _points(values["template"])
    if "shares" in values:
        values["shares"] = _numbers(values["shares"], 3, "shares")
    if "teachers" in values:
        values["teachers"] = _texts(values["teachers"], "teachers")
    given = ("data", "outside", "scheme", "fit", "template", "shares", "teachers")
    return Recipe(
        **_checked(Recipe, values, "a recipe", given),
        data=tuple(DataSource(**_checked(DataSource, s, "[[data]]"), base=base) for s in data),
        outside=tuple(_outside(teacher) for teacher in outside),
        scheme=load_scheme(own if own.is_file() else scheme),
        fit=FitOptions(**_checked(FitOptions, fit, "[fit]")),
        base=base,
        **{key: values[key] for key in ("template", "shares", "teachers") if key in values},
    )


def _outside(table: Mapping[str, Any]) -> OutsideTeacher:
    rest = _checked(OutsideTeacher, table, "[[outside]]", ("emotions",))
    return OutsideTeacher(**rest, emotions=_texts(table.get("emotions"), "emotions"))


def _checked(
    kind: type[Any], values: Mapping[str, Any], where: str, given: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values of a table, each known to the dataclass and of its type.

    Args:
        kind: The dataclass.
        values: As read from TOML.
        where: What the table is called in a message.
        given: Fields that are checked elsewhere and left out of the result.
    """
    known = {entry.name: entry for entry in fields(kind) if entry.name != "base"}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(
            f"{where} has no {', '.join(unknown)}", remedy=f"It may have {', '.join(known)}."
        )
    wanted = {name: entry for name, entry in known.items() if name not in given}
    types = {"str": str, "int": int, "float": float, "bool": bool}
    checked = {}
    for name, entry in wanted.items():
        if name not in values:
            if entry.default is MISSING:
                raise SettingsError(f"{where} lacks {name}", remedy=f"Add {name} = ... to it.")
            continue
        value, type_name = values[name], str(entry.type)
        if type_name == "float" and type(value) is int:
            value = float(value)
        if type(value) is not types[type_name]:
            raise SettingsError(
                f"{name} of {where} is {value!r}", remedy=f"It must be a {type_name}."
            )
        checked[name] = value
    return checked


def _numbers(value: Any, count: int, name: str) -> tuple[float, ...]:
    fits = isinstance(value, list) and len(value) == count
    if not (fits and all(type(v) in (int, float) for v in value)):
        raise SettingsError(f"{name} is {value!r}", remedy=f"Give a list of {count} numbers.")
    return tuple(float(v) for v in value)


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise SettingsError(f"{name} is {value!r}", remedy="Give a list of texts.")
    return tuple(value)


def _points(value: Any) -> tuple[tuple[float, ...], ...]:
    if not isinstance(value, list):
        raise SettingsError(f"template is {value!r}", remedy="Use 'measure' or five points.")
    return tuple(_numbers(point, 2, "a point of template") for point in value)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f"{name} is {value!r}", remedy=f"Use one of {', '.join(known)}.")
