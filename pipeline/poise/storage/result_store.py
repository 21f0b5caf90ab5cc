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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from poise.settings import Settings
from poise.storage.result_format import RESULT_FILE
from poise.system.atomic_files import not_written, sync
from poise.types import Recording

HOUSE = ".poise"  # below the reports: what Poise keeps for itself
ANALYSIS_VERSION = 7  # raise it when the same input would give another result


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
        self.root = output.absolute() / HOUSE  # absolute, as workers have folders of their own
        self._results = self.root / "results"
        self._scratch = self.root / "unfinished"
        if read_only:
            return
        try:
            self._results.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch.mkdir(exist_ok=True)
        except OSError as error:
            raise not_written(error, output) from error

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

    def names(self) -> list[str]:
        """Names of all results."""
        return sorted(path.name for path in self._results.glob("*") if path.is_dir())

    def made(self, key: str) -> float:
        """When the result was made, in seconds since the epoch."""
        return (self.directory(key) / RESULT_FILE).stat().st_mtime

    def begin(self, key: str) -> None:
        """Note that somebody has begun to work on a result."""
        with suppress(OSError):
            self._begun(key).touch()

    def finish(self, key: str) -> None:
        """Note that nobody works on a result any more."""
        self._begun(key).unlink(missing_ok=True)

    def is_begun(self, key: str) -> bool:
        """Whether somebody works on a result, or did when they died."""
        return self._begun(key).exists()

    def clear(self) -> None:
        """Remove what is unfinished."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _begun(self, key: str) -> Path:
        return self._scratch / f"begun-{key}"

    def parts(self, key: str) -> Path:
        """Where parts of a recording wait to be joined; not there yet."""
        return self._scratch / f"parts-{key}"

    def scratch(self) -> Path:
        """Where unfinished work lies; what is left there is removed by the next run."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        """A directory to fill; it becomes the result when the block ends without an error."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            yield scratch
            for path in (*scratch.iterdir(), scratch):
                sync(path)
            self.remove(key)
            os.replace(scratch, self.directory(key))
            sync(self._results)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
