"""Reader of FER+: FER2013's faces with the votes of ten people each, as folders or as a zip.

Source: Barsoum et al., Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution, arXiv:1608.01041.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial

from pipeline.pictures import load_picture
from training.data import Dataset, Dropped, LabelledFace
from training.files import FileTree

EMOTIONS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
)  # fmt: skip
_USAGE = {
    "Training": ("train", "FER2013Train"),
    "PublicTest": ("validation", "FER2013Valid"),
    "PrivateTest": ("test", "FER2013Test"),
}


def read_ferplus(tree: FileTree) -> Dataset:
    """Read FER+.

    Votes for "unknown" and "no face" are left out of the distribution; so are single votes, as
    its authors do. A face is dropped where those two took the most votes.

    Args:
        tree: The folder or zip that holds `fer2013new.csv` and the picture folders.

    Returns:
        48x48 faces in the splits of the data set.
    """
    table = tree.find("fer2013new.csv")
    pictures = {name.rsplit("/", 2)[-2] + "/" + name.rsplit("/", 1)[-1]: name
                for name in tree.names(".png")}  # fmt: skip
    faces: list[LabelledFace] = []
    dropped: list[Dropped] = []
    for row in csv.DictReader(io.StringIO(tree.read(table).decode("utf-8-sig"))):
        split, folder = _USAGE[row["Usage"]]
        source = f"{folder}/{row['Image name']}"
        votes = _distribution(row)
        if source not in pictures:
            dropped.append(Dropped(source=source, reason="no picture of that name"))
        elif votes is None:
            dropped.append(Dropped(source=source, reason="most votes: unknown or no face"))
        else:
            load = partial(_load, tree, pictures[source])
            faces.append(LabelledFace(source=source, load=load, votes=votes, split=split))
    return Dataset(name="FER+", faces=faces, dropped=dropped)


def _distribution(row: Mapping[str, str]) -> dict[str, float] | None:
    votes = {emotion: int(row[emotion]) for emotion in EMOTIONS}
    if max(votes.values()) <= max(int(row["unknown"]), int(row["NF"])):
        return None
    counted = {e: n for e, n in votes.items() if n > 1} or {e: n for e, n in votes.items() if n}
    total = sum(counted.values())
    return {emotion: count / total for emotion, count in counted.items()}


def _load(tree: FileTree, name: str):  # type: ignore[no-untyped-def]
    return load_picture(tree.read(name))
