"""What the tests of batches share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from poise.batch.outcomes import RunResult


def read_table(path: Path) -> pd.DataFrame:
    """A table that a run has written."""
    return pd.read_csv(path)


def by_id(result: RunResult) -> dict[str, Any]:
    """Outcomes by the recordings' identifiers."""
    return {outcome.recording.recording_id: outcome for outcome in result.outcomes}


@dataclass
class Pretended:
    """What the pretended analysis was asked for."""

    seen: list[str] = field(default_factory=list)


def write_recordings(root: Path, **files: bytes) -> Path:
    """Write files of the given content, `kim__1` as `kim/1.mp4`."""
    for name, data in files.items():
        path = root / name.replace("__", "/")
        path = path.with_name(path.name + ".mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


Run = Callable[..., RunResult]
