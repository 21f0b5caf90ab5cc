"""The application: one table of routes, each with its own path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from starlette.routing import Route

from poise.desk.app import create_app
from poise.desk.guard import Upload
from poise.desk.state import Desk


def test_every_path_is_there_once_for_each_method(tmp_path: Path) -> None:
    routes = create_app(Desk(reports=tmp_path / "a", recordings=tmp_path / "b", port=1)).routes
    seen = Counter(
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in route.methods or ()
    )
    assert set(seen.values()) == {1}


def test_only_what_takes_recordings_takes_large_bodies(tmp_path: Path) -> None:
    routes = create_app(Desk(reports=tmp_path / "a", recordings=tmp_path / "b", port=1)).routes
    uploads = [route for route in routes if isinstance(route, Upload)]
    assert {"/recordings"} <= {route.path for route in uploads}
    assert all(route.methods and "GET" not in route.methods for route in uploads)
    assert not any("{" in route.path for route in uploads)  # the guard knows them by their path
