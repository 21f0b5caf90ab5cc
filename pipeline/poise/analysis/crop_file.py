"""Aligned crops that wait on disk until it is known whose they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from poise.types import Image


class CropFile:
    """A file of equally large crops, written in order and read by row.

    It is read, not mapped: mapped pages would count as memory and grow with the recording.

    Args:
        directory: Where the file lies.
        side_px: Side S of the crops.
        name: Of the file, to be kept; without one it goes with the process.
    """

    def __init__(self, directory: Path, side_px: int, *, name: str | None = None) -> None:
        self._file: IO[bytes] = (
            (directory / name).open("w+b") if name else TemporaryFile(dir=directory)  # noqa: SIM115
        )
        self._shape = (side_px, side_px, 3)
        self._bytes = side_px * side_px * 3

    def keep(self, count: int) -> None:
        """Forget all but the first crops."""
        self._file.truncate(count * self._bytes)

    def append(self, crops: Image) -> None:
        """Add crops, uint8 [M, S, S, 3]."""
        self._file.seek(0, 2)
        self._file.write(crops.tobytes())

    def append_file(self, path: Path) -> None:
        """Add the crops of another crops's file."""
        self._file.seek(0, 2)
        with path.open("rb") as source:
            shutil.copyfileobj(source, self._file)

    def read(self, rows: Sequence[int]) -> Image:
        """The crops of the given rows, uint8 [len(rows), S, S, 3]."""
        crops = np.empty((len(rows), *self._shape), np.uint8)
        for crop, row in zip(crops, rows, strict=True):
            self._file.seek(row * self._bytes)
            crop[:] = np.frombuffer(self._file.read(self._bytes), np.uint8).reshape(self._shape)
        return crops

    def __enter__(self) -> CropFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
