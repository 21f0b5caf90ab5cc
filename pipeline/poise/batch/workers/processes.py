"""Worker processes of this machine: each makes one call at a time and is watched.

No semaphores, shared memory or helper processes are involved: a worker is a child with a pipe, so
that nothing is left behind however a batch ends, and it is known which recording a worker was on
when it ended or fell silent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

from poise.batch.workers.calls import Call, Crash, More, nothing_more
from poise.errors import PoiseError
from poise.system.child_process import ChildProcess

_LOOK_S = 0.5
_STARTS = 3  # in a row that fail before it is given up
_START_LIMIT_S = 300.0  # torch comes from a slow disk
_AHEAD = 2  # calls given to a process, so that it need not wait for the next one
_ENDLESS = Crash(
    "its analysis did not come to an end, though it had far longer than others take",
    code="endless",
    remedy="Export the recording again; if that does not help, please report it.",
)


@dataclass(frozen=True)
class Beat:
    """A worker is alive.

    Args:
        worked_s: Processor seconds spent so far, by all threads but the one that says this.
        call: How many calls it has begun.
        allowed_s: Processor seconds that the last of them may take.
    """

    worked_s: float
    call: int = 0
    allowed_s: float = float("inf")


@dataclass(frozen=True)
class Result:
    """What a call returned."""

    value: Any


@dataclass(frozen=True)
class CannotWork:
    """A worker failed outside of a call, for instance while it was started."""

    reason: str


@dataclass
class _Process:
    """A worker process, the calls given to it in order, and its last signs of life."""

    child: ChildProcess
    heard: float
    worked: float  # when its processor time last advanced
    worked_s: float = -1.0
    ready: bool = False
    trouble: str = ""
    calls: deque[Call] = field(default_factory=deque)
    call: int = 0  # how many it has begun
    before_s: float = 0.0  # processor time when the last of them was first heard of
    allowed_s: float = float("inf")  # of processor time, for that call

    def take(self, message: object, now: float) -> None:
        """Note a sign of life."""
        self.heard = now
        if isinstance(message, CannotWork):
            self.trouble = message.reason
            return
        self.ready = True
        if not isinstance(message, Beat):
            self.worked = now
            return
        if message.call != self.call:
            self.call, self.before_s = message.call, message.worked_s
        self.allowed_s = message.allowed_s
        if message.worked_s > self.worked_s + 0.02:
            self.worked, self.worked_s = now, message.worked_s

    @property
    def has_no_end(self) -> bool:
        """Whether it has computed more for one call than any recording of that length takes."""
        return bool(self.calls) and self.worked_s - self.before_s > self.allowed_s


class LocalProcesses:
    """Makes calls in child processes, started when needed and kept from one `run` to the next.

    A process that ends or hangs costs only the call it was making: the others go on, and that call
    is made once more at the end, when nothing else runs. A call that computes without end
    (`poise.system.timing.Allowance`) is given up.

    Args:
        silence_limit_s: How long a process may give no sign of life (it is stopped, or hangs
            holding the interpreter's lock).
        idle_limit_s: How long it may compute nothing while it makes a call; longer than its own
            time limits for what it waits for.
        program: Module whose `main` a process runs.
    """

    def __init__(
        self,
        *,
        silence_limit_s: float,
        idle_limit_s: float,
        program: str = "poise.batch.workers.worker_process",
    ) -> None:
        self._silence_limit_s, self._idle_limit_s = silence_limit_s, idle_limit_s
        self._program = program
        self._processes: list[_Process] = []
        self._failed_starts = 0
        self._most: int | None = None  # lowered where no more can be started
        self._looked = time.monotonic()

    @property
    def pids(self) -> list[int]:
        """Process identifiers of those that run."""
        return [process.child.pid for process in self._processes]

    def run(
        self, calls: Sequence[Call], most: int, more: More = nothing_more
    ) -> Generator[tuple[Call, Any], None, None]:
        """See `Runner.run`."""
        crashed: deque[Call] = deque()
        yield from self._run(deque(calls), most, crashed, more)
        for call in list(crashed):
            again: deque[Call] = deque()
            yield from self._run(deque([call]), 1, again, nothing_more, last=True)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.child.end()
        self._processes.clear()

    def _run(
        self,
        queue: deque[Call],
        most: int,
        crashed: deque[Call],
        more: More,
        *,
        last: bool = False,
    ) -> Generator[tuple[Call, Any], None, None]:
        """Make the calls; those whose process ended are put into `crashed`, or given up."""
        self._looked = time.monotonic()
        try:
            while queue or any(process.calls for process in self._processes):
                queue.extend(more())
                self._hand_out(queue, most)
                for process in self._that_spoke():
                    try:
                        while process.child.connection.poll():
                            message = process.child.connection.recv()
                            before = process.ready
                            process.take(message, time.monotonic())
                            if process.ready and not before:
                                self._failed_starts = 0
                            if isinstance(message, Result):
                                yield process.calls.popleft(), message.value
                                self._hand_out(queue, most)
                    except SystemError as error:  # a message that got no memory here
                        raise MemoryError("a message could not be received") from error
                    except (EOFError, OSError):
                        process.child.wait(1.0)
                        yield from self._bury(process, queue, crashed, last, process.trouble)
                for process, trouble in self._that_hang():
                    yield from self._bury(process, queue, crashed, last, trouble)
                for process in [p for p in self._processes if p.has_no_end]:
                    endless, *others = process.calls
                    process.calls.clear()
                    queue.extendleft(reversed(others))
                    yield from self._bury(process, queue, crashed, last, "")
                    yield endless, _ENDLESS
        finally:
            for process in [p for p in self._processes if p.calls]:  # left in the middle
                process.child.end()
                self._processes.remove(process)

    def _hand_out(self, queue: deque[Call], most: int) -> None:
        """Give every process something to do; near the end, only to those that have nothing."""
        most = min(most, self._most or most)
        while queue:
            ahead = _AHEAD if len(queue) > 2 * most else 1
            free = min(self._processes[:most], key=lambda p: len(p.calls), default=None)
            if len(self._processes) < most and (free is None or free.calls):
                most = self._start(most)
                continue
            if free is None or len(free.calls) >= ahead:
                return
            call = queue.popleft()
            if not free.calls:
                free.worked = time.monotonic()
            free.calls.append(call)
            with suppress(OSError):  # it has ended, which is seen when it is listened to
                free.child.connection.send(call)

    def _start(self, most: int) -> int:
        """Start one more process; how many there may be."""
        now = time.monotonic()
        try:
            child = ChildProcess(self._program)
        except OSError as error:
            return self._failed_start(f"failed ({error.strerror or error})", most)
        self._processes.append(_Process(child=child, heard=now, worked=now))
        return most

    def _failed_start(self, reason: str, most: int) -> int:
        """Note that a process could not be started; how many there may be.

        Raises:
            PoiseError: If none is left and several in a row failed.
        """
        self._failed_starts += 1
        if self._failed_starts < _STARTS:
            return most
        if not self._processes:
            raise PoiseError(
                f"worker processes cannot be started: one {reason}",
                remedy="Run poise doctor, lift limits on memory (ulimit -v), or use --jobs 1; "
                "the same command goes on from here.",
            )
        self._most = len(self._processes)
        return self._most

    def _that_spoke(self) -> list[_Process]:
        by_connection = {process.child.connection: process for process in self._processes}
        return [by_connection[c] for c in wait(list(by_connection), _LOOK_S)]  # type: ignore[index]

    def _that_hang(self) -> list[tuple[_Process, str]]:
        """Processes whose time limit has passed, and in which way they hang."""
        now = time.monotonic()
        away = max(0.0, now - self._looked - 2 * _LOOK_S)  # this process was stopped, or busy
        self._looked = now
        found = []
        for process in self._processes:
            process.heard += away
            process.worked += away
            limit_s = self._silence_limit_s if process.ready else _START_LIMIT_S
            if now - process.heard > limit_s:
                found.append((process, f"gave no sign of life for {limit_s:.0f} s"))
            elif process.ready and process.calls and now - process.worked > self._idle_limit_s:
                found.append((process, f"did nothing for {self._idle_limit_s:.0f} s"))
        return found

    def _bury(
        self, process: _Process, queue: deque[Call], crashed: deque[Call], last: bool, trouble: str
    ) -> Generator[tuple[Call, Any], None, None]:
        """Remove a process that ended or hangs; its calls go to others."""
        code = process.child.end()
        self._processes.remove(process)
        reason = trouble or _in_words(code)
        if not process.ready:
            queue.extendleft(reversed(process.calls))
            process.calls.clear()
            self._failed_start(reason, 1)
            return
        calls = list(process.calls)
        process.calls.clear()
        queue.extendleft(reversed(calls[1:]))
        if calls and last:
            yield calls[0], Crash(f"the process that analysed it {reason}, twice")
        elif calls:
            crashed.append(calls[0])


def _in_words(code: int) -> str:
    if code == -9:
        return "was killed, which is what happens when memory runs out"
    if code < 0:
        return f"crashed (signal {-code})"
    return f"ended by itself (exit code {code})"
