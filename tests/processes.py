"""The command as a process: its descendants, and readers that are made to misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_SITE = """
import sys
if any("decoders.server" in word for word in sys.orig_argv):
    import ctypes, os, time
    import poise.media.decoders.server as server
    opened = server.open_decoder
    def open_decoder(path, backend, *more):
        if {condition}:
            {misbehaviour}
        return opened(path, backend, *more)
    server.open_decoder = open_decoder
"""
PATIENCE_S = 120.0  # for what is sure to come: a slow machine may take its time
HANG = "ctypes.PyDLL(None).sleep(600)"  # holding the interpreter's lock


def misbehaving_readers(folder: Path, condition: str, misbehaviour: str) -> dict[str, str]:
    """An environment in which readers misbehave.

    Args:
        folder: Takes a file that every Python of that environment runs first.
        condition: Of `path` and `backend`, as an expression.
        misbehaviour: A statement.
    """
    folder.mkdir()
    text = _SITE.format(condition=condition, misbehaviour=misbehaviour)
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": with_python_path(folder)}


def long_there(path: Path) -> Path:
    """A file that a command takes at once: a new one may still be growing, and comes last."""
    before_s = path.stat().st_mtime - 60
    os.utime(path, (before_s, before_s))
    return path


def with_python_path(*folders: Path) -> str:
    """PYTHONPATH with these folders before what it holds here."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])


def descendants(pid: int) -> dict[int, str]:
    """All processes below one, with their command lines."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                status = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found: dict[int, str] = {}
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and child != pid:
            with suppress(OSError):
                line = Path(f"/proc/{child}/cmdline").read_bytes()
                found[child] = line.replace(b"\0", b" ").decode(errors="replace")
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(true: Callable[[], object], limit_s: float = PATIENCE_S) -> None:
    """Wait for something to come true; an AssertionError if it does not."""
    until = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
