"""Reader of AI Hub no. 82 (한국인 감정인식을 위한 복합 영상), as downloaded: zips or folders.

Three annotators saw each picture. A picture is kept where at least two of them name the same of
the seven emotions; its votes are then the shares of those who named one.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from poise.errors import SettingsError
from poise.faces.photographs import SUFFIXES
from poise_training.datasets.labelled_faces import (
    Dataset,
    Dropped,
    LabelledFace,
    majority_of,
    read_picture,
    vote_shares,
)
from poise_training.files import FileTree

EMOTIONS: Mapping[str, str] = {
    "기쁨": "happiness",
    "당황": "embarrassment",
    "분노": "anger",
    "불안": "anxiety",
    "상처": "hurt",
    "슬픔": "sadness",
    "중립": "neutral",
}
"""The data set's names of the emotions and ours."""

_GENDERS = {"여": "female", "남": "male"}
_ANNOTATORS = ("annot_A", "annot_B", "annot_C")
_SIDES = ("minX", "minY", "maxX", "maxY")
_SPLITS = {"SAMPLE": None, "VALID": "validation", "TRAIN": "train"}
_PERSON = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?=_)", re.IGNORECASE)
_PART_OF_ZIP = re.compile(r"\.zip\.part\d+$|\.z\d\d$", re.IGNORECASE)

Box = tuple[float, float, float, float]


class Fault(StrEnum):
    """Why something in the data set is not used."""

    MALFORMED = "row without a file name or annotators"
    NO_PICTURE = "no picture of that name"
    AMBIGUOUS = "several pictures could be meant"
    REPEATED = "second row of the same picture"
    UNKNOWN = "most annotators named no emotion"
    DISAGREE = "the annotators disagree"
    NO_LABEL = "picture without a label"
    SECOND_COPY = "second copy of a picture"
    BAD_JSON = "label file that cannot be read"
    BAD_ZIP = "zip archive that cannot be opened"
    PART_OF_ZIP = "part of a divided zip archive: join the parts first"


class _Unusable(Exception):
    """A row is left out."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


@dataclass(frozen=True, eq=False)
class _File:
    """A file of the data set: where it is read, and its path in readable letters."""

    tree: FileTree
    name: str
    path: str

    @cached_property
    def base(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def split(self) -> str | None:
        """What the innermost folder or file name that says so says."""
        for part in reversed(self.path.upper().split("/")):
            for word, split in _SPLITS.items():
                if word in part:
                    return split
        return None


@dataclass(frozen=True)
class _Row:
    """One picture's labels.

    Args:
        filename: As the label file writes it.
        counts: Votes for each emotion, by our names.
        abstained: Annotators who named none.
        box: Median of the annotators' boxes in pixels of the upright picture.
        groups: Gender and age.
    """

    filename: str
    counts: Mapping[str, int]
    abstained: int
    box: Box | None
    groups: Mapping[str, str]


def read_aihub(root: Path) -> Dataset:
    """Read AI Hub no. 82.

    Pictures are found by name wherever they lie, in folders or zips, whatever became of
    the encoding of their names. `Training` is the split train, `Validation` validation; the
    sample has none. A face whose annotators drew no usable box is kept without one. Faces keep
    the votes of all seven emotions; a label scheme chooses among them.

    Args:
        root: The folder that holds `Training` and `Validation`, one of these, or the sample.

    Returns:
        The faces; and every row, picture and file that gave none, with a `Fault` as reason.

    Raises:
        SettingsError: If there is no label file.
    """
    labels, pictures, dropped = _take_stock(root)
    shelf = _Shelf(pictures)
    faces: list[LabelledFace] = []
    for label in labels:
        rows = _rows(label)
        if rows is None:
            dropped.append(Dropped(source=label.path, reason=Fault.BAD_JSON))
            continue
        for index, plain in enumerate(rows):
            try:
                row = _row(plain)
                picture = shelf.take(row.filename, label.split)
                faces.append(_face(row, picture, label.split))
            except _Unusable as problem:
                source = f"{label.path}[{index}]"
                dropped.append(Dropped(source=source, reason=problem.fault))
    dropped += shelf.left_over()
    return Dataset(name="AI Hub 82", faces=faces, dropped=dropped)


def _take_stock(root: Path) -> tuple[list[_File], list[_File], list[Dropped]]:
    """Label files and pictures below the root, and what cannot be opened."""
    labels: list[_File] = []
    pictures: list[_File] = []
    dropped: list[Dropped] = []
    for file in _files(root, dropped):
        suffix = Path(file.base).suffix.lower()
        if suffix == ".json":
            labels.append(file)
        elif suffix in SUFFIXES:
            pictures.append(file)
    if not labels:
        raise SettingsError(
            "no label file of AI Hub no. 82 in it",
            remedy="Give the folder that holds Training and Validation, with the [라벨] files "
            "beside the [원천] files, as zips or unpacked; join archives that came in parts.",
            path=root,
        )
    return labels, pictures, dropped


def _files(root: Path, dropped: list[Dropped]) -> Iterator[_File]:
    """All files below a folder, those in zips included, or in one zip."""
    tree = FileTree(root)
    for name in tree.names(""):
        path = _readable(name)
        base = path.rsplit("/", 1)[-1]
        if base.startswith(".") or "__MACOSX/" in path:
            continue
        if _PART_OF_ZIP.search(base):
            dropped.append(Dropped(source=path, reason=Fault.PART_OF_ZIP))
        elif root.is_dir() and base.lower().endswith(".zip"):
            try:
                archive = FileTree(root / name)
                members = archive.names("")
            except (SettingsError, OSError, zipfile.BadZipFile):
                dropped.append(Dropped(source=path, reason=Fault.BAD_ZIP))
                continue
            for member in members:
                if "__MACOSX/" not in member and not member.rsplit("/", 1)[-1].startswith("."):
                    yield _File(archive, member, f"{path}/{_readable(member)}")
        else:
            yield _File(tree, name, path)


class _Shelf:
    """The pictures by name, and which of them a row has asked for."""

    def __init__(self, pictures: list[_File]) -> None:
        self._pictures = pictures
        self._by_key: defaultdict[str, list[_File]] = defaultdict(list)
        self._taken: set[_File] = set()
        for picture in pictures:
            self._by_key[_key(picture.base)].append(picture)

    def take(self, filename: str, split: str | None) -> _File:
        """The picture that a row means: of the exact name and the row's own split if possible."""
        alike = self._by_key.get(_key(filename), [])
        base = _nfc(filename).rsplit("/", 1)[-1]
        alike = [p for p in alike if p.base == base] or alike
        alike = [p for p in alike if p.split == split] or alike
        if not alike:
            raise _Unusable(Fault.NO_PICTURE)
        if len({picture.base for picture in alike}) > 1:
            raise _Unusable(Fault.AMBIGUOUS)
        if alike[0] in self._taken:
            raise _Unusable(Fault.REPEATED)
        self._taken.add(alike[0])
        return alike[0]

    def left_over(self) -> list[Dropped]:
        """The pictures that no row asked for."""
        bases = {picture.base for picture in self._taken}
        return [
            Dropped(
                source=picture.path,
                reason=Fault.SECOND_COPY if picture.base in bases else Fault.NO_LABEL,
            )
            for picture in self._pictures
            if picture not in self._taken
        ]


def _face(row: _Row, picture: _File, split: str | None) -> LabelledFace:
    majority = majority_of(row.counts, abstained=row.abstained)
    if max(row.counts.values(), default=0) < 2:
        raise _Unusable(Fault.UNKNOWN if row.abstained > 1 else Fault.DISAGREE)
    person = _PERSON.match(picture.base)
    return LabelledFace(
        source=picture.path,
        load=partial(read_picture, picture.tree, picture.name),
        votes=vote_shares(row.counts),
        majority=majority,
        split=split or picture.split,
        person=person[0].lower() if person else None,
        box_xyxy_px=row.box,
        cropped=False,
        groups=row.groups,
    )


def _rows(label: _File) -> list[Any] | None:
    """Rows of a label file in UTF-8, with or without a byte order mark, or CP949."""
    try:
        data = label.tree.read(label.name)
    except (OSError, RuntimeError, zipfile.BadZipFile):
        return None
    for encoding in ("utf-8-sig", "cp949"):
        try:
            plain = json.loads(data.decode(encoding))
        except ValueError:  # of the encoding or of the JSON
            continue
        return plain if isinstance(plain, list) else None
    return None


def _row(plain: Any) -> _Row:
    """A row of a label file, checked."""
    if not isinstance(plain, dict) or not isinstance(plain.get("filename"), str):
        raise _Unusable(Fault.MALFORMED)
    given = [a for name in _ANNOTATORS if isinstance(a := plain.get(name), dict)]
    if not given:
        raise _Unusable(Fault.MALFORMED)
    named = [EMOTIONS.get(_nfc(str(annotation.get("faceExp"))).strip()) for annotation in given]
    return _Row(
        filename=plain["filename"],
        counts=Counter(emotion for emotion in named if emotion),
        abstained=len(_ANNOTATORS) - sum(emotion is not None for emotion in named),
        box=_median_box([annotation.get("boxes") for annotation in given]),
        groups=_groups(plain),
    )


def _median_box(drawn: list[Any]) -> Box | None:
    """Median of the usable boxes, side by side; x1, y1, x2, y2 or None."""
    boxes = [box for box in map(_box, drawn) if box is not None]
    if not boxes:
        return None
    x1, y1, x2, y2 = (statistics.median(side) for side in zip(*boxes, strict=True))
    return x1, y1, x2, y2


def _box(plain: Any) -> Box | None:
    """One annotator's box with its corners in order, or None where it has none."""
    try:
        x1, y1, x2, y2 = (float(plain[side]) for side in _SIDES)
    except (TypeError, ValueError, KeyError):
        return None
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or x1 == x2 or y1 == y2:
        return None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _groups(plain: Mapping[str, Any]) -> dict[str, str]:
    """Gender, and age as the decade that the data set gives."""
    gender = _GENDERS.get(_nfc(str(plain.get("gender"))).strip())
    age = re.search(r"\d+", str(plain.get("age")))
    return ({"gender": gender} if gender else {}) | ({"age": age[0]} if age else {})


def _key(filename: str) -> str:
    """What stays of a file name through all that archives and systems do to it.

    The suffix may change between .jpg and .jpeg, and `&`, `/` and others become `_`.
    """
    name = _nfc(filename)
    person = _PERSON.search(name)
    name = name[person.start() :] if person else name.rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return re.sub(r"\W", "_", stem if dot and f".{suffix.lower()}" in SUFFIXES else name).lower()


def _readable(path: str) -> str:
    """A path with its letters as they were meant, in Unicode NFC.

    Names in CP949 come out of a zip, or of a program that unpacked it, as if they were CP437,
    or as bytes that are not text.
    """
    return _nfc("/".join(part if part.isascii() else _decoded(part) for part in path.split("/")))


def _decoded(part: str) -> str:
    try:
        data = part.encode("cp437")
    except UnicodeEncodeError:
        data = part.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return part.encode("utf-8", "replace").decode("utf-8")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
