"""What every reader of a data set yields: labelled faces, and what was dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.types import Image

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class LabelledFace:
    """One picture of a face with what people said of it.

    Args:
        source: Where it came from, unique within the data set (path or archive member).
        load: Reads the picture, uint8 [H, W, 3] RGB, upright.
        votes: Share of the votes for each emotion; positive values that sum to 1.
        split: `train`, `validation`, `test`, or None where the data set has no splits of its own.
        person: Who it shows, where known.
        box_xyxy_px: The face, where the picture shows more than the face.
        cropped: Whether the picture is already cropped to the face.
        groups: Known attributes for figures by group, e.g. {"gender": "female", "age": "20"}.
    """

    source: str
    load: Callable[[], Image]
    votes: Mapping[str, float]
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
