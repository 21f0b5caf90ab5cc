"""Opening a file below a directory, and nothing else: no link is followed, no step leads out."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO


def open_inside(root: Path, steps: Sequence[str]) -> BinaryIO:
    """Open a regular file for reading.

    Args:
        root: A directory, itself trusted.
        steps: Names of the folders below it and of the file; each a single one.

    Raises:
        OSError: If there is no such file, if a step is no plain name, or if one is a link.
    """
    if not steps or not all(map(is_plain, steps)):
        raise FileNotFoundError(f"no plain path: {list(steps)!r}")
    descriptor = _opened(root, steps)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"no file: {steps[-1]!r}")
    return os.fdopen(descriptor, "rb", buffering=0)


def is_plain(name: str) -> bool:
    """Whether a name is a single step that leads down."""
    separators = {"/", "\0", *((":", "\\") if sys.platform == "win32" else ())}
    return name not in ("", ".", "..") and not separators & set(name)


def _opened(root: Path, steps: Sequence[str]) -> int:
    if sys.platform == "win32":
        path = root
        for step in steps:
            path = path / step
            if path.is_symlink() or path.is_junction():  # type: ignore[attr-defined,unused-ignore]
                raise FileNotFoundError(f"a link: {step!r}")
        return os.open(path, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
    only = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    place = os.open(root, only | os.O_DIRECTORY)
    try:
        for step in steps[:-1]:
            below = os.open(step, only | os.O_DIRECTORY, dir_fd=place)
            os.close(place)
            place = below
        return os.open(steps[-1], only | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
