"""The mirror's socket: one visitor, one picture at a time, the newest; the rest is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from poise.desk.live import routes, socket
from poise.desk.live.process import EngineGone
from poise.desk.live.socket import BUSY, HEADER, IDLE, MOST_BYTES, WRONG, Mirror
from poise.settings import Settings
from poise.types import Baseline
from tests.desk.kit import Served, serving
from tests.processes import wait_until


class Pretended:
    """An engine that answers as fast as a test lets it."""

    go = threading.Event()
    last: Any = None

    def __init__(self, settings: Settings) -> None:
        Pretended.last, self.seen, self.ended = self, [], False
        self.busy = False
        self.baseline: Baseline | None = None

    def load(self) -> list[str]:
        return ["positive", "neutral", "negative"]

    def see(self, jpeg: bytes, time_s: float) -> dict[str, Any]:
        if jpeg == b"die":
            raise EngineGone("it has ended")
        self.busy = True
        assert Pretended.go.wait(60)
        self.seen.append((jpeg, time_s))
        return {"state": "no_face"}

    def rest(self) -> dict[str, Any]:
        return {}

    def rested(self) -> dict[str, Any]:
        return {"kind": "none"}

    def use(self, baseline: Baseline) -> dict[str, Any]:
        self.baseline = baseline
        return {}

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Served]:
    """A desk; its parameter is for how long a visitor may be silent."""
    Pretended.go.set()
    idle_s = getattr(request, "param", 60.0)
    monkeypatch.setattr(routes, "Mirror", lambda desk: Mirror(desk, idle_s=idle_s))
    monkeypatch.setattr(socket, "EngineProcess", Pretended)
    with serving(tmp_path / "reports", tmp_path / "recordings") as served:
        yield served
        Pretended.go.set()


@pytest.fixture
def enter(there: Served) -> Iterator[Callable[..., ClientConnection]]:
    with ExitStack() as open_ones:

        def entered(**changes: str | None) -> ClientConnection:
            own = there.headers(**changes)
            own.pop("Host", None)
            origin = own.pop("Origin", None)
            visit = connect(
                f"ws://{there.host}/live/socket", additional_headers=own, origin=origin, proxy=None
            )
            return open_ones.enter_context(visit)

        yield entered


def heard(visitor: ClientConnection) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(visitor.recv(60))
    return said


def code_of(visitor: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            visitor.recv(60)
    return closed.value.rcvd.code if closed.value.rcvd else None


def picture(number: int, jpeg: bytes = b"jpeg") -> bytes:
    return HEADER.pack(number, 1000.0 * number) + jpeg


def test_pictures_are_answered(enter: Callable[..., ClientConnection]) -> None:
    visitor = enter()
    assert heard(visitor)["kind"] == "ready"
    visitor.send(picture(7))
    answer = heard(visitor)
    assert (answer["kind"], answer["seq"], answer["state"]) == ("answer", 7, "no_face")
    assert Pretended.last.seen == [(b"jpeg", 7.0)]
    visitor.send(HEADER.pack(8, float("nan")) + b"jpeg")
    assert heard(visitor)["state"] == "refused"


def test_the_backlog_is_one_picture_the_newest(enter: Callable[..., ClientConnection]) -> None:
    visitor = enter()
    heard(visitor)
    Pretended.go.clear()
    visitor.send(picture(1))
    wait_until(lambda: Pretended.last.busy)
    for number in range(2, 30):
        visitor.send(picture(number))
        time.sleep(0.005)
    assert visitor.ping().wait(60)  # all of them have arrived
    time.sleep(0.5)
    Pretended.go.set()
    answers = [heard(visitor), heard(visitor)]
    assert [answer["seq"] for answer in answers] == [1, 29]
    assert answers[1]["dropped"] == 27
    with pytest.raises(TimeoutError):
        visitor.recv(0.2)


def test_the_resting_face(enter: Callable[..., ClientConnection]) -> None:
    visitor = enter()
    heard(visitor)
    for word in ("rest", "rested"):
        visitor.send(json.dumps({"say": word}))
    assert heard(visitor) == {"kind": "baseline", "baseline": {"kind": "none"}, "dropped": 0}
    plain = {"level": -1, "spread": 0.4, "frames": 30, "certainty": 0.9, "threshold": -0.5}
    wrong = [{}, {**plain, "level": "x"}, {**plain, "threshold": 1e9}, 3]
    for given in (*wrong, plain):
        visitor.send(json.dumps({"say": "baseline", "baseline": given}))
    visitor.send(picture(1))
    heard(visitor)
    assert Pretended.last.baseline == Baseline(
        kind="given", level=-1, spread=0.4, frames=30, certainty=0.9, threshold=-0.5
    )


def test_a_second_visitor_is_told_and_may_come_later(
    enter: Callable[..., ClientConnection],
) -> None:
    first, second = enter(), enter()
    assert heard(first)["kind"] == "ready"
    assert heard(second)["kind"] == "busy"
    assert code_of(second) == BUSY
    first.close()
    engine = Pretended.last
    wait_until(lambda: engine.ended)
    assert heard(enter())["kind"] == "ready"


@pytest.mark.parametrize("there", [1.5], indirect=True)
def test_who_is_silent_is_sent_away(enter: Callable[..., ClientConnection]) -> None:
    visitor = enter()
    heard(visitor)
    for _ in range(4):
        time.sleep(0.5)
        visitor.send(json.dumps({"say": "here"}))
    began = time.monotonic()
    assert code_of(visitor) == IDLE
    assert time.monotonic() - began > 1


@pytest.mark.parametrize(
    "sent",
    [b"", b"short", picture(1, b"x" * MOST_BYTES), "no json", "[]", '{"say": "quit"}', "{" * 9999],
)  # fmt: skip
def test_what_is_not_taken_ends_the_visit(
    enter: Callable[..., ClientConnection], sent: bytes | str
) -> None:
    visitor = enter()
    heard(visitor)
    visitor.send(sent)
    assert code_of(visitor) == WRONG


def test_an_engine_that_ends_ends_the_visit_not_the_desk(
    enter: Callable[..., ClientConnection],
) -> None:
    visitor = enter()
    heard(visitor)
    visitor.send(picture(1, b"die"))
    assert code_of(visitor) == 1011
    assert heard(enter())["kind"] == "ready"


@pytest.mark.parametrize(
    "changes",
    [{"Cookie": None}, {"Origin": "http://evil.example"}, {"Origin": None},
     {"Cookie": "poise-desk=no"}, {"Sec_Fetch_Site": "cross-site"}],
)  # fmt: skip
def test_nobody_else_comes_in(
    enter: Callable[..., ClientConnection], changes: dict[str, str | None]
) -> None:
    with pytest.raises(InvalidStatus):
        enter(**changes)
