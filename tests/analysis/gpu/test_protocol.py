"""Addresses of GPU servers: nobody else's, and only who has the key is let in."""

from __future__ import annotations

import threading
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener

import pytest

from poise.analysis.gpu.protocol import Address


def test_no_two_addresses_are_alike() -> None:
    first, second = Address.new(), Address.new()
    assert first.path != second.path and first.key != second.key
    assert len(first.key) == 32


def test_where_nobody_listens_there_is_no_connection() -> None:
    with pytest.raises(OSError):
        Address.new().connect()


def test_who_has_another_key_is_not_let_in() -> None:
    address = Address.new()
    with Listener(address.path, authkey=address.key) as listener:

        def accept() -> None:
            with pytest.raises(AuthenticationError):
                listener.accept()
            listener.accept().send("welcome")

        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises((AuthenticationError, EOFError, OSError)):
            replace(address, key=b"another").connect()
        with address.connect() as connection:
            assert connection.recv() == "welcome"
        thread.join(10)
