"""Recordings and the process that the tests of decoders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poise.media.reader import DecodingProcess
from tests.clips import counting_clip
from tests.media.kit import EVEN_MS, UNEVEN_MS


@pytest.fixture(scope="module")
def decoding() -> Iterator[DecodingProcess]:
    """One process for the whole module, as in a batch."""
    with DecodingProcess(stall_timeout_s=30) as process:
        yield process


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 frames per second, with sound, the index at the front."""
    return counting_clip(tmp_path_factory.mktemp("even") / "even.mp4", EVEN_MS, audio=True)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variable frame rate."""
    return counting_clip(tmp_path_factory.mktemp("uneven") / "uneven.mp4", UNEVEN_MS)
