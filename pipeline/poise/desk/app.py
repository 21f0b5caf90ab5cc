"""The application of the desk: one table of routes, behind one guard."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from poise.desk import files, pages
from poise.desk.guard import Guard, Upload
from poise.desk.pages import lost
from poise.desk.rooms import candidate, home, recording, uploads
from poise.desk.state import Desk

_ROOMS = (home, uploads, recording, candidate, files, pages)


class Application:
    """The desk as an ASGI application.

    Args:
        desk: It is made for.

    Attributes:
        routes: All of its routes.
    """

    def __init__(self, desk: Desk) -> None:
        self.routes = route_table(desk)
        uploads = {route.path for route in self.routes if isinstance(route, Upload)}
        inner = Starlette(routes=self.routes, exception_handlers=lost(desk))
        self._app = Guard(inner, desk, uploads.__contains__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def create_app(desk: Desk) -> Application:
    """The application of a desk."""
    return Application(desk)


def route_table(desk: Desk) -> list[BaseRoute]:
    """All routes of the desk, those of live practice among them where that is installed."""
    routes = [route for room in _ROOMS for route in room.routes(desk)]
    if find_spec(pages.LIVE) is not None:
        routes += import_module(f"{pages.LIVE}.routes").routes(desk)
    return routes
