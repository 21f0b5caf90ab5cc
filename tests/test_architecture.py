"""How the house is built: directions of import, and rooms of a size to live in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import house_map
from tests.conftest import ROOT

MODULES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "training").rglob("*.py")])


def test_import_directions_hold() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_not_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > 450} == {}


def test_modules_say_what_they_are() -> None:
    texts = {path: path.read_text(encoding="utf-8").strip() for path in MODULES}
    opened = ('"""', 'r"""', "#!")
    assert [path for path, text in texts.items() if text and not text.startswith(opened)] == []


@pytest.mark.parametrize("library", ["click", "jinja2", "starlette", "uvicorn"])
def test_what_faces_outwards_is_known_to_one_room_each(library: str) -> None:
    package = ROOT / "pipeline" / "poise"
    knows = {
        path.relative_to(package).as_posix().partition("/")[2 if library == "jinja2" else 0]
        for path in MODULES
        if package in path.parents
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith((f"import {library}", f"from {library}"))
    }
    assert knows == {{"click": "commands", "jinja2": "pages/rendering.py"}.get(library, "desk")}


@pytest.mark.parametrize(
    "module",
    ["poise", "poise.commands", "poise.media.decoders.server", "poise.batch.status",
     "poise.batch.run", "poise.analysis.gpu.supervisor", "poise.analysis.gpu.server"],
)  # fmt: skip
def test_what_starts_often_does_not_load_torch(module: str) -> None:
    program = f"import sys, {module}; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]


def _private_names(paths: Iterable[Path]) -> set[str]:
    """Names with one underscore before them that the packages give to what is theirs."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
    return {name for name in found if re.fullmatch(r"_[A-Za-z]\w*", name)}


def _touched(path: Path) -> set[str]:
    """Names that a test reaches for in what is not its own, in its code and in code it quotes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=module, names=names) if module and module[:5] == "poise":
                found |= {alias.name for alias in names}
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.Constant(value=str(text)):
                found |= {text, *re.findall(r"(?<!self)\.(_[a-z]\w*)", text)}
    return found


def test_no_test_touches_a_private_name() -> None:
    private = _private_names(MODULES) - {"_exit"}  # of os
    touched = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in _touched(path) & private
    }
    assert touched == set()


WITHOUT_TESTS_OF_THEIR_OWN = {  # covered by tests of the whole desk, and of handouts
    "commands/test_desk.py", "commands/test_handout.py",
}  # fmt: skip


def test_every_module_has_its_test_file() -> None:
    roots = {ROOT / "pipeline" / "poise": "", ROOT / "training" / "poise_training": "training"}
    missing = {
        (Path(wing) / path.relative_to(root)).with_name(f"test_{path.name}").as_posix()
        for root, wing in roots.items()
        for path in root.rglob("*.py")
        if not path.name.startswith("__")
    }
    there = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/*.py")}
    assert missing - there == WITHOUT_TESTS_OF_THEIR_OWN


def test_the_map_names_every_module_as_it_is() -> None:
    assert house_map.in_document().strip() == house_map.drawn().strip(), "run `make map`"


def test_no_wing_shows_more_than_a_dozen_doors() -> None:
    wings = [wing for root in house_map.PACKAGES for wing in (root, *root.rglob("*/"))]
    doors = {
        wing.name: len([m for m in wing.glob("*.py") if not m.name.startswith("__")])
        for wing in wings
    }
    assert max(doors.values()) <= 15, doors


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {
        ".".join(path.parent.relative_to(ROOT / root).parts)
        for root in ("pipeline", "training")
        for path in (ROOT / root).rglob("__init__.py")
    }
    assert found | {"poise.templates"} == set(settings["tool"]["setuptools"]["packages"])


def test_no_folder_shows_more_than_about_a_dozen_modules() -> None:
    shown = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    package = ROOT / "pipeline" / "poise"
    many = {str(p): n for p, n in shown.items() if n > 13 and package in (p, *p.parents)}
    assert many == {}
