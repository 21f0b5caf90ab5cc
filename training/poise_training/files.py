"""A folder or a zip archive, read in the same way; JSON and CSV files, written whole."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from poise.errors import SettingsError
from poise.system.atomic_files import write_text, write_whole


class FileTree:
    """Files below a folder or in a zip archive.

    Args:
        root: The folder or the zip.

    Raises:
        SettingsError: If it is neither, or (once files are asked for) a folder may not be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root.is_dir() or zipfile.is_zipfile(root)):
            raise SettingsError(
                "neither a folder nor a zip archive",
                remedy="Give the data set as downloaded, or unpacked.",
                path=root,
            )

    @cached_property
    def _archive(self) -> zipfile.ZipFile | None:
        return None if self.root.is_dir() else zipfile.ZipFile(self.root)

    @cached_property
    def _all(self) -> list[str]:
        if self._archive is not None:
            return sorted(i.filename for i in self._archive.infolist() if not i.is_dir())
        walk = os.walk(self.root, onerror=_refuse)
        files = (Path(folder, name) for folder, _, names in walk for name in names)
        return sorted(p.relative_to(self.root).as_posix() for p in files if p.is_file())

    def names(self, *suffixes: str) -> list[str]:
        """Names of the files with one of the suffixes (lower case, with the dot), sorted."""
        return [n for n in self._all if n.lower().endswith(suffixes)]

    def find(self, file_name: str) -> str:
        """The one file of that name, wherever it lies.

        Raises:
            SettingsError: If there is none.
        """
        for name in self._all:
            if name.rsplit("/", 1)[-1] == file_name:
                return name
        raise SettingsError(f"no {file_name} in it", path=self.root)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        if self._archive is not None:
            return self._archive.read(name)
        return (self.root / name).read_bytes()


def _refuse(error: OSError) -> None:
    raise SettingsError(
        f"cannot be read ({error.strerror or error})",
        remedy="Give yourself permission to read it.",
        path=error.filename,
    ) from error


def write_json(plain: Mapping[str, Any], path: Path) -> None:
    """Write a JSON file, at once or not at all."""
    write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", path)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file, at once or not at all."""
    write_whole(
        path,
        lambda draft: table.to_csv(draft, index=False, encoding="utf-8", float_format="%.6g"),
    )
