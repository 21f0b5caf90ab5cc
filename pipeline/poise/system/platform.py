"""What differs between Linux, macOS and Windows, in one place.

Linux is what Poise is run and tested on. The branches of the other systems follow their documented
interfaces and pass the type checker for those platforms; nobody has run them yet.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_REPLACE_AGAIN_S = 0.05  # a virus scanner holds a new file for moments
CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Processor cores that this process may use, at least 1; a container's share is heeded."""
    if sys.platform == "linux":
        count = len(os.sched_getaffinity(0))
        with suppress(OSError, ValueError):
            quota, period = (CGROUP / "cpu.max").read_text(encoding="ascii").split()
            if quota != "max":
                count = min(count, math.ceil(int(quota) / int(period)))
        return max(1, count)
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Memory of this machine, or of this container where that is less; None if unknown."""
    if sys.platform == "win32":
        status = _windows_memory()
        return status[0] if status else None
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
    return min(total, _cgroup_limit() or total)


def available_memory_bytes() -> int | None:
    """Memory that new processes may take without swapping; None if unknown."""
    if sys.platform == "win32":
        status = _windows_memory()
        return status[1] if status else None
    if sys.platform != "linux":
        return memory_bytes()
    available = None
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
    limit = _cgroup_limit()
    if limit is not None:
        with suppress(OSError, ValueError):
            used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
            left = max(0, limit - used)
            available = left if available is None else min(available, left)
    return available


def _cgroup_limit() -> int | None:
    with suppress(OSError, ValueError):
        return int((CGROUP / "memory.max").read_text(encoding="ascii"))
    return None


def _windows_memory() -> tuple[int, int] | None:
    """Total and available physical memory of Windows, in bytes."""
    if sys.platform != "win32":
        return None
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "available", "page", "free_page", "virtual", "free", "extended")
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.total), int(status.available)


def may_have_gpu() -> bool:
    """Whether a GPU that networks could run on may be there; False only where none can be."""
    if sys.platform == "darwin":
        return True
    import ctypes

    if Path("/dev/kfd").exists():  # AMD's
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def longest_path() -> int | None:
    """Characters of the longest path that files can have; None where it does not matter."""
    if sys.platform == "win32":
        import winreg

        with suppress(OSError):
            place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                if winreg.QueryValueEx(key, "LongPathsEnabled")[0]:
                    return None
        return 259
    return None


def is_running(pid: int) -> bool:
    """Whether a process of this machine is there; True where that cannot be told."""
    if sys.platform == "win32":  # where os.kill(pid, 0) would send it Ctrl-C
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x00100000, False, pid)  # SYNCHRONIZE
        if not handle:
            return bool(ctypes.windll.kernel32.GetLastError() == 5)  # access denied: another user's
        try:
            return bool(ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == 0x102)  # timed out
        finally:
            ctypes.windll.kernel32.CloseHandle(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def kill(pid: int) -> None:
    """End a process at once; nothing happens if it has ended."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)  # which there is as good as SIGKILL
        else:
            os.kill(pid, signal.SIGKILL)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a directory, is safe on the disk.

    Raises:
        OSError: If it cannot be opened, or the disk reports a failure.
    """
    if sys.platform == "win32":
        if path.is_dir():  # Windows has nothing like it
            return
        descriptor = os.open(path, os.O_RDWR)
    else:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_without_waiting(path: Path) -> int:
    """Open a file for reading, also a pipe that nobody writes to: its descriptor.

    Raises:
        OSError: If it cannot be opened.
    """
    if sys.platform == "win32":
        return os.open(path, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Up to so many bytes of a file, from an offset on.

    Raises:
        OSError: If it cannot be read.
    """
    if sys.platform == "win32":
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, offset, os.SEEK_SET)
        try:
            return os.read(descriptor, count)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)
    return os.pread(descriptor, count, offset)


def read_into(descriptor: int, view: memoryview) -> int:
    """Read what is there into a buffer: how many bytes; 0 at the end.

    Raises:
        OSError: If it cannot be read.
    """
    if sys.platform == "win32":
        data = os.read(descriptor, len(view))
        view[: len(data)] = data
        return len(data)
    return os.readv(descriptor, [view])


def replace_file(source: Path, target: Path) -> None:
    """Rename a file or directory over another one.

    Raises:
        OSError: If it cannot be done; on Windows after a second attempt.
    """
    try:
        source.replace(target)
    except PermissionError:
        if sys.platform != "win32":
            raise
        time.sleep(_REPLACE_AGAIN_S)
        source.replace(target)


def prefer_as_victim(score: int) -> None:
    """If memory runs out, let Linux end this process before others.

    Args:
        score: From 0 to 1000; children inherit it.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(score), encoding="ascii")


def limit_own_memory(count: int) -> None:
    """Let allocations of this process fail beyond so many bytes; nothing happens on Windows."""
    if sys.platform == "win32":
        return
    import resource

    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (count, hard))


def end_with_parent_by_kernel() -> bool:
    """Let the kernel of Linux end this process when the thread that started it ends.

    Returns:
        Whether the kernel does so; elsewhere somebody has to look.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).prctl(1, signal.SIGKILL) == 0)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        return False


def open_standard_streams() -> None:
    """Point closed standard descriptors at the null device.

    Otherwise the next file opened would take number 2, and messages would be written into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
