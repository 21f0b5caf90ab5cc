"""The networks of a GPU server, as a worker sees them: here somebody else answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Listener
from typing import Any

import numpy as np
import pytest

from poise.analysis.gpu.client import RemoteNetworks
from poise.analysis.gpu.protocol import Address, Described, GpuServerGone
from poise.expression.model_spec import SHIPPED_MODEL, read_spec

TOLD = Described(spec=read_spec(SHIPPED_MODEL), device_name="gpu (test)", precision="bfloat16")
Serve = Callable[[Callable[[tuple[Any, ...]], Any]], threading.Thread]


@pytest.fixture
def address() -> Address:
    return Address.new()


@pytest.fixture
def serve(address: Address) -> Iterator[Serve]:
    """Listens at the address for one client after the other, and says what it is told to say."""
    ends = threading.Event()

    def begin(answer: Callable[[tuple[Any, ...]], Any]) -> threading.Thread:
        def work() -> None:
            with Listener(address.path, authkey=address.key) as listener:
                while not ends.is_set():
                    with listener.accept() as connection:
                        try:
                            while not ends.is_set():
                                connection.send(answer(connection.recv()))
                        except (EOFError, OSError, ConnectionError):
                            continue

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    yield begin
    ends.set()


def test_what_is_asked_goes_there_and_the_answer_comes_back(address: Address, serve: Serve) -> None:
    asked: list[tuple[Any, ...]] = []

    def answer(request: tuple[Any, ...]) -> Any:
        asked.append(request)
        return TOLD if request[0] == "describe" else f"answer to {request[0]}"

    serve(answer)
    networks = RemoteNetworks(address)
    crops = np.zeros((2, 4, 4, 3), np.uint8)
    assert networks.spec.sha256 == TOLD.spec.sha256
    assert (networks.device_name, networks.precision) == ("gpu (test)", "bfloat16")
    assert networks.predict(crops, mirrored=False) == "answer to predict"
    assert networks.explain(crops, "positive") == "answer to explain"
    assert networks.detect(crops, min_face_px=20.0) == "answer to detect"
    assert asked[1][2] is False and asked[3][2] == 20.0
    networks.close()
    assert networks.predict(crops) == "answer to predict"  # opened again
    networks.close()


def test_a_server_that_is_not_there_yet_is_waited_for(address: Address, serve: Serve) -> None:
    def late() -> None:
        time.sleep(0.5)
        serve(lambda request: TOLD)

    threading.Thread(target=late, daemon=True).start()
    networks = RemoteNetworks(address)
    assert networks.spec.sha256 == TOLD.spec.sha256
    networks.close()


def test_a_failure_there_is_a_failure_here(address: Address, serve: Serve) -> None:
    serve(lambda request: TOLD if request[0] == "describe" else GpuServerGone("it was given up"))
    networks = RemoteNetworks(address)
    with pytest.raises(GpuServerGone, match="given up"):
        networks.predict(np.zeros((1, 4, 4, 3), np.uint8))
    networks.close()
