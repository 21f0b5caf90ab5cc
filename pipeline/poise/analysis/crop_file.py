"""Aligned crops that wait on disk until it is known whose they are, and chips of some faces."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from poise.faces.identity import CHIP_PX
from poise.types import Image


class CropFile:
    """A file of equally large crops, written in order and read by row, and one of chips beside it.

    They are read, not mapped: mapped pages would count as memory and grow with the recording.

    Args:
        directory: Where the files lie.
        side_px: Side S of the crops.
        name: Of the file of crops, to be kept; without one both go with the process.
    """

    def __init__(self, directory: Path, side_px: int, *, name: str | None = None) -> None:
        self._crops = _PictureFile(directory / name if name else None, directory, side_px)
        beside = chips_beside(directory / name) if name else None
        self._chips = _PictureFile(beside, directory, CHIP_PX)

    def keep(self, count: int, *, chips: int = 0) -> None:
        """Forget all but the first crops and chips."""
        self._crops.keep(count)
        self._chips.keep(chips)

    def append(self, crops: Image) -> None:
        """Add crops, uint8 [M, S, S, 3]."""
        self._crops.append(crops)

    def append_chips(self, chips: Image) -> None:
        """Add chips for `poise.faces.identity`, uint8 [M, CHIP_PX, CHIP_PX, 3]."""
        self._chips.append(chips)

    @property
    def chip_count(self) -> int:
        """How many chips there are."""
        return self._chips.count

    def append_file(self, path: Path) -> None:
        """Add the crops of another file of crops, and the chips beside them."""
        self._crops.append_file(path)
        self._chips.append_file(chips_beside(path))

    def read(self, rows: Sequence[int]) -> Image:
        """The crops of the given rows, uint8 [len(rows), S, S, 3]."""
        return self._crops.read(rows)

    def read_chips(self, rows: Sequence[int]) -> Image:
        """The chips of the given rows, uint8 [len(rows), CHIP_PX, CHIP_PX, 3]."""
        return self._chips.read(rows)

    def __enter__(self) -> CropFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._crops.close()
        self._chips.close()


def chips_beside(crops: Path) -> Path:
    """Where the chips lie that belong to a file of crops."""
    return crops.with_name(f"chips-{crops.name}")


class _PictureFile:
    """Equally large pictures, one after the other; without a path they go with the process."""

    def __init__(self, path: Path | None, directory: Path, side_px: int) -> None:
        self._file: IO[bytes] = (
            path.open("w+b") if path else TemporaryFile(dir=directory)  # noqa: SIM115
        )
        self._shape = (side_px, side_px, 3)
        self._bytes = side_px * side_px * 3

    @property
    def count(self) -> int:
        return self._file.seek(0, 2) // self._bytes

    def keep(self, count: int) -> None:
        self._file.truncate(count * self._bytes)

    def append(self, pictures: Image) -> None:
        self._file.seek(0, 2)
        self._file.write(pictures.tobytes())

    def append_file(self, path: Path) -> None:
        self._file.seek(0, 2)
        with path.open("rb") as source:
            shutil.copyfileobj(source, self._file)

    def read(self, rows: Sequence[int]) -> Image:
        pictures = np.empty((len(rows), *self._shape), np.uint8)
        for picture, row in zip(pictures, rows, strict=True):
            self._file.seek(row * self._bytes)
            picture[:] = np.frombuffer(self._file.read(self._bytes), np.uint8).reshape(self._shape)
        return pictures

    def close(self) -> None:
        self._file.close()
