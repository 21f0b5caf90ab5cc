"""What all routes of the desk share: pages in the reader's language, and what pages send."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib import resources
from importlib.util import find_spec
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from poise.desk.state import TEXTS, Desk
from poise.desk.troubles import in_words
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
    shared = {"desk": desk, "words": _words, "can_practise": find_spec(LIVE) is not None,
              "told": lambda error: in_words(error, desk.texts)}  # fmt: skip
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


def action(desk: Desk, path: str, act: Callable[[dict[str, str]], object]) -> Route:
    """A route that does something: it is sent texts by name, and answers with JSON.

    Args:
        desk: In whose language errors are told.
        path: Where.
        act: Does it, in a thread of its own. A `PoiseError` becomes an answer that says its cause
            and remedy, with code 409.
    """

    async def endpoint(request: Request) -> Response:
        given = await fields(request)
        try:
            return JSONResponse(await run_in_threadpool(act, given))
        except PoiseError as error:
            return failed(error, desk.texts)
        except KeyError as error:
            raise HTTPException(400) from error

    return Route(path, endpoint, methods=["POST"])


def failed(error: PoiseError, texts: Texts) -> Response:
    """An answer that says what went wrong and what can be done."""
    return JSONResponse(asdict(in_words(error, texts)), status_code=409)


def lost(desk: Desk) -> dict[Any, Callable[[Request, Exception], Response]]:
    """What is answered where nothing is, and where something went wrong, by what was met.

    Who looks at a page is shown one; what a page's script asks for has no body.
    """

    def answered(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        if "text/html" not in request.headers.get("accept", ""):
            return Response(status_code=code, headers=headers)
        shown = page(desk, "lost", kind="404" if code == 404 else "other", code=code)
        shown.status_code = code
        return shown

    return {HTTPException: answered, Exception: answered}


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

    return [Route("/static/{name}", static), action(desk, "/language", speak)]
