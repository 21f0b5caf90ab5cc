"""Which recordings a GPU decodes: as many at once as its engines take; cores decode the others.

A slot is a locked file. The operating system opens it when its process ends, however that happens,
so that a killed worker costs no slot.
"""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from poise.system.file_names import safe_name

SLOTS_PER_GPU = 4  # each takes half a gigabyte of the GPU; with eight at once some frames were lost


class EngineSlots:
    """The slots of this machine's GPUs, shared by all processes of this user.

    Args:
        gpus: Their numbers.
        each: Recordings that each decodes at once.
        folder: Where the locks lie; None: below the directory of temporary files.
    """

    def __init__(
        self, gpus: Sequence[int], each: int = SLOTS_PER_GPU, folder: Path | None = None
    ) -> None:
        self._folder = folder or Path(tempfile.gettempdir(), _own_name())
        self._numbers = [(gpu, number) for number in range(each) for gpu in gpus]

    @contextmanager
    def taken(self) -> Iterator[int | None]:
        """Hold a slot in this block: the number of its GPU; None where none is free."""
        lock, gpu = self._first_free()
        try:
            yield gpu
        finally:
            if lock is not None:
                lock.release()

    def _first_free(self) -> tuple[FileLock | None, int | None]:
        for gpu, number in self._numbers:
            lock = FileLock(self._folder / f"{gpu}-{number}.lock", mode=0o600)
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                lock.acquire(blocking=False)
            except Timeout:
                continue
            except OSError:  # no room, or the directory is somebody else's: cores do it
                break
            return lock, gpu
        return None, None


def _own_name() -> str:
    try:
        return f"poise-engines-{safe_name(getpass.getuser())}"
    except (KeyError, OSError):  # a user without a name
        return "poise-engines"
