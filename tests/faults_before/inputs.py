"""The inputs: recordings of a drawn face, each made once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from poise.types import Image
from tests.clips import write_clip
from tests.drawn_people import Drawn, frame
from tests.faults_before.sides import Side

STEP_MS = 200


@cache
def kept() -> Path:
    """Where they lie while the cases run."""
    return Path(tempfile.mkdtemp(prefix="faults-"))


@cache
def images() -> list[Image]:
    """Three seconds neutral, three smiling, five pictures a second."""
    return [frame([Drawn(smiles=t >= 3)], t) for t in np.arange(0, 6, 0.2)]


@cache
def plain() -> Path:
    """A recording of them."""
    return write_clip(kept() / "plain.mp4", images(), range(0, 6000, STEP_MS))


@cache
def short(number: int = 0) -> Path:
    """Recordings of a second that differ in their bytes."""
    times = range(0, 1200, STEP_MS)
    return write_clip(kept() / f"short{number}.mp4", images()[number : number + 6], times)


def people(side: Side, *names: str) -> None:
    """Lay short recordings under these names, no two alike."""
    for number, name in enumerate(names):
        side.add(name, short(number))


def made(side: Side, name: str, stored: Sequence[Image], **keywords: object) -> str:
    """Write these pictures as a recording, and analyse it: what became of it."""
    times = range(0, len(stored) * STEP_MS, STEP_MS)
    write_clip(side.root / name, stored, times, **keywords)  # type: ignore[arg-type]
    side.analyze()
    return shares(side)


def shares(side: Side) -> str:
    """What became of the only recording."""
    row = side.row()
    return f"{row['status']}, coverage {row['coverage']:.2f}, positive {row['share_positive']:.2f}"
