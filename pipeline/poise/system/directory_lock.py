"""One at a time: who works on a directory of reports, and what a second one is told."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from poise.errors import SettingsError
from poise.system.atomic_files import not_written
from poise.system.platform import is_running

_LOCK_FILE, _HOLDER_FILE = "lock", "holder.json"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who works on a directory of reports.

    Args:
        pid, host: The process.
        since: Seconds since the epoch.
        token: Random; tells this run from every other one.
    """

    pid: int
    host: str
    since: float
    token: str = ""

    def __str__(self) -> str:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {began}"


@contextmanager
def held(
    root: Path, *, wait: bool = False, waiting: Callable[[Holder | None], None] = lambda _: None
) -> Iterator[None]:
    """Work alone; the lock is released with the process, however it ends.

    Args:
        root: The directory `.poise`; made if absent.
        wait: Whether to wait for whoever works there.
        waiting: Told for whom, once.

    Raises:
        SettingsError: If somebody else works there.
        ReportError: If nothing can be written there.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / _LOCK_FILE, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not wait:
                raise SettingsError(
                    f"is in use by {holder(root) or 'another process'}",
                    remedy="Wait for it, with --wait, or stop it.",
                    path=root.parent,
                    code="in_use",
                ) from None
            waiting(holder(root))
            lock.acquire(poll_interval=0.2)
    except OSError as error:
        raise not_written(error, root) from error
    note = root / _HOLDER_FILE
    try:
        own = Holder(
            pid=os.getpid(),
            host=socket.gethostname(),
            since=time.time(),
            token=secrets.token_hex(8),
        )
        with suppress(OSError):  # on a full disk the work still goes on
            note.write_text(json.dumps(asdict(own)), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def holder(root: Path) -> Holder | None:
    """Who works there, as far as can be told without taking the lock; None if nobody does."""
    try:
        found = Holder(**json.loads((root / _HOLDER_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if found.host == socket.gethostname() and not is_running(found.pid):  # it was killed
        return None
    return found


def is_held(root: Path) -> bool:
    """Whether somebody works there, as the lock itself says; it is tried, and given back."""
    if not (root / _LOCK_FILE).exists():
        return False
    lock = FileLock(root / _LOCK_FILE, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
