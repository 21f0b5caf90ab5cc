"""The guard: whoever asks wrongly is refused, at every route that there is.

All tests walk the table of routes of the application: a new route is tested as soon as it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute

from poise.desk.app import create_app, route_table
from poise.desk.guard import BODY_BYTES, Upload
from poise.desk.state import Desk
from tests.desk.kit import Answer, Served, serving

WRONG_HOSTS = (
    "evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.1.evil.example:{port}",
    "evil.example:{port}", "[::1]", "127.0.0.1:{port}.evil.example", "user@127.0.0.1:{port}",
    "0.0.0.0:{port}", "2130706433:{port}", "LOCALHOST.:{port}", "",
)  # fmt: skip
FOREIGN = (
    "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1",
    "null", "http://127.0.0.1:{port}.evil.example", "http://localhost:{port}", "file://",
)  # fmt: skip
PLAIN = {"Connection": "close"}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("guarded")
    with serving(base / "reports", base / "recordings") as served:
        yield served


def doors(desk: Desk) -> list[tuple[str, str]]:
    """Each route of the table with each of its methods; WebSockets have the method WS."""
    found = []
    for route in route_table(desk):
        assert isinstance(route, (Route, WebSocketRoute)), f"{route} must be walked too"
        path = re.sub(r"{.*?}", "x", route.path)
        methods = {"WS"} if isinstance(route, WebSocketRoute) else set(route.methods or ())
        found += [(method, path) for method in sorted(methods - {"HEAD"})]
    return found


def knock(there: Served, method: str, path: str, **changes: str | None) -> Answer:
    """Ask at a door, for a WebSocket by the handshake of one."""
    if method != "WS":
        return there.ask(path, method, **changes)
    shake = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    lines = {**there.headers(**changes), **shake, "Connection": "Upgrade"}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return there.raw(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())


def test_the_application_has_the_routes_that_are_walked(there: Served) -> None:
    def names(routes: list[BaseRoute]) -> list[str]:
        return [str(getattr(route, "path", route)) for route in routes]

    assert names(create_app(there.desk).routes) == names(route_table(there.desk))
    assert len(doors(there.desk)) >= 15


def test_no_route_without_the_cookie(there: Served) -> None:
    for method, path in doors(there.desk):
        for cookie in (None, "", f"{there.desk.cookie}=", f"{there.desk.cookie}=wrong",
                       f"other={there.desk.secret}",
                       f"{there.desk.cookie}={there.desk.secret}x"):  # fmt: skip
            assert knock(there, method, path, Cookie=cookie).code == 403, (method, path, cookie)


def test_no_route_under_another_name(there: Served) -> None:
    """DNS rebinding: a name that leads here, with the cookie, the origin of that name and all."""
    for method, path in doors(there.desk):
        for name in WRONG_HOSTS:
            host = name.format(port=there.desk.port)
            origin = f"http://{host}"
            code = knock(there, method, path, Host=host, Origin=origin).code
            assert code in (400, 403, 421), (method, path, host, code)


def test_no_route_for_another_site(there: Served) -> None:
    for method, path in doors(there.desk):
        for name in FOREIGN:
            origin = name.format(port=there.desk.port)
            for site in ("same-origin", "cross-site", None):
                changes = {"Origin": origin, "Sec_Fetch_Site": site}
                assert knock(there, method, path, **changes).code == 403, (method, path, origin)
        for site in ("cross-site", "same-site"):
            assert knock(there, method, path, Sec_Fetch_Site=site).code == 403
            changes = {"Origin": None, "Sec_Fetch_Site": site}
            assert knock(there, method, path, **changes).code == 403


def test_what_changes_something_says_where_it_comes_from(there: Served) -> None:
    for method, path in doors(there.desk):
        if method not in ("GET", "HEAD"):
            assert knock(there, method, path, Origin=None, Sec_Fetch_Site=None).code == 403
            assert knock(there, method, path, Origin=None, Sec_Fetch_Site="none").code == 403


def test_two_names_or_origins_are_none(there: Served) -> None:
    for method, path in doors(there.desk):
        for line in (f"Origin: http://{there.host}", "Sec-Fetch-Site: cross-site"):
            lines = {**there.headers(), line.split(":")[0].lower(): line.split(": ", 1)[1]}
            assert there.ask(path, "GET" if method == "WS" else method, headers=lines).code == 403


def test_nothing_is_read_outside_by_any_path(there: Served) -> None:
    secret = there.desk.reports.parent / "secret.html"
    secret.write_text("not to be read", encoding="utf-8")
    ways = ("..", "%2e%2e", "%2E%2E", "..%2f", "%2e%2e%2f", "..%5c", "%252e%252e", "....//",
            "%00", "x%00/..", "/", "//", "%2f", "./.", "%c0%ae%c0%ae")  # fmt: skip
    asked = {  # each once: many doors have their method in common
        ("GET" if method == "WS" else method, f"{below}/{f'{way}/' * depth}secret.html")
        for method, path in doors(there.desk)
        for below in (path, "/files/reports")
        for way in ways
        for depth in (1, 2, 4, 8)
    }
    for method, place in sorted(asked):
        answer = there.ask(place, method, body={})
        assert b"not to be read" not in answer.body, (method, place)
        assert answer.code in (400, 404, 405, 422), (method, place, answer.code)


def test_no_link_is_followed(there: Served) -> None:
    outside = there.desk.reports.parent / "outside"
    outside.mkdir()
    for name in ("report.html", "a.mp4"):
        (outside / name).write_text("not to be read", encoding="utf-8")
    for folder, file in ((there.desk.reports, "report.html"), (there.desk.recordings, "a.mp4")):
        (folder / file).symlink_to(outside / file)
        (folder / "linked").symlink_to(outside)
        for steps in (file, f"linked/{file}"):
            answer = there.ask(f"/files/{folder.name}/{steps}")
            assert (answer.code, b"not to be read" in answer.body) == (404, False)


def test_bodies_are_bounded(there: Served) -> None:
    large = b"x" * (BODY_BYTES + 1)
    uploads = {route.path for route in route_table(there.desk) if isinstance(route, Upload)}
    for method, path in doors(there.desk):
        if method in ("WS", "GET"):
            continue
        limit = there.desk.upload_bytes if path in uploads else BODY_BYTES
        claimed = {**there.headers(), "Content-Length": str(limit + 1)}
        assert there.ask(path, method, headers=claimed).code == 413, path
        if path not in uploads:
            assert there.ask(path, method, large).code == 413
            chunked = {**there.headers(), "Transfer-Encoding": "chunked"}
            head = "".join(f"{name}: {value}\r\n" for name, value in chunked.items())
            sent = f"{method} {path} HTTP/1.1\r\n{head}\r\n{len(large):x}\r\n".encode() + large
            assert there.raw(sent + b"\r\n0\r\n\r\n").code in (0, 413)


def test_every_answer_has_the_headers(there: Served) -> None:
    for method, path in doors(there.desk):
        if method == "WS":
            continue
        for changes in ({}, {"Cookie": None}, {"Host": "evil.example"}):
            answer = there.ask(path, method, **changes)  # type: ignore[arg-type]
            told = answer.headers
            assert told["cache-control"] == "no-store", path
            assert told["x-content-type-options"] == "nosniff"
            assert told["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in told["content-security-policy"]
            assert "unsafe-inline" not in told["content-security-policy"]
            assert "access-control-allow-origin" not in told


def test_the_key_lets_in_once(there: Served) -> None:
    path = there.desk.address().removeprefix(f"http://{there.host}")
    first = there.ask(path, Cookie=None, Origin=None, Sec_Fetch_Site="none")
    assert (first.code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{there.desk.cookie}=")
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    assert there.ask(path, Cookie=None, Origin=None, Sec_Fetch_Site="none").code == 403
    assert there.ask("/?key=", Cookie=None).code == 403


def test_the_key_is_for_the_first_page_and_this_name_alone(there: Served) -> None:
    key = there.desk.new_key()
    assert there.ask(f"/status?key={key}", Cookie=None).code == 403
    assert there.ask(f"/?key={key}", "POST", Cookie=None).code == 403
    assert there.ask(f"/?key={key}", Cookie=None, Host="evil.example").code == 421
    assert there.ask(f"/?key={key}", Cookie=None, Sec_Fetch_Site="cross-site").code == 403
    assert there.ask(f"/?key={key}", Cookie=None).code == 303


def test_all_names_of_this_machine_count(there: Served) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        host = f"{name}:{there.desk.port}"
        assert there.ask("/status", Host=host, Origin=f"http://{host}").code == 200


def test_whoever_is_refused_is_told_what_to_do(there: Served) -> None:
    answer = there.ask("/", Cookie=None)
    text = answer.body.decode()
    assert "poise desk" in text and 'lang="ko"' in text


def test_a_secret_is_of_one_desk(tmp_path: Path, there: Served) -> None:
    other = Desk(reports=tmp_path, recordings=tmp_path, port=there.desk.port)
    assert other.secret != there.desk.secret
    assert there.ask("/status", Cookie=f"{other.cookie}={other.secret}").code == 403
