"""A desk that is served in a thread, and requests to it, byte for byte."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.desk.serving import listen, server_of
from poise.desk.state import Desk
from poise.system.atomic_files import private

LIMIT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    code: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A desk that is served."""

    desk: Desk

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.desk.port}"

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Those of a page of this desk, with others, or without those that are None."""
        own: dict[str, str | None] = {
            "Host": self.host,
            "Origin": f"http://{self.host}",
            "Sec-Fetch-Site": "same-origin",
            "Cookie": f"{self.desk.cookie}={self.desk.secret}",
        }
        own |= {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in own.items() if value is not None}

    def raw(self, sent: bytes) -> Answer:
        """Send bytes as they are, and read the answer to its end."""
        with socket.create_connection(("127.0.0.1", self.desk.port), LIMIT_S) as connection:
            connection.sendall(sent)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except ConnectionResetError:  # it did not wait for all that was sent
                pass
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        split = [line.split(": ", 1) for line in lines]
        found = {name.lower(): value for name, value in split}
        return Answer(int(first.split()[1]) if first else 0, found, body)

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | Mapping[str, str] = b"",
        headers: Mapping[str, str] | None = None,
        **changes: str | None,
    ) -> Answer:
        """A request as a page of this desk makes it; a mapping is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = dict(self.headers(**changes) if headers is None else headers)
        lines |= {"Connection": "close"}
        if content or method in ("POST", "PUT"):
            lines.setdefault("Content-Length", str(len(content)))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)


@contextmanager
def serving(reports: Path, recordings: Path, **more: Any) -> Iterator[Served]:
    """Serve a desk until the block ends."""
    for folder in (reports, recordings):
        folder.mkdir(parents=True, exist_ok=True)
    with private(), listen() as listening:
        desk = Desk(
            reports=reports.resolve(),
            recordings=recordings.resolve(),
            port=listening.getsockname()[1],
            **more,
        )
        server = server_of(desk)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until = time.monotonic() + LIMIT_S
            while not server.started:
                assert time.monotonic() < until
                time.sleep(0.01)
            yield Served(desk)
        finally:
            server.should_exit = True
            thread.join()
