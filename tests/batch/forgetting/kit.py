"""What the tests of forgetting share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from poise.batch.outcomes import RunResult
from poise.commands import main

KIM, LEE = "Kim Minji", "이서연"


Run = Callable[..., RunResult]


def write_consent(tmp_path: Path, text: str) -> None:
    (tmp_path / "in" / "candidates.csv").write_text(text, encoding="utf-8")


def poise(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def statuses_of(result: RunResult) -> dict[str, str]:
    return {o.recording.recording_id: o.status for o in result.outcomes}


def found_in(folder: Path, *needles: bytes) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        data = os.fsencode(path) + (path.read_bytes() if path.is_file() else b"")
        found += [path.name for needle in needles if needle in data]
    return found
