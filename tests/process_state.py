"""What tests of one process share without asking: a test that changes it must put it back.

Whatever one leaves behind (a signal ignored, a variable of the environment, a folder, a limit) is
inherited by the tests after it and by their child processes, which fail for no reason of theirs.
"""

from __future__ import annotations

import faulthandler
import locale
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGALRM", "SIGUSR1", "SIGXCPU")
_LIMITS = ("RLIMIT_NOFILE", "RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE")
# pytest's own, and what libraries enter when they are first imported
_NOT_OURS = ("PYTEST_", "COV_", "KMP_", "OMP_", "QT_QPA_", "CUDA_", "TORCHINDUCTOR_")


def process_state() -> dict[str, object]:
    """All of it, by name; what differs between two calls was changed between them."""
    state: dict[str, object] = {
        "folder": Path.cwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "time zone": time.tzname,
        "excepthook": sys.excepthook,
        "excepthook of threads": threading.excepthook,
        "sys.path": tuple(sys.path),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "logging disabled": logging.root.manager.disable,
        "level of the root logger": logging.root.level,
        "start method": multiprocessing.get_start_method(allow_none=True),
        "faulthandler": faulthandler.is_enabled(),
    }
    for name, value in os.environ.items():
        if not name.startswith(_NOT_OURS):
            state[f"variable {name}"] = value
    folders = os.environ.get("PATH", "").split(os.pathsep)  # decord adds its own once it is loaded
    state["variable PATH"] = tuple(f for f in folders if Path(f).name != "decord")
    for name in filter(lambda name: hasattr(signal, name), _SIGNALS):
        state[name] = signal.getsignal(getattr(signal, name))
    if hasattr(signal, "pthread_sigmask"):
        state["blocked signals"] = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    with suppress(ImportError):  # Windows has none
        import resource

        state |= {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}
    umask = os.umask(0o077)
    os.umask(umask)
    state["umask"] = umask
    return state | _of_libraries()


def _of_libraries() -> dict[str, object]:
    """That of torch and OpenCV, once a test has loaded them."""
    state: dict[str, object] = {}
    if torch := sys.modules.get("torch"):
        state["torch threads"] = torch.get_num_threads()
        state["torch gradients"] = torch.is_grad_enabled()
        state["torch dtype"] = torch.get_default_dtype()
        state["torch determinism"] = torch.are_deterministic_algorithms_enabled()
    if cv2 := sys.modules.get("cv2"):
        state["OpenCV threads"] = cv2.getNumThreads()
    return state


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, str]:
    """What differs, by name, as `before -> after`; not that of a library just loaded."""
    libraries = ("torch", "OpenCV")
    return {
        name: f"{before.get(name)!r} -> {after.get(name)!r}"
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
        and not (name not in before and name.startswith(libraries))
    }
