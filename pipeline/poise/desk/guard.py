"""The guard: one outer layer that every request and every WebSocket passes before any route.

It asks for an exact name of this machine (against DNS rebinding), for a page of this desk as the
one that asks (against other sites), and for the cookie (against other users of the machine). It
bounds bodies, and puts the same headers on every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from poise.desk.state import Desk

BODY_BYTES = 64_000
"""The largest body that a route takes unless it is one for recordings."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": POLICY.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(self), microphone=(self), geolocation=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
_READING = frozenset({"GET", "HEAD"})
_CLOSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Poise</title>
<h1>Poise</h1><p>This page opens only with the address that <code>poise desk</code> printed, once.
Press Enter there for a new one, or start it again.</p>
<p lang="ko">이 화면은 <code>poise desk</code>가 표시한 주소로 한 번만 열립니다.
그 창에서 Enter 키를 누르면 새 주소가 나옵니다. 다시 시작해도 됩니다.</p></html>"""


class Upload(Route):
    """A route that takes recordings: its body may be as large as one, and is to be streamed."""


class Guard:
    """The layer around all routes.

    Args:
        app: What it guards.
        desk: Whose names, port and secret count.
        is_upload: Whether the route of a path takes recordings.
    """

    def __init__(self, app: ASGIApp, desk: Desk, is_upload: Callable[[str], bool]) -> None:
        self._app, self._desk, self._is_upload = app, desk, is_upload
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = frozenset(f"{name}:{desk.port}".encode() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        limit = self._desk.upload_bytes if self._is_upload(scope["path"]) else BODY_BYTES
        if _declared(scope) > limit:
            await _refused(413)(scope, receive, answer)
            return
        await self._app(scope, _bounded(receive, limit), answer)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request goes no further; None if it may."""
        host = _values(scope, b"host")
        if len(host) != 1 or host[0] not in self._hosts:
            return _refused(421)
        is_socket = scope["type"] == "websocket"
        if not _comes_from_here(scope, b"http://" + host[0], is_socket):
            return _refused(403)
        if self._has_cookie(scope):
            return None
        key = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        may_enter = not is_socket and scope["method"] == "GET" and scope["path"] == "/"
        if may_enter and key and self._desk.take_key(key):
            welcome = RedirectResponse("/", status_code=303)
            welcome.set_cookie(self._desk.cookie, self._desk.secret, httponly=True,
                               samesite="strict", path="/")  # fmt: skip
            return welcome
        return HTMLResponse(_CLOSED, status_code=403)

    def _has_cookie(self, scope: Scope) -> bool:
        given = []
        for header in _values(scope, b"cookie"):
            for part in header.decode("latin-1").split(";"):
                try:
                    given += [morsel.value for name, morsel in SimpleCookie(part).items()
                              if name == self._desk.cookie]  # fmt: skip
                except CookieError:
                    continue
        return any(self._desk.knows(value) for value in given)


def _comes_from_here(scope: Scope, own: bytes, is_socket: bool) -> bool:
    """Whether a page of this very desk asks, or nobody's page: an address typed by the user.

    What changes something, and a WebSocket, must say that it comes from here.
    """
    origins, sites = _values(scope, b"origin"), _values(scope, b"sec-fetch-site")
    if len(origins) > 1 or len(sites) > 1:
        return False
    if (origins and origins[0] != own) or (sites and sites[0] not in (b"same-origin", b"none")):
        return False
    if is_socket:
        return bool(origins)
    return scope["method"] in _READING or bool(origins) or sites == [b"same-origin"]


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header == name]


def _declared(scope: Scope) -> int:
    """The length of the body as its header has it; 0 where it says nothing."""
    lengths = _values(scope, b"content-length")
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _refused(code: int) -> Response:
    return Response("", status_code=code, headers={"connection": "close"})


def _with_headers(send: Send) -> Send:
    """Every answer with the headers of the desk; a route may have a policy of its own."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = dict(message.get("headers", []))
            added = [(name, value) for name, value in _HEADERS.items() if name not in own]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return answer


def _bounded(receive: Receive, limit: int) -> Receive:
    """A body that is counted while it is read, whatever its header says."""
    left = limit

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, headers={"connection": "close"})
        return message

    return counted
