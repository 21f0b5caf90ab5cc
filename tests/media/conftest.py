"""Recordings and the process that the tests of decoders share."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.clips import counting_clip, write_clip
from tests.media.disguises import (
    TIMES_MS,
    VICTIM_SIZE,
)
from tests.media.kit import EVEN_MS, UNEVEN_MS


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 frames per second, with sound, the index at the front."""
    return counting_clip(tmp_path_factory.mktemp("even") / "even.mp4", EVEN_MS, audio=True)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variable frame rate."""
    return counting_clip(tmp_path_factory.mktemp("uneven") / "uneven.mp4", UNEVEN_MS)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Mallory's own recording, in three containers."""
    folder = tmp_path_factory.mktemp("own")
    return {
        kind: counting_clip(folder / f"own.{kind}", TIMES_MS).read_bytes()
        for kind in ("ts", "mp4", "mkv")
    }


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another person's recordings, `Victim`, and an empty one, `Mallory`."""
    root = tmp_path_factory.mktemp("victims")
    (root / "Mallory").mkdir()
    yellow = np.full((VICTIM_SIZE[1], VICTIM_SIZE[0], 3), (230, 230, 20), np.uint8)
    for suffix in (".ts", ".mp4"):
        write_clip(root / "Victim" / f"session{suffix}", [yellow] * 10, TIMES_MS)
    shutil.copy(root / "Victim" / "session.ts", root / "Mallory" / "beside.ts")
    return root
