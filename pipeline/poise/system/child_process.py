"""Child processes that run this package in Python and end when their parent does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from poise.system.interrupts import deaf_children, die_with_parent

_SOURCE_ROOT = Path(__file__).resolve().parents[2]
# NumPy starts a thread for each core when it is loaded; to start and end them takes a seventh of
# the time that a reader needs to begin. What the user has set prevails.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
_ENTER = """
from poise.system.child_process import end_with_parent
end_with_parent()
from {module} import main
main()
"""


def start_python(
    program: str,
    *arguments: str,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int | None = None,
    descriptors: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    apart: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a Python process that finds this very package, wherever it is run from.

    Args:
        program: Python code.
        arguments: What it finds in `sys.argv[1:]`.
        stdin, stdout, stderr: As for `subprocess.Popen`.
        descriptors: File descriptors (on Windows: handles) that it inherits.
        environment: Variables that are to have other values there.
        apart: Whether it belongs to no terminal: neither Ctrl-C there nor its closing reach it.
    """
    search_path = os.pathsep.join(filter(None, [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-c", program, *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**_ONE_THREAD, **os.environ, "PYTHONPATH": search_path, **(environment or {})},
        start_new_session=apart,
        **_inheriting(descriptors),
    )


def _inheriting(descriptors: Sequence[int]) -> dict[str, Any]:
    if sys.platform != "win32":
        return {"pass_fds": descriptors}
    for handle in descriptors:
        os.set_handle_inheritable(handle, True)
    startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": list(descriptors)})
    return {"startupinfo": startup, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


class ChildProcess:
    """A child process and the channel to it.

    It runs `main` of a module, hears no Ctrl-C, writes nowhere, and ends when this process or the
    thread that starts it does, however that comes about.

    Args:
        module: Its `main` uses `channel_to_parent`.
        arguments: What it finds in `sys.argv[3:]`.

    Attributes:
        connection: To it; reading raises EOFError or OSError when it has ended.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.connection, theirs = Pipe()
        try:
            with deaf_children():
                self._process = start_python(
                    _ENTER.format(module=module),
                    str(theirs.fileno()),
                    str(os.getpid()),
                    *arguments,
                    stderr=subprocess.DEVNULL,
                    descriptors=[theirs.fileno()],
                )
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process identifier."""
        return self._process.pid

    def end(self) -> int:
        """Kill it, if it still runs, and wait for that.

        Returns:
            Its exit code; negative: the signal that ended it.
        """
        with suppress(OSError):
            self.connection.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def wait(self, limit_s: float) -> int | None:
        """Its exit code when it ends by itself within so many seconds, else None."""
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None


def end_with_parent() -> None:
    """In a child: end when the parent does. Called before anything heavy is imported."""
    die_with_parent(int(sys.argv[2]))


def channel_to_parent() -> Connection:
    """In a child started as `ChildProcess`: its end of the channel."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(int(sys.argv[1]))  # type: ignore[return-value]
    return Connection(int(sys.argv[1]))
