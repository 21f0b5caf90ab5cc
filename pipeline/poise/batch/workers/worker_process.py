"""The inside of a worker process: it makes calls until nobody asks any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from poise.batch.workers.processes import Beat, CannotWork, Result
from poise.system.child_process import channel_to_parent
from poise.system.platform import prefer_as_victim
from poise.system.quick_loading import quick_loading
from poise.system.timing import ALLOWANCE

BEAT_S = 2.0
_OOM_SCORE = 300  # if memory runs out: rather a worker than the run


@dataclass
class Begun:
    """How many calls this process has begun."""

    calls: int = 0


def main() -> None:
    """Make the calls that the parent sends, one after the other."""
    serve(prepare)


def prepare() -> None:
    """Load what every call needs; the heavy part, and if it fails, that is said."""
    from poise.batch.workers.worker import load

    with quick_loading():
        load()


def serve(prepare: Callable[[], None]) -> None:
    """As `main`, after other preparations."""
    prefer_as_victim(_OOM_SCORE)
    parent = channel_to_parent()
    sending = threading.Lock()
    begun = Begun()
    try:
        prepare()
        _send(parent, sending, Beat(0.0))
        threading.Thread(target=_beat, args=(parent, sending, begun), daemon=True).start()
        while True:
            call = parent.recv()
            ALLOWANCE.begin()
            begun.calls += 1
            _send(parent, sending, Result(call()))
    except (EOFError, ConnectionError):
        return
    except BaseException as error:
        _send(parent, sending, CannotWork(f"failed ({type(error).__name__}: {error})"))


def _send(parent: Connection, sending: threading.Lock, message: object) -> None:
    with sending:
        parent.send(message)


def _beat(parent: Connection, sending: threading.Lock, begun: Begun) -> None:
    """Say every few seconds that this process lives, and how much it has computed."""
    try:
        while True:
            time.sleep(BEAT_S)
            worked_s = time.process_time() - time.thread_time()
            _send(parent, sending, Beat(worked_s, begun.calls, ALLOWANCE.seconds))
    except OSError:  # the parent has gone, and so will this process
        return
