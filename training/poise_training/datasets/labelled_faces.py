"""What every reader of a data set yields: labelled faces, and what was dropped and why."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from poise.errors import VideoError
from poise.faces.photographs import load_picture
from poise.types import Image
from poise_training.files import FileTree

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class LabelledFace:
    """One picture of a face with what people said of it.

    Args:
        source: Where it came from, unique within the data set (path or archive member).
        load: Reads the picture, uint8 [H, W, 3] RGB, upright.
        votes: Share of the votes for each emotion; positive values that sum to 1.
        majority: The emotion that more than half of all people named, abstentions counted;
            None where there is none.
        split: `train`, `validation`, `test`, or None where the data set has no splits of its own.
        person: Who it shows, where known.
        box_xyxy_px: The face, where the picture shows more than the face.
        cropped: Whether the picture is already cropped to the face.
        groups: Known attributes for figures by group, e.g. {"gender": "female", "age": "20"}.
    """

    source: str
    load: Callable[[], Image]
    votes: Mapping[str, float]
    majority: str | None = None
    split: str | None = None
    person: str | None = None
    box_xyxy_px: tuple[float, float, float, float] | None = None
    cropped: bool = True
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A picture that a reader left out."""

    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a reader found."""

    name: str
    faces: list[LabelledFace]
    dropped: list[Dropped]


def vote_shares(counts: Mapping[str, float]) -> dict[str, float]:
    """Counts as shares of their sum, in the same order; emotions without a vote are left out."""
    total = sum(counts.values())
    return {emotion: count / total for emotion, count in counts.items() if count > 0}


def majority_of(counts: Mapping[str, float], abstained: float = 0) -> str | None:
    """The emotion with more than half of all votes, or None.

    Args:
        counts: Votes for each emotion.
        abstained: Votes of people who named none of them.
    """
    half = (sum(counts.values()) + abstained) / 2
    return next((emotion for emotion, count in counts.items() if count > half), None)


def read_picture(tree: FileTree, name: str) -> Image:
    """Read a picture of a data set upright.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        VideoError: If it cannot be read from the tree or decoded.
    """
    try:
        return load_picture(tree.read(name))
    except VideoError as error:
        raise VideoError(error.cause, remedy=error.remedy, path=tree.root / name) from error
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise VideoError(
            f"cannot be read ({error})",
            remedy="Download the data set again, or take this file out.",
            path=tree.root / name,
        ) from error
