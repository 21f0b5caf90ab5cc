"""What lies there now: sizes and hashes of the recordings, and which are still being copied."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from poise.errors import UnfinishedError
from poise.storage.ledger import Ledger
from poise.system.atomic_files import Stamp, stamp_of
from poise.types import Recording

SETTLED_S = 2.0  # a file that was changed more recently may still be growing
_BLOCK_BYTES = 1 << 20
_PATIENCE_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Hashed:
    """A recording as it lay there.

    Args:
        recording: With its SHA-256; it is empty where the file cannot be read, is still being
            written, or must not be read.
        stamp: Of its file; None where it was not looked at.
        growing: Whether it seems to be still being written.
        was_read: Whether the hash was made just now.
    """

    recording: Recording
    stamp: Stamp | None = None
    growing: bool = False
    was_read: bool = False


def recognise(recordings: Iterable[Recording], ledger: Ledger | None) -> list[Hashed]:
    """The recordings, with the hashes of files that have not changed since they were last hashed.

    Args:
        recordings: Those without consent are not touched.
        ledger: Knows the hashes of before.

    Returns:
        One for each; those that have neither hash nor stamp need not be hashed, they cannot be.
    """
    return [_recognise(recording, ledger) for recording in recordings]


def _recognise(recording: Recording, ledger: Ledger | None) -> Hashed:
    unknown = replace(recording, sha256="")
    if not recording.consent:
        return Hashed(recording=unknown)
    try:
        path = recording.path.resolve()
        stamp = stamp_of(path)
    except OSError:
        return Hashed(recording=unknown)
    known = ledger.stamp_of(path) if ledger else None
    if known and known[0] == stamp:
        return Hashed(recording=replace(recording, sha256=known[1]), stamp=stamp)
    return Hashed(recording=unknown, stamp=stamp, growing=_is_recent(stamp))


def hash_now(seen: Hashed, stopped: Callable[[], bool] = lambda: False) -> Hashed:
    """Read a recording to hash it.

    Args:
        seen: From `recognise`.
        stopped: Asked again and again; once it is true the hash is given up.
    """
    try:
        path = seen.recording.path.resolve()
        before = stamp_of(path)
        digest = hash_of(path, stopped)
        if stamp_of(path) != before:
            return replace(seen, stamp=before, growing=True)
    except OSError:  # gone, forbidden, or on a disk that fails: the analysis will say so
        return seen
    if not digest:
        return seen
    recording = replace(seen.recording, sha256=digest)
    return replace(seen, recording=recording, stamp=before, growing=False, was_read=True)


def remember(hashed: Iterable[Hashed], ledger: Ledger) -> None:
    """Enter the hashes that were made just now in the ledger."""
    fresh = [
        (h.recording.path.resolve(), h.stamp, h.recording.sha256)
        for h in hashed
        if h.was_read and h.stamp
    ]
    if fresh:
        ledger.stamp(fresh)


class Hashing:
    """Hashes recordings in a thread beside the analysis of others; to be closed.

    Args:
        recordings: From `recognise`, in the order in which they are to be hashed.
    """

    def __init__(self, recordings: Sequence[Hashed]) -> None:
        self.left = len(recordings)
        self._ready: queue.SimpleQueue[Hashed] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(list(recordings),), daemon=True)
        if recordings:
            self._thread.start()

    def take(self, *, wait: bool = False) -> list[Hashed]:
        """Those that were hashed since; with `wait` at least one, unless none is left."""
        taken: list[Hashed] = []
        while self.left:
            try:
                taken.append(self._ready.get(block=wait and not taken))
            except queue.Empty:
                break
            self.left -= 1
        return taken

    def close(self) -> None:
        """Give up what is not yet hashed."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)  # it may hang in a read of storage that is gone

    def _run(self, recordings: Sequence[Hashed]) -> None:
        for seen in recordings:
            if self._stop.is_set():
                return
            try:
                hashed = hash_now(seen, self._stop.is_set)
            except Exception:  # whoever waits must not wait for ever; the analysis will say why
                hashed = seen
            self._ready.put(hashed)


def hash_of(path: Path, stopped: Callable[[], bool] = lambda: False) -> str:
    """SHA-256 of a file's bytes; empty if it was stopped.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            if stopped():
                return ""
            digest.update(block)
    return digest.hexdigest()


def settle(recordings: Iterable[Recording]) -> set[str]:
    """Wait a moment, and say which files have not been changed meanwhile.

    Args:
        recordings: That seemed to be still being written.

    Returns:
        Identifiers of those that are all there, or gone.
    """
    before = {r.recording_id: (r.path, _stamp_or_none(r.path)) for r in recordings}
    if any(stamp and _is_recent(stamp) for _, stamp in before.values()):
        time.sleep(SETTLED_S)
    return {name for name, (path, stamp) in before.items() if _stamp_or_none(path) == stamp}


def still_growing(path: Path) -> UnfinishedError:
    """What is said of a recording that does not settle."""
    return UnfinishedError(
        "it is still being written, as if it were being copied",
        remedy="Run the same command again when it is all there.",
        path=path,
    )


def _is_recent(stamp: Stamp) -> bool:
    return abs(time.time() - stamp[1] / 1e9) < SETTLED_S


def _stamp_or_none(path: Path) -> Stamp | None:
    try:
        return stamp_of(path)
    except OSError:
        return None
