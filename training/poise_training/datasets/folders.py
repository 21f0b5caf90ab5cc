"""Readers of a user's own faces: one folder per emotion, or pictures with a CSV of labels."""

from __future__ import annotations

import csv
import io
import math
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial

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

LFW_PERSON = r"(.+)_\d{4}"
"""Person of a picture of Labeled Faces in the Wild: `Aaron_Eckhart_0001` -> `Aaron_Eckhart`."""

_SPLIT_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_BOX_COLUMNS = ("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px")
_GROUP_COLUMNS = ("gender", "age")
_VOTES = "votes_"


class _Unusable(Exception):
    """Why a picture or a row is left out."""


def read_folders(tree: FileTree, *, cropped: bool, person_pattern: str | None = None) -> Dataset:
    """Read pictures that lie in one folder per emotion.

    `happiness/a.jpg`, or below a folder that names the split, `train/happiness/a.jpg`; further
    folders around these are of no matter. The emotion is the folder's name in lower case.

    Args:
        tree: The folder or zip.
        cropped: Whether the pictures show a face and little else.
        person_pattern: Regular expression for a whole file name without its suffix; its first
            group, or the whole, names the person.

    Raises:
        SettingsError: If it holds no pictures, or the pattern is none.
    """
    pattern = _compiled(person_pattern)
    faces: list[LabelledFace] = []
    dropped: list[Dropped] = []
    for name in _pictures(tree).values():
        folders = _nfc(name).lower().split("/")[:-1]
        if not folders or folders[-1] in _SPLIT_WORDS:
            dropped.append(Dropped(source=_nfc(name), reason="not in the folder of an emotion"))
            continue
        emotion = folders[-1]
        faces.append(
            LabelledFace(
                source=_nfc(name),
                load=partial(read_picture, tree, name),
                votes={emotion: 1.0},
                majority=emotion,
                split=_SPLIT_WORDS.get(folders[-2]) if len(folders) > 1 else None,
                person=_person(_nfc(name), pattern),
                cropped=cropped,
            )
        )
    return Dataset(name=tree.root.stem, faces=faces, dropped=dropped)


def read_csv(
    tree: FileTree,
    name: str = "labels.csv",
    *,
    cropped: bool,
    person_pattern: str | None = None,
) -> Dataset:
    """Read pictures that a CSV lists.

    Columns: `image` (relative to the CSV, or to a folder `images` beside it) and `label` or
    `emotion`, or else one column `votes_<emotion>` of counts for each emotion. If wanted:
    `person`, `split`, `gender`, `age`, and the face as `box_x1_px` to `box_y2_px`. A blank is
    a value that is not known.

    Args:
        tree: The folder or zip.
        name: File name of the CSV, wherever in the tree it lies.
        cropped: Whether the pictures show a face and little else.
        person_pattern: As for `read_folders`; used where the column says nothing.

    Raises:
        SettingsError: If the CSV is not there, is not text, or lacks the columns.
    """
    pattern = _compiled(person_pattern)
    table = tree.find(name)
    pictures = _pictures(tree)
    faces: list[LabelledFace] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    for row in _rows(tree, table):
        try:
            picture = _listed(row["image"], posixpath.dirname(table), pictures)
            if picture in seen:
                raise _Unusable("listed before")
            seen.add(picture)
            counts = _counts(row)
            faces.append(
                LabelledFace(
                    source=_nfc(picture),
                    load=partial(read_picture, tree, picture),
                    votes=vote_shares(counts),
                    majority=majority_of(counts),
                    split=_split(row.get("split", "")),
                    person=row.get("person") or _person(_nfc(picture), pattern),
                    box_xyxy_px=_box(row),
                    cropped=cropped,
                    groups={column: row[column] for column in _GROUP_COLUMNS if row.get(column)},
                )
            )
        except _Unusable as fault:
            dropped.append(Dropped(source=row["image"], reason=str(fault)))
    return Dataset(name=tree.root.stem, faces=faces, dropped=dropped)


def _pictures(tree: FileTree) -> dict[str, str]:
    """Names of the pictures in the tree, by their names in NFC."""
    found = {
        _nfc(name): name
        for name in tree.names(*sorted(SUFFIXES))
        if not name.rsplit("/", 1)[-1].startswith(".") and not name.startswith("__MACOSX/")
    }
    if not found:
        raise SettingsError(
            "no pictures in it",
            remedy=f"Give pictures of one of the kinds {', '.join(sorted(SUFFIXES))}.",
            path=tree.root,
        )
    return found


def _rows(tree: FileTree, table: str) -> Iterator[dict[str, str]]:
    """Rows of the CSV with stripped values, blanks for cells that are missing."""
    data = tree.read(table)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # what Excel in Korea writes
        text = data.decode("cp949", errors="replace")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    columns = [column.strip().lower() for column in reader.fieldnames or ()]
    labelled = {"label", "emotion"} & set(columns) or any(c.startswith(_VOTES) for c in columns)
    if "image" not in columns or not labelled:
        raise SettingsError(
            f"its columns are {', '.join(columns) or 'none'}",
            remedy="It needs a column image and a column emotion, or columns votes_<emotion>.",
            path=tree.root / table,
        )
    reader.fieldnames = columns
    for row in reader:
        yield {column: row[column].strip() for column in columns}


def _listed(image: str, folder: str, pictures: Mapping[str, str]) -> str:
    """The picture that a row names."""
    path = _nfc(image).replace("\\", "/")
    for start in (folder, posixpath.join(folder, "images")):
        candidate = posixpath.normpath(posixpath.join(_nfc(start), path))
        if candidate in pictures:
            return pictures[candidate]
    raise _Unusable("no picture of that name")


def _counts(row: Mapping[str, str]) -> dict[str, float]:
    """Votes for each emotion: those of the columns, or a single one for the label."""
    votes = {c.removeprefix(_VOTES): v for c, v in row.items() if c.startswith(_VOTES) and v}
    label = (row.get("label") or row.get("emotion") or "").lower()
    if not votes:
        votes = {label: "1"} if label else {}
    try:
        counts = {_nfc(emotion): float(value) for emotion, value in votes.items()}
    except ValueError:
        raise _Unusable("votes are not numbers") from None
    if any(value < 0 or not math.isfinite(value) for value in counts.values()):
        raise _Unusable("votes are not counts")
    if not any(counts.values()):
        raise _Unusable("no label")
    return counts


def _box(row: Mapping[str, str]) -> tuple[float, float, float, float] | None:
    cells = [row.get(column, "") for column in _BOX_COLUMNS]
    if not any(cells):
        return None
    try:
        x1, y1, x2, y2 = (float(cell) for cell in cells)
    except ValueError:
        raise _Unusable("the box is not four numbers") from None
    if not (x1 < x2 and y1 < y2):
        raise _Unusable("the box has no area")
    return x1, y1, x2, y2


def _split(word: str) -> str | None:
    if word and word.lower() not in _SPLIT_WORDS:
        raise _Unusable(f"unknown split {word!r}")
    return _SPLIT_WORDS.get(word.lower())


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise SettingsError(
            f"the pattern for persons, {pattern!r}, cannot be understood ({error})",
            remedy="Give a regular expression such as '(.+)_[0-9]+'.",
        ) from error


def _person(name: str, pattern: re.Pattern[str] | None) -> str | None:
    stem = posixpath.splitext(posixpath.basename(name))[0]
    match = pattern.fullmatch(stem) if pattern else None
    return (match[1] if match.re.groups else match[0]) if match else None


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
