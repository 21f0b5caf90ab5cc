"""What all tests may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_dir() -> Path:
    """The folder of data that is not part of the repository; skips the test where it is absent.

    It is named by the environment variable POISE_SHARED, or lies beside the checkout as `shared`.
    """
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("POISE_SHARED") or beside)
    if not (folder / "data").is_dir():
        pytest.skip(f"no folder data in {folder}: set POISE_SHARED to the folder of shared data")
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """As `shared_dir`."""
    return shared_dir()
