"""What is installed: the same bytes for the same source, with all that a run needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _wheel(directory: Path) -> Path:
    source = directory / "source"
    source.mkdir(parents=True)
    for name in ("pipeline", "templates", "training"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(directory), str(source)],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True, timeout=300,
    )  # fmt: skip
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.mark.slow
def test_a_wheel_is_whole_and_the_same_every_time(tmp_path: Path) -> None:
    first, second = _wheel(tmp_path / "a"), _wheel(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = set(zipfile.ZipFile(first).namelist())
    for folder, place in (("templates", "poise/templates"), ("pipeline/poise", "poise"),
                          ("training/poise_training", "poise_training")):  # fmt: skip
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{place}/{path.relative_to(ROOT / folder).as_posix()}" in names
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"poise", "poise_training"}
