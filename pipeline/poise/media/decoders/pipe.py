"""How frames pass through the pipe: pickled, but for their pixels, which go as they are.

Pickling would copy the pixels twice on either side, and reading them as one message once more.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from poise.system.platform import read_into


@dataclass(frozen=True, kw_only=True)
class _Parcel:
    """Announces an item whose arrays follow, bytes upon bytes."""

    pickled: bytes
    sizes: tuple[int, ...]


def send(connection: Connection, item: object) -> None:
    """Send an item, for `receive` on the other side.

    Raises:
        OSError: If the other side has gone.
    """
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    connection.send(_Parcel(pickled=pickled, sizes=tuple(len(view) for view in views)))
    for view in views:
        while view:
            view = view[os.write(connection.fileno(), view) :]


def receive(connection: Connection, patience_s: float) -> Any:
    """What the other side sent with `send`, or with the connection's own method.

    Args:
        connection: To the other side.
        patience_s: How long to wait for it without any progress.

    Raises:
        TimeoutError: If it makes none.
        EOFError, OSError: If it has gone, or goes while sending.
    """
    _wait(connection, patience_s)
    item = connection.recv()
    if not isinstance(item, _Parcel):
        return item
    buffers = [np.empty(size, np.uint8) for size in item.sizes]
    for buffer in buffers:
        view = buffer.data
        while view:
            _wait(connection, patience_s)
            count = read_into(connection.fileno(), view)
            if count == 0:
                raise EOFError
            view = view[count:]
    return pickle.loads(item.pickled, buffers=buffers)


def _wait(connection: Connection, patience_s: float) -> None:
    if not connection.poll(patience_s):
        raise TimeoutError
