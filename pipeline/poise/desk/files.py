"""Files that the desk shows: reports under a policy of their own, recordings by ranges of bytes."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from poise.batch.intake.discovery import SUFFIXES
from poise.desk.state import Desk
from poise.reports.pages.rendering import policy
from poise.system.inside import open_inside

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_OF_REPORTS = {
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
}
_OF_RECORDINGS = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm",
    ".mkv": "video/x-matroska", ".gif": "image/gif",
}  # fmt: skip
_SAVED = (".csv", ".parquet", ".vtt")  # what a browser keeps rather than shows


def page_in(desk: Desk, folder: Path, name: str) -> Path:
    """A page of the reports in the reader's language, where it was written in several.

    Args:
        desk: In whose language.
        folder: Where it lies.
        name: Of the page, such as `report`; it need not be there.
    """
    own = folder / f"{name}.{desk.language}.html"
    return own if own.is_file() else folder / f"{name}.html"


def address_of(desk: Desk, path: Path) -> str | None:
    """Where the desk shows a file below its two directories; None for any other."""
    for folder in (desk.reports, desk.recordings):
        if path.is_relative_to(folder):
            steps = path.relative_to(_above(desk)).parts
            return "/files/" + "/".join(quote(step, safe="") for step in steps)
    return None


def routes(desk: Desk) -> list[BaseRoute]:
    """Files by their path below the folder that holds both directories.

    So a report's own relative address of its recording leads to it here as it does on the disk.
    """

    def file(request: Request) -> Response:
        steps = request.path_params["path"].split("/")
        for folder, kinds in ((desk.reports, _OF_REPORTS), (desk.recordings, None)):
            within = list(folder.relative_to(_above(desk)).parts)
            own = steps[len(within) :]
            if steps[: len(within)] == within and own:
                return _answer(request, desk, folder, own, kinds)
        return Response("", status_code=404)

    return [Route("/files/{path:path}", file)]


def _answer(
    request: Request, desk: Desk, folder: Path, steps: list[str], kinds: dict[str, str] | None
) -> Response:
    suffix = PurePosixPath(steps[-1]).suffix.lower()
    hidden = any(step.startswith(".") for step in steps)
    wanted = kinds or {name: _OF_RECORDINGS.get(name, "video/mp4") for name in SUFFIXES}
    if hidden or suffix not in wanted:
        return Response("", status_code=404)
    try:
        opened = open_inside(folder, steps)
    except (OSError, ValueError):
        return Response("", status_code=404)
    headers = {}
    if suffix == ".html":
        own = policy(desk.settings, "early", "report", "progress", "index")
        headers["content-security-policy"] = f"{own}; frame-ancestors 'none'"
    if suffix in _SAVED:
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(steps[-1])}"
    return ranged(request, opened, wanted[suffix], headers)


def ranged(
    request: Request, file: BinaryIO, kind: str, headers: dict[str, str] | None = None
) -> Response:
    """A file, or the range of its bytes that is asked for; it is closed when it was sent.

    Args:
        request: Whose header `Range` counts, if it names one range.
        file: Open at its beginning.
        kind: Its media type.
        headers: Further ones.
    """
    size = os.fstat(file.fileno()).st_size
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked and not (asked[1] or asked[2]):
        asked = None
    first, last = 0, size - 1
    if asked and asked[1]:
        first, last = int(asked[1]), min(int(asked[2] or last), last)
    elif asked:
        first = max(0, size - int(asked[2]))
    told = {"accept-ranges": "bytes", **(headers or {})}
    if asked and first > last:
        file.close()
        return Response("", status_code=416, headers={"content-range": f"bytes */{size}"})
    if asked:
        told["content-range"] = f"bytes {first}-{last}/{size}"
    told["content-length"] = str(last - first + 1)
    if request.method == "HEAD":
        file.close()
        return Response("", headers=told, media_type=kind)
    return _Sent(file, first, last, 206 if asked else 200, told, kind)


class _Sent(StreamingResponse):
    """Bytes of a file, from the first to the last one."""

    def __init__(
        self, file: BinaryIO, first: int, last: int, code: int, headers: dict[str, str], kind: str
    ) -> None:
        self._file = file
        super().__init__(self._pieces(first, last), code, headers, kind)

    async def _pieces(self, first: int, last: int) -> AsyncIterator[bytes]:
        self._file.seek(first)
        left = last - first + 1
        while left > 0:
            piece = await run_in_threadpool(self._file.read, min(left, _PIECE_BYTES))
            if not piece:  # it was cut short meanwhile
                return
            left -= len(piece)
            yield piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _above(desk: Desk) -> Path:
    """The folder that holds both directories."""
    return Path(os.path.commonpath([desk.reports, desk.recordings]))
