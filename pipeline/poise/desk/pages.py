"""What all routes of the desk share: pages in the reader's language, and what pages send."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from importlib.util import find_spec
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from poise.desk.state import TEXTS, Desk
from poise.errors import PoiseError
from poise.reports.locales import LANGUAGES, Texts
from poise.reports.pages.helpers import helpers
from poise.reports.pages.rendering import as_json, environment

LIVE = "poise.desk.live"
"""The package of live practice, which may not be there."""

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
    shared = {"desk": desk, "words": _words, "can_practise": find_spec(LIVE) is not None}
    return HTMLResponse(template.render(**shared, **content))


def _words(texts: Texts, prefix: str) -> Any:
    """Texts for a page's script, as JSON: those whose keys begin so, without that beginning."""
    own = {k.removeprefix(prefix): v for k, v in texts.entries.items() if k.startswith(prefix)}
    return as_json(own)


async def fields(request: Request) -> dict[str, str]:
    """What a page sends: a JSON object of texts.

    Raises:
        HTTPException: If it is something else.
    """
    try:
        plain = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error
    if not isinstance(plain, dict) or not all(isinstance(v, str) for v in plain.values()):
        raise HTTPException(400)
    return plain


def action(path: str, act: Callable[[dict[str, str]], object]) -> Route:
    """A route that does something: it is sent texts by name, and answers with JSON.

    Args:
        path: Where.
        act: Does it, in a thread of its own. A `PoiseError` becomes an answer that says its cause
            and remedy, with code 409.
    """

    async def endpoint(request: Request) -> Response:
        given = await fields(request)
        try:
            return JSONResponse(await run_in_threadpool(act, given))
        except PoiseError as error:
            return failed(error)
        except KeyError as error:
            raise HTTPException(400) from error

    return Route(path, endpoint, methods=["POST"])


def failed(error: PoiseError) -> Response:
    """An answer that says what went wrong and what can be done."""
    return JSONResponse({"cause": error.cause, "remedy": error.remedy}, status_code=409)


def routes(desk: Desk) -> list[BaseRoute]:
    """Style, scripts, and the language of all pages."""

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

    def speak(given: dict[str, str]) -> object:
        if given["language"] not in LANGUAGES:
            raise HTTPException(400)
        desk.language = given["language"]
        return {}

    return [Route("/static/{name}", static), action("/language", speak)]
