"""Starting a child process that runs a few lines of this package in Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SOURCE_ROOT = Path(__file__).resolve().parents[2]


def start_python(
    program: str,
    *arguments: str,
    stdin: int = subprocess.DEVNULL,
    stderr: int | None = None,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a Python process that finds this very package, wherever it is run from.

    Args:
        program: Python code.
        arguments: What it finds in `sys.argv[1:]`.
        stdin, stderr: As for `subprocess.Popen`; its standard output goes nowhere.
        descriptors: File descriptors that it inherits.
        environment: Variables that are to have other values there.
    """
    search_path = os.pathsep.join(filter(None, [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program, *arguments],
        pass_fds=descriptors,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": search_path, **(environment or {})},
    )
