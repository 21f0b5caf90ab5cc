"""The store of results: what is done is found again by what it was made from.

Below `REPORTS/.poise/results` every analysed recording has a directory named after the hash of
its bytes, of the settings that matter and of the model's weights. A directory appears there whole
or not at all, so that a run killed at any moment loses only what it was working on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.analysis import RESULT_FILE
from pipeline.errors import ReportError
from pipeline.settings import Settings
from pipeline.types import Recording

_RUN_FILE = "run.json"
ANALYSIS_VERSION = 2  # raise it when the same input would give another result


class ResultStore:
    """Results below one output directory.

    Args:
        output: The directory of the reports; made if absent.
        read_only: Whether nothing may be made or changed there.

    Raises:
        ReportError: If it cannot be made or written to.
    """

    def __init__(self, output: Path, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._root = output.absolute() / ".poise"  # absolute, as workers have folders of their own
        self._results = self._root / "results"
        self._scratch = self._root / "unfinished"
        if read_only:
            return
        try:
            self._results.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch.mkdir(exist_ok=True)
        except OSError as error:
            raise ReportError(
                f"cannot be written to ({error})",
                remedy="Check free space and permissions.",
                path=output,
            ) from error

    def key(self, recording: Recording, settings: Settings, model_sha256: str) -> str:
        """Name of the result of analysing this recording in this way."""
        made_from = {
            "analysis": ANALYSIS_VERSION,
            "input": recording.sha256,
            "settings": settings.analysis(),
            "model": model_sha256,
        }
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]

    def directory(self, key: str) -> Path:
        """Where the result of that name is or will be."""
        return self._results / key

    def has(self, key: str) -> bool:
        """Whether the result is there."""
        return (self.directory(key) / RESULT_FILE).is_file()

    def remove(self, key: str) -> None:
        """Forget a result."""
        shutil.rmtree(self.directory(key), ignore_errors=True)

    def parts(self, key: str) -> Path:
        """Where parts of a recording wait to be joined; not there yet."""
        return self._scratch / f"parts-{key}"

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        """A directory to fill; it becomes the result when the block ends without an error."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            yield scratch
            self.remove(key)
            os.replace(scratch, self.directory(key))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def write_run(self, run: dict[str, Any]) -> None:
        """Remember what the last run was about, so that its reports can be written again."""
        _write_json(run, self._root / _RUN_FILE)

    def read_run(self) -> dict[str, Any]:
        """What `write_run` remembered.

        Raises:
            ReportError: If there is nothing, or it cannot be read.
        """
        path = self._root / _RUN_FILE
        try:
            run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(
                f"holds no reports that can be written again ({error})",
                remedy="Give the directory that poise analyze wrote to, or run it again.",
                path=self._root.parent,
            ) from error
        return run

    def with_hashes(self, recordings: Sequence[Recording]) -> list[Recording]:
        """The recordings with their SHA-256; unchanged files (size, time) are not read again.

        An unreadable file keeps an empty hash; its analysis will say why.
        """
        path = self._root / "hashes.json"
        known: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
        result, current = [], {}
        for recording in recordings:
            try:
                status = recording.path.stat()
                stamp = [status.st_size, status.st_mtime_ns]
                entry = known.get(str(recording.path.resolve()))
                digest = entry[2] if entry and entry[:2] == stamp else sha256(recording.path)
                current[str(recording.path.resolve())] = [*stamp, digest]
            except OSError:
                digest = ""
            result.append(replace(recording, sha256=digest))
        if not self._read_only:
            _write_json({**known, **current}, path)
        return result


def _write_json(plain: dict[str, Any], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(plain), encoding="utf-8")  # ASCII: names may be no UTF-8
    os.replace(temporary, path)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
