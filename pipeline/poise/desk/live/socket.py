"""The mirror's WebSocket: pictures of the camera come in, answers go out, nothing is kept.

A picture is a binary message: its number (uint32) and when it was taken (float64, milliseconds),
little-endian, then a JPEG. What else the page says is JSON: `rest` and `rested` around the resting
face, `baseline` with one that was found before, `here` to stay. While a picture is looked at, the
newest of those that come waits, and older ones are dropped: the backlog is one picture at most.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from poise.desk.live.process import EngineGone, EngineProcess
from poise.desk.state import Desk
from poise.types import Baseline

HEADER = struct.Struct("<Id")
MOST_BYTES = 1_000_000  # of a message
IDLE_S = 150.0  # a hidden page says that it is there once a minute
SENT_S = 10.0  # a page that takes longer to take an answer hangs
BUSY, IDLE, WRONG, GONE = 4409, 4408, 1003, 1011
_ORDERS = frozenset({"rest", "rested", "baseline", "here"})
_NUMBERS = ("level", "spread", "certainty", "threshold")


class Wrong(Exception):
    """The page says something that this socket does not take."""


class Mirror:
    """The socket of a desk: one visitor at a time.

    Args:
        desk: Whose settings count.
        idle_s: Seconds of silence after which a visitor is sent away.
    """

    def __init__(self, desk: Desk, *, idle_s: float = IDLE_S) -> None:
        self._desk, self._idle_s = desk, idle_s
        self._taken = False

    async def visit(self, socket: WebSocket) -> None:
        """From the first word of a visitor to the last."""
        await socket.accept()
        if self._taken:
            await socket.send_json({"kind": "busy"})
            await socket.close(BUSY)
            return
        self._taken, inbox = True, _Inbox()
        reading = asyncio.create_task(inbox.fill(socket))
        engine: EngineProcess | None = None
        code = 1000
        try:
            engine = EngineProcess(self._desk.settings)
            labels = await asyncio.to_thread(engine.load)
            await socket.send_json({"kind": "ready", "labels": labels})
            code = await self._answer(socket, inbox, engine)
        except (EngineGone, OSError):
            code = GONE
        except (WebSocketDisconnect, TimeoutError):
            code = IDLE
        finally:
            reading.cancel()
            if engine is not None:
                engine.end()
            self._taken = False
            if socket.application_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError, WebSocketDisconnect):
                    await socket.close(code)

    async def _answer(self, socket: WebSocket, inbox: _Inbox, engine: EngineProcess) -> int:
        """Answer until the visitor goes, is silent, or says what is not taken; the code of that."""
        while True:
            try:
                message = await asyncio.wait_for(inbox.next(), self._idle_s)
            except TimeoutError:
                return IDLE
            except Wrong:
                return WRONG
            if message is None:
                return 1000
            answer = await asyncio.to_thread(_answered, message, engine)
            if answer:
                answer["dropped"] = inbox.dropped
                await asyncio.wait_for(socket.send_json(answer), SENT_S)


class _Inbox:
    """What waits to be answered: the newest picture, and a few words."""

    def __init__(self) -> None:
        self.dropped = 0
        self._picture: bytes | None = None
        self._words: list[dict[str, Any]] = []
        self._over = self._wrong = False
        self._stirred = asyncio.Event()

    async def fill(self, socket: WebSocket) -> None:
        """Take what the visitor sends until they go."""
        try:
            while not self._wrong:
                self._take(await socket.receive())
                self._stirred.set()
        except Wrong:
            self._wrong = True
        except (WebSocketDisconnect, RuntimeError):
            self._over = True
        self._stirred.set()

    async def next(self) -> bytes | dict[str, Any] | None:
        """The next message; None when the visitor has gone.

        Raises:
            Wrong: If they said what is not taken.
        """
        while True:
            if self._over:
                return None
            if self._words:
                return self._words.pop(0)
            if self._picture is not None:
                picture, self._picture = self._picture, None
                return picture
            if self._wrong:
                raise Wrong
            self._stirred.clear()
            await self._stirred.wait()

    def _take(self, message: Any) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        picture, text = message.get("bytes"), message.get("text")
        if picture is not None:
            if not HEADER.size < len(picture) <= MOST_BYTES:
                raise Wrong
            self.dropped += self._picture is not None
            self._picture = picture
            return
        try:
            said = json.loads(text or "")
        except (ValueError, RecursionError) as error:
            raise Wrong from error
        if not isinstance(said, dict) or said.get("say") not in _ORDERS or len(self._words) > 8:
            raise Wrong
        self._words.append(said)


def _answered(message: bytes | dict[str, Any], engine: EngineProcess) -> dict[str, Any]:
    """The answer to a message; empty where none is due."""
    if isinstance(message, bytes):
        number, taken_ms = HEADER.unpack_from(message)
        answer: dict[str, Any] = {"kind": "answer", "seq": number, "state": "refused"}
        if math.isfinite(taken_ms):
            answer |= engine.see(message[HEADER.size :], taken_ms / 1000)
        return answer
    order = message["say"]
    if order == "rest":
        engine.rest()
    elif order == "rested":
        return {"kind": "baseline", "baseline": engine.rested()}
    elif order == "baseline" and (baseline := _baseline(message.get("baseline"))):
        engine.use(baseline)
    return {}


def _baseline(plain: object) -> Baseline | None:
    """A baseline that the page was given before; None if it is none."""
    if not isinstance(plain, dict):
        return None
    try:
        numbers = {name: float(plain[name]) for name in _NUMBERS}
        frames = int(plain["frames"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not all(math.isfinite(v) and abs(v) < 100 for v in numbers.values()):
        return None
    return Baseline(kind="given", frames=frames, **numbers)
