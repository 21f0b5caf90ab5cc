"""How the house is built: directions of import, and rooms of a size to live in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "training").rglob("*.py")])


def test_import_directions_hold() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_modules_are_not_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_modules_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8").strip()
    assert not text or text.startswith(('"""', 'r"""', "#!"))


@pytest.mark.parametrize("library", ["click", "jinja2"])
def test_click_and_jinja_are_known_to_one_room_each(library: str) -> None:
    package = ROOT / "pipeline" / "poise"
    knows = {
        path.relative_to(package).as_posix().partition("/")[0 if library == "click" else 2]
        for path in MODULES
        if package in path.parents
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith((f"import {library}", f"from {library}"))
    }
    assert knows == {{"click": "commands", "jinja2": "rendering.py"}[library]}


@pytest.mark.parametrize(
    "module", ["poise", "poise.commands", "poise.media.decoders.server", "poise.batch.status"]
)
def test_what_starts_often_does_not_load_torch(module: str) -> None:
    program = f"import sys, {module}; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
