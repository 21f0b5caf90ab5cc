"""Serving: a socket on this machine alone, few connections, and none that may dawdle."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from poise.desk.app import create_app
from poise.desk.state import Desk

CONNECTIONS = 64
HEADER_S = 10.0
BODY_S = 30.0
_HEADER_BYTES = 16_384
_FRAME_BYTES = 2_000_000


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, with limits of its own.

    More than `CONNECTIONS` are closed as they come; a header must be there within `HEADER_S` of its
    connection's or its own first byte, and a body must go on every `BODY_S` (both in seconds).
    """

    _timer: asyncio.TimerHandle | None = None
    _awaited: object = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self.connections.discard(self)
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop()
        super().handle_websocket_upgrade(event)
        self._awaited = "nothing"

    def _watch(self) -> None:
        """Start the clock for what is awaited now."""
        if self._awaited == "nothing":  # it is a WebSocket now
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._stop()
            self._start(BODY_S)
        elif state is h11.IDLE and self.timeout_keep_alive_task is None:
            if self._awaited is not h11.IDLE:
                self._start(HEADER_S)
        else:
            self._stop()
        self._awaited = state if self._timer else None

    def _start(self, limit_s: float) -> None:
        self._timer = self.loop.call_later(limit_s, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._awaited = None


def listen(port: int = 0) -> socket.socket:
    """A socket on 127.0.0.1, on that port or (0) a free one.

    Raises:
        OSError: If the port is taken.
    """
    return socket.create_server(("127.0.0.1", port), backlog=128)


def server_of(desk: Desk) -> uvicorn.Server:
    """A server for a desk; its `run` takes the socket, and returns when the desk is closed."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(desk),
            http=BoundedProtocol,
            ws="websockets-sansio",
            ws_max_size=_FRAME_BYTES,
            ws_max_queue=2,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            timeout_graceful_shutdown=2,
        )
    )
