"""Serving: few connections, and none that may dawdle."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from poise.desk import serving as limits
from tests.desk.kit import LIMIT_S, Served, serving
from tests.processes import wait_until


def _connected(there: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", there.desk.port), LIMIT_S)


def _is_closed(connection: socket.socket, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def _open(connections: Sequence[socket.socket]) -> list[int]:
    """Those of which nothing is heard, neither that they end nor that they were reset."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    told = {descriptor for descriptor, _ in poll.poll(0)}
    return [c.fileno() for c in connections if c.fileno() not in told]


def test_it_listens_on_this_machine_alone() -> None:
    with limits.listen() as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def _many(there: Served, count: int) -> None:
    """So many connections that say nothing: all but a few are closed, and go when time is up."""
    with ExitStack() as stack:
        held = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.settimeout(LIMIT_S)
            try:
                connection.connect(("127.0.0.1", there.desk.port))
            except OSError:
                continue
            held.append(connection)
        wait_until(lambda: len(_open(held)) <= limits.CONNECTIONS)
        wait_until(lambda: not _open(held))
    assert there.ask("/status").code == 200


def test_hundreds_of_connections_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEADER_S", 1.0)
    with serving(tmp_path / "reports", tmp_path / "recordings") as there:
        _many(there, 400)


@pytest.mark.slow
def test_ten_thousand_connections_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEADER_S", 3.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 24_000), hard))
    try:
        with serving(tmp_path / "reports", tmp_path / "recordings") as there:
            _many(there, 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: ", b"G"])
def test_slow_headers_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(limits, "HEADER_S", 0.5)
    with (
        serving(tmp_path / "reports", tmp_path / "recordings") as there,
        _connected(there) as connection,
    ):
        started = time.monotonic()
        connection.sendall(first)
        while not _is_closed(connection, 0.05):
            assert time.monotonic() - started < LIMIT_S, "drops of a header keep it open"
            try:
                connection.sendall(b"a" if first else b"")
            except OSError:
                break
        assert time.monotonic() - started >= 0.4


def test_the_next_header_on_a_connection_may_not_dawdle_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEADER_S", 0.5)
    with (
        serving(tmp_path / "reports", tmp_path / "recordings") as there,
        _connected(there) as connection,
    ):
        head = "".join(f"{name}: {value}\r\n" for name, value in there.headers().items())
        connection.sendall(f"GET /status HTTP/1.1\r\n{head}\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        while not _is_closed(connection, 0.05):
            assert time.monotonic() - started < LIMIT_S
            try:
                connection.sendall(b"G")
            except OSError:
                break


def test_a_body_that_stops_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 2.0)
    with (
        serving(tmp_path / "reports", tmp_path / "recordings") as there,
        _connected(there) as connection,
    ):
        head = "".join(f"{name}: {value}\r\n" for name, value in there.headers().items())
        connection.sendall(
            f"PUT /recordings?name=a.mp4&candidate=Kim HTTP/1.1\r\n{head}"
            "Content-Length: 1000\r\n\r\n".encode()
            + b"x"
        )
        for _ in range(5):  # as long as it goes on it may take its time
            time.sleep(0.5)
            connection.sendall(b"x")
        assert _is_closed(connection, LIMIT_S)
        wait_until(lambda: not any((tmp_path / "recordings").iterdir()))


def test_a_header_is_bounded(served: Served) -> None:
    lines = {**served.headers(), "X-Long": "x" * 1_000_000}
    assert served.ask("/status", headers=lines).code in (0, 400, 431)
    assert served.ask("/status").code == 200
