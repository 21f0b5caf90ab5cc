"""The log of a run: a file of JSON lines, for whoever has to find out what happened.

It names recordings by their identifiers and says nothing else of people: no display names, and no
directories of this machine. `--debug` adds the tracebacks of unexpected failures, which have them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

LOGS = "logs"
_KEPT = 100  # logs of earlier runs
_PACKAGES = (
    "poise", "torch", "av", "decord", "numpy", "opencv-python-headless", "distributed"
)  # fmt: skip
# From where an absolute path begins to the last separator of the line: folders may have spaces,
# quotation marks and brackets in their names, so that nothing before ends the path for certain.
_ABSOLUTE = re.compile(r"(?<![\w.\\/])(?:/|[A-Za-z]:[\\/]|\\\\)[^\n\r]*[\\/]")


class RunLog:
    """One run's log.

    Args:
        root: The directory `.poise`; the log lies below it.
        tracebacks: Whether to write down tracebacks too.

    Attributes:
        path: The file.
    """

    def __init__(self, root: Path, *, tracebacks: bool = False) -> None:
        self._tracebacks = tracebacks
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        folder = root / LOGS
        self.path = folder / f"{moment}-{os.getpid()}.jsonl"
        self._file: IO[str] | None = None
        with suppress(OSError):  # a log that cannot be written stops no run
            folder.mkdir(exist_ok=True)
            for old in sorted(folder.glob("*.jsonl"))[:-_KEPT]:
                old.unlink()
            self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace")

    def write(self, event: str, **facts: Any) -> None:
        """Write a line: what happened, when, and the facts."""
        line = {"time": _now(), "event": event, **without_paths(facts)}
        if self._file is not None:
            with suppress(OSError):
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._file.flush()

    def failure(self, error: BaseException | None) -> dict[str, Any]:
        """Facts of a failure, as far as this log tells them."""
        notes = getattr(error, "__notes__", [])
        return {"traceback": _Whole(notes)} if notes and self._tracebacks else {}

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.write("stopped", by=kind.__name__)
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


class _Whole(list[str]):
    """Lines in which paths stay."""


@cache
def versions() -> Mapping[str, str]:
    """Of Poise, of Python, and of the packages that read and compute."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "system": platform.system()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def without_paths(value: Any) -> Any:
    """The same with the directories of absolute paths left out."""
    if isinstance(value, _Whole):
        return list(value)
    if isinstance(value, str):
        return _ABSOLUTE.sub(".../", value)
    if isinstance(value, Mapping):
        return {name: without_paths(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_paths(inner) for inner in value]
    return value


def _now() -> str:
    return (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        + f".{time.time_ns() // 10**6 % 1000:03d}Z"
    )
