"""Starting a GPU server, watching it, replacing it, and giving it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Listener
from typing import Any

from poise.analysis.gpu.protocol import Address, Assignment, CannotStart, GpuServerGone
from poise.settings import Settings
from poise.system.child_process import ChildProcess

_STARTS = 3  # in a row, each of which failed or did not last
_LASTED_S = 600.0
_START_LIMIT_S, _SILENCE_LIMIT_S = 180.0, 60.0
_PAUSE_S, _LOOK_S = 0.2, 0.2


class GpuServerProcess:
    """The server of one device, restarted when it ends or hangs, a few times.

    After that it is given up: whoever asks is answered `GpuServerGone`, with the reason.

    Args:
        settings: Of the run.
        device: Which device.
        notice: Told when it is given up, in plain words.
        silence_limit_s: How long a running server may show no sign of life.

    Attributes:
        address: Where it listens.
    """

    def __init__(
        self,
        settings: Settings,
        device: str,
        notice: Callable[[str], None] = lambda text: None,
        *,
        silence_limit_s: float = _SILENCE_LIMIT_S,
    ) -> None:
        self.address = Address.new()
        self._settings, self._notice = replace(settings, device=device), notice
        self._silence_limit_s = silence_limit_s
        self._ending = threading.Event()
        self._child: ChildProcess | None = None
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process identifier of the server; None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._ending.set()
        with suppress(OSError, EOFError):  # wakes `_refuse_all`
            if self._child is None:
                self.address.connect().close()
        self._thread.join()

    def __enter__(self) -> GpuServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _supervise(self) -> None:
        """Start and watch one server after the other: one thread does both, so nothing races."""
        failures = 0
        while not self._ending.is_set():
            started = time.monotonic()
            reason = self._run_one()
            if self._ending.is_set():
                return
            failures = 1 if time.monotonic() - started > _LASTED_S else failures + 1
            if failures >= _STARTS:
                self._refuse_all(reason)
                return
            self._ending.wait(_PAUSE_S)

    def _run_one(self) -> str:
        """Start a server and watch it to its end, which is said in words."""
        settings = self._settings
        try:
            child = self._child = ChildProcess("poise.analysis.gpu.server")
        except OSError as error:
            return f"no process could be started ({error.strerror or error})"
        ended = ""
        try:
            child.connection.send(
                Assignment(
                    address=self.address,
                    model=settings.model,
                    device=settings.device,
                    batch_size=settings.batch_size,
                )
            )
            ended = self._watch(child)
        except (EOFError, OSError):
            child.wait(1.0)
        finally:
            code = child.end()
            self._child = None
        return ended or f"it ended by itself (exit code {code})"

    def _watch(self, child: ChildProcess) -> str:
        heard, limit_s = time.monotonic(), _START_LIMIT_S
        while not self._ending.is_set():
            if child.connection.poll(_LOOK_S):
                message = child.connection.recv()
                if isinstance(message, CannotStart):
                    return message.reason
                heard, limit_s = time.monotonic(), self._silence_limit_s
            elif time.monotonic() - heard > limit_s:
                return f"it did nothing for {limit_s:.0f} s"
        return "it is no longer needed"

    def _refuse_all(self, reason: str) -> None:
        """In place of a server: answer every request that there is none."""
        self._notice(
            f"The GPU server on {self._settings.device} was given up after {_STARTS} starts "
            f"({reason}): the rest is computed on the processor."
        )
        answer = GpuServerGone(
            f"the GPU server on {self._settings.device} was given up ({reason})",
            remedy="Run poise doctor, or use --device cpu.",
        )
        with Listener(self.address.path, backlog=64, authkey=self.address.key) as listener:
            while not self._ending.is_set():
                try:
                    connection = listener.accept()
                except (OSError, EOFError):
                    continue
                threading.Thread(target=_refuse, args=(connection, answer), daemon=True).start()


def _refuse(connection: Any, answer: Exception) -> None:
    with suppress(OSError, EOFError), connection:
        while True:
            connection.recv()
            connection.send(answer)
