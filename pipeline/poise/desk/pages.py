"""The pages of the desk, made anew for each request, in the reader's language."""

from __future__ import annotations

from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from poise.desk.state import TEXTS, Desk
from poise.reports.pages.helpers import helpers
from poise.reports.pages.rendering import environment

_STATIC = {".css": "text/css", ".js": "text/javascript"}
_SHARED = ("style.css",)


def page(desk: Desk, name: str, **content: Any) -> HTMLResponse:
    """A page of the desk.

    Args:
        desk: Whose settings and language count.
        name: Of its template below `templates/desk`, without `.html`.
        content: What the template shows.
    """
    made = environment(desk.language, desk.settings, helpers, TEXTS)
    template = made.get_template(f"desk/{name}.html")
    return HTMLResponse(template.render(desk=desk, **content))


def routes(desk: Desk) -> list[BaseRoute]:
    """The page that the desk opens with, style and scripts."""

    def home(request: Request) -> Response:
        return page(desk, "home")

    def static(request: Request) -> Response:
        """A file of the templates' folder, by its bare name."""
        name = request.path_params["name"]
        folder = resources.files("poise.templates")
        names = {**{n: folder / n for n in _SHARED},
                 **{f.name: f for f in (folder / "desk").iterdir()}}  # fmt: skip
        kind = _STATIC.get(name[name.rfind(".") :])
        if kind is None or name not in names:
            return Response("", status_code=404)
        return Response(names[name].read_bytes(), media_type=kind)

    return [Route("/", home), Route("/static/{name}", static)]
