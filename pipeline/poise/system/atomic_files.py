"""Files that hold what is private: whole or absent, also after a power cut; the user's alone."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from poise.errors import DiskFullError, ReportError
from poise.system.platform import replace_file
from poise.system.platform import sync as sync

PRIVATE_UMASK = 0o077
Stamp = tuple[int, ...]  # what tells that a file is still the same, see `stamp_of`

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_RESERVE_BYTES = 8_000_000
_DRAFT = ".{name}.{pid}.tmp"


@contextmanager
def private(wanted: bool = True) -> Iterator[None]:
    """What is made in this block is for this user alone: files 0600, directories 0700.

    Args:
        wanted: Otherwise the umask of the process decides, as ever.
    """
    before = os.umask(PRIVATE_UMASK) if wanted else None
    try:
        yield
    finally:
        if before is not None:
            os.umask(before)


def make_private(directory: Path) -> None:
    """Take from all others what an earlier run left open to them below a directory."""
    for path in [directory, *directory.rglob("*")]:
        with suppress(OSError):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not path.is_symlink():
                path.chmod(mode & 0o700)


def is_full(error: OSError) -> bool:
    """Whether an error says that there is no room left."""
    return error.errno in _FULL


def not_written(error: OSError, path: Path) -> ReportError:
    """The error of this house for one of the operating system, met while writing."""
    if is_full(error):
        return DiskFullError(
            "the disk is full", remedy="Make room; the same command goes on from there.", path=path
        )
    return ReportError(
        f"cannot be written ({error.strerror or error})",
        remedy="Check that the directory may be written to and the disk has room.",
        path=path,
    )


def write_whole(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and put it there when it is safe on the disk.

    Args:
        target: The file; its directory is made if absent.
        write: Fills a file of the name it is given.

    Raises:
        ReportError: If it cannot be written; nothing is left of it then.
    """
    draft = target.with_name(_DRAFT.format(name=target.name, pid=os.getpid()))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(draft)
        sync(draft)
        replace_file(draft, target)
        sync(target.parent)
    except OSError as error:
        raise not_written(error, target) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_arrays(arrays: Mapping[str, Any], target: Path) -> None:
    """Write arrays as an `.npz` file, at once or not at all.

    Raises:
        ReportError: If it cannot be written.
    """
    import numpy as np

    def fill(draft: Path) -> None:
        with draft.open("wb") as file:  # given a name, numpy would add a suffix to it
            np.savez(file, **arrays)

    write_whole(target, fill)


def sweep_drafts(directory: Path) -> None:
    """Remove what `write_whole` left in a directory, and directly below it, when it was killed."""
    pattern = _DRAFT.format(name="*", pid="*")
    for draft in [*directory.glob(pattern), *directory.glob(f"*/{pattern}")]:
        with suppress(OSError):
            draft.unlink()


def stamp_of(path: Path) -> Stamp:
    """Size, time of change, and of the change of its entry (ns); all of them tell one file.

    The last one cannot be set by anybody: a file that another of the same size and time has
    replaced has another one. (On Windows it is the time when the file was made.) Inodes would tell
    the same, but some network file systems give new ones with every mount.

    Raises:
        OSError: If it is gone, or may not be looked at.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_bytes(path: Path) -> int:
    """Room on the disk of a path that need not exist yet."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


class Reserve:
    """Room kept for the end: a batch that fills the disk can still say what it did.

    Args:
        path: Of the file that keeps the room.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Reserve:
        try:
            with self._path.open("wb") as file:
                file.write(bytes(_RESERVE_BYTES))
        except OSError as error:
            self.release()
            raise not_written(error, self._path.parent) from error
        return self

    def release(self) -> None:
        """Give the room back."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self.release()


def write_text(text: str, target: Path) -> None:
    """Write a text as UTF-8, at once or not at all.

    Raises:
        ReportError: If it cannot be written.
    """
    write_whole(target, lambda temporary: temporary.write_text(text, encoding="utf-8"))
