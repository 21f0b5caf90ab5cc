"""Reader of FER+: FER2013's faces with the votes of ten people each, as folders or as a zip.

Source: Barsoum et al., Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution, arXiv:1608.01041.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import partial

from poise_training.datasets.labelled_faces import (
    Dataset,
    Dropped,
    LabelledFace,
    majority_of,
    read_picture,
    vote_shares,
)
from poise_training.files import FileTree

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
        counts = {emotion: int(row[emotion]) for emotion in EMOTIONS}
        unknown, no_face = int(row["unknown"]), int(row["NF"])
        if source not in pictures:
            dropped.append(Dropped(source=source, reason="no picture of that name"))
        elif max(counts.values()) <= max(unknown, no_face):
            dropped.append(Dropped(source=source, reason="most votes: unknown or no face"))
        else:
            faces.append(
                LabelledFace(
                    source=source,
                    load=partial(read_picture, tree, pictures[source]),
                    votes=_distribution(counts),
                    majority=majority_of(counts, abstained=unknown + no_face),
                    split=split,
                )
            )
    return Dataset(name="FER+", faces=faces, dropped=dropped)


def _distribution(counts: Mapping[str, int]) -> dict[str, float]:
    """Shares without single votes, unless there are no others."""
    return vote_shares({e: n for e, n in counts.items() if n > 1} or counts)
