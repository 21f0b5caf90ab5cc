"""Training, validation and test: no person and no picture on two sides.

A network that has seen a person, or the very picture, is measured on what it remembers.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from poise.errors import SettingsError
from poise.types import Image
from poise_training.datasets.labelled_faces import SPLITS, LabelledFace

# Who wins where a person or a picture stands on two sides: the rarer, the more precious.
_PRECEDENCE = ("test", "validation", "train")


def split_faces(
    faces: Sequence[LabelledFace],
    *,
    seed: int,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> list[str]:
    """Give every face a split.

    A split that the data set states is kept, except that a person on two sides goes to one:
    test before validation before train. Whoever has none is drawn at random, a person with all
    their pictures, and a face of nobody known by itself. The draw depends on the seed and the
    names, not on the order of the faces.

    Args:
        faces: Of one data set or several.
        seed: Of the draw.
        shares: Of train, validation and test among the faces that are drawn.

    Returns:
        `train`, `validation` or `test` for each face.

    Raises:
        SettingsError: If the shares are negative or do not sum to 1, or a split is unknown.
    """
    if min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise SettingsError(
            f"shares of train, validation and test are {shares}",
            remedy="Give three numbers from 0 to 1 that sum to 1, such as 0.8, 0.1 and 0.1.",
        )
    stated: dict[tuple[str, str], str] = {}
    members: Counter[tuple[str, str]] = Counter()
    for face in faces:
        unit = _unit(face)
        members[unit] += 1
        if face.split is not None:
            _check(face.split)
            stated[unit] = min(face.split, stated.get(unit, face.split), key=_PRECEDENCE.index)
    undecided = {unit: count for unit, count in members.items() if unit not in stated}
    split = stated | _draw(undecided, seed, shares)
    return [split[_unit(face)] for face in faces]


def drop_duplicates(
    pixel_hashes: Sequence[str], splits: Sequence[str], *, unseen_test: bool = False
) -> tuple[npt.NDArray[np.bool_], list[str | None]]:
    """Leave each picture in one split, once.

    What stands in test is dropped from validation and train, what stands in validation from
    train; of repeats within a split the first is kept.

    Args:
        pixel_hashes: `pixel_hash` of each picture, [N].
        splits: `train`, `validation` or `test` of each, [N].
        unseen_test: Drop from test as well what stood in another split. The test then holds
            nothing that any software trained on the data set's own splits can have seen, which
            makes a comparison with it fair.

    Returns:
        Which pictures stay, bool [N], and why each of the others goes, [N], None for those
        that stay.
    """
    seats: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for k, (digest, split) in enumerate(zip(pixel_hashes, splits, strict=True)):
        _check(split)
        seats[digest].setdefault(split, k)
    reasons = [
        _why_dropped(k, split, seats[digest], unseen_test)
        for k, (digest, split) in enumerate(zip(pixel_hashes, splits, strict=True))
    ]
    return np.array([reason is None for reason in reasons], np.bool_), reasons


def pixel_hash(image: Image) -> str:
    """SHA-256 of a picture's shape and bytes, in hexadecimal.

    Args:
        image: uint8, of any shape.
    """
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()


def _why_dropped(index: int, split: str, seats: dict[str, int], unseen_test: bool) -> str | None:
    """Why a picture goes, given where its likes stand first in each split."""
    if seats[split] != index:
        return f"the same picture twice in {split}"
    for other in _PRECEDENCE[: _PRECEDENCE.index(split)]:
        if other in seats:
            return f"the same picture in {other}"
    if unseen_test and split == "test" and len(seats) > 1:
        return f"the same picture in {' and '.join(s for s in SPLITS if s in seats and s != split)}"
    return None


def _unit(face: LabelledFace) -> tuple[str, str]:
    """What must not be divided: a person, or a face of nobody known."""
    return ("face", face.source) if face.person is None else ("person", face.person)


def _check(split: str) -> None:
    if split not in SPLITS:
        raise SettingsError(
            f"unknown split {split!r}", remedy=f"A split is one of {', '.join(SPLITS)}."
        )


def _draw(
    sizes: dict[tuple[str, str], int], seed: int, shares: tuple[float, float, float]
) -> dict[tuple[str, str], str]:
    """Deal units at random, each to the split that lacks the most faces."""
    total = sum(sizes.values())
    lacking = np.array(shares) * total
    units = sorted(sizes)
    drawn: dict[tuple[str, str], str] = {}
    for k in np.random.default_rng(seed).permutation(len(units)):
        choice = int(np.argmax(lacking))
        lacking[choice] -= sizes[units[k]]
        drawn[units[k]] = SPLITS[choice]
    return drawn
