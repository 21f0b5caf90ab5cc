"""What tests of the desk may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk.kit import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A desk with nothing on it."""
    with serving(tmp_path / "reports", tmp_path / "recordings") as there:
        yield there
