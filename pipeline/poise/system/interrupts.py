"""Being stopped: Ctrl-C or SIGTERM ends a batch in order, a second one ends it at once.

What is being written is finished first: an interruption is held back meanwhile (`undisturbed`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from poise.system.platform import end_with_parent_by_kernel, is_running, kill

_HEARD = (signal.SIGINT, signal.SIGTERM)
_WATCH_S = 0.5


class Stopped(KeyboardInterrupt):
    """The batch was asked to stop.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"signal {number}")


_asked: int | None = None  # the signal that came first
_raised = False  # whether it was passed on
_writing = 0  # depth of `undisturbed`


@contextmanager
def listening() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `Stopped`, once; does nothing outside of the main thread.

    Once stopped, the process stays ready to leave at the next signal until it has ended.
    """
    global _asked, _raised
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked, _raised = None, False
    before = {number: signal.signal(number, _stop) for number in _HEARD}
    try:
        yield
    finally:
        if _asked is None:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Do what is in this block to its end; an interruption comes behind it."""
    global _writing
    _writing += 1
    try:
        yield
    finally:
        _writing -= 1
    if _asked is not None and not _raised and not _writing:
        _pass_on(_asked)


def _pass_on(number: int) -> None:
    global _raised
    _raised = True
    raise Stopped(number)


def _stop(number: int, frame: FrameType | None) -> None:
    global _asked
    if _asked is not None:
        hear_no_more()  # or the next one would interrupt this, and so on without end
        leave(128 + number)
    _asked = number
    if not _writing:
        _pass_on(number)


def hear_no_more() -> None:
    """Ignore SIGINT and SIGTERM from here on; for the last steps of a process that ends anyway."""
    for number in _HEARD:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started in this block never hear Ctrl-C: the one that started them decides."""
    if sys.platform == "win32":  # where they are started in a group of their own
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave(code: int) -> None:
    """End this process and its children, now."""
    for child in _children(os.getpid()):
        kill(child)
    os._exit(code)


def _children(pid: int) -> list[int]:
    """Child processes, where the system tells; elsewhere each of them watches its parent."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in listed.read_text(encoding="ascii").split()]
    return found


def die_with_parent(parent: int) -> None:
    """End this process when the one that started it has ended, however that came about.

    On Linux the kernel does it, also while this process is stopped or hangs holding the
    interpreter's lock; elsewhere a thread watches.

    Args:
        parent: Its process identifier.
    """
    by_kernel = end_with_parent_by_kernel()
    if os.getppid() != parent:  # it ended before that
        os._exit(1)
    if by_kernel:
        return

    def watch() -> None:
        while os.getppid() == parent and is_running(parent):
            time.sleep(_WATCH_S)
        leave(1)

    threading.Thread(target=watch, daemon=True).start()
