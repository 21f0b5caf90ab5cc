"""The store of results: what is done is found again by what it was made from.

Below `REPORTS/.poise/results` every analysed recording has a directory named after the hash of
its bytes, of the settings that matter, of what `candidates.csv` says of its content, and of the
model. A directory appears there whole or not at all, so that a run killed at any moment loses only
what it was working on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from poise.expression.model_spec import ModelSpec
from poise.settings import Settings
from poise.storage.results.format import RESULT_FILE
from poise.system.atomic_files import not_written, sha256, sweep_drafts, sync, write_text
from poise.types import Recording

HOUSE = ".poise"  # below the reports: what Poise keeps for itself
ANALYSIS_VERSION = 15  # raise it when the same input would give another result
_RUN_FILE = "run.json"
_NO_MEANING = ("name", "training", "metrics")  # of a model's description


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

    def key(self, recording: Recording, settings: Settings, spec: ModelSpec) -> str:
        """Name of the result of analysing this recording in this way.

        A recording without a hash has a name that no other recording shares.
        """
        model = {name: value for name, value in spec.to_json().items() if name not in _NO_MEANING}
        made_from: dict[str, Any] = {
            "analysis": ANALYSIS_VERSION,
            "input": recording.sha256 or ["not hashed", recording.recording_id],
            "settings": settings.analysis(),
            "model": model,
        }
        if recording.neutral_span_s:
            made_from["neutral_span_s"] = recording.neutral_span_s
        if recording.portrait:
            try:
                made_from["portrait"] = sha256(recording.portrait)
            except OSError:  # gone since the table was read: the analysis will say so
                made_from["portrait"] = ""
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

    def sweep(self) -> None:
        """Remove drafts that a kill left beside stored results."""
        sweep_drafts(self._results)

    def names(self) -> list[str]:
        """Names of all results."""
        return sorted(path.name for path in self._results.glob("*") if path.is_dir())

    def made(self, key: str) -> float:
        """When the result was made, in seconds since the epoch."""
        return (self.directory(key) / RESULT_FILE).stat().st_mtime

    def remember_run(
        self, settings: Mapping[str, Any], model: Mapping[str, Any], root: str
    ) -> None:
        """Keep what a run is about beside the ledger, in case that is damaged.

        Raises:
            ReportError: If it cannot be written.
        """
        plain = {"settings": settings, "model": model, "root": root}
        write_text(json.dumps(plain), self.root / _RUN_FILE)

    def recall_run(self) -> tuple[dict[str, Any], dict[str, Any], str]:
        """What `remember_run` kept; empty if there is nothing."""
        try:
            plain = json.loads((self.root / _RUN_FILE).read_text(encoding="utf-8"))
            return dict(plain["settings"]), dict(plain["model"]), str(plain["root"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}, {}, ""

    def begin(self, key: str) -> None:
        """Note that somebody has begun to work on a result."""
        with suppress(OSError):
            self._begun(key).touch()

    def finish(self, key: str) -> None:
        """Note that nobody works on a result any more."""
        self._begun(key).unlink(missing_ok=True)
        for note in self._scratch.glob(f"seen-{key}-*"):
            note.unlink(missing_ok=True)

    def note_seen(self, key: str, part: int, share: float) -> None:
        """Note how much of a recording was looked at, for whoever looks on.

        Args:
            key: Of its result.
            part: Which of its parts was, where it is cut.
            share: Of the whole recording, 0..1.
        """
        with suppress(OSError):
            (self._scratch / f"seen-{key}-{part}").write_text(f"{share:.4f}", encoding="ascii")

    def seen(self, key: str) -> float:
        """How much of a recording was looked at so far, as noted: 0..1."""
        total = 0.0
        for note in self._scratch.glob(f"seen-{key}-*"):
            with suppress(OSError, ValueError):
                total += float(note.read_text(encoding="ascii"))
        return min(1.0, total)

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
