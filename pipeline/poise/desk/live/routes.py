"""The routes of live practice: its page, its socket, and where a recording that is kept goes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from poise.desk.files import address_of, page_in
from poise.desk.guard import Upload
from poise.desk.live.intake import Reporter, practice_of, take_in
from poise.desk.live.questions import QuestionSet, question_sets
from poise.desk.live.socket import Mirror
from poise.desk.pages import failed, page
from poise.desk.rooms.uploads import check_room, place_for, receive
from poise.desk.state import Desk
from poise.errors import PoiseError
from poise.reports.pages.rendering import as_json
from poise.statuses import WITHHELD, Status

_CLOSE = {"connection": "close"}
_MADE = (Status.DONE, Status.PARTIAL)


def routes(desk: Desk) -> list[BaseRoute]:
    """All of live practice."""
    mirror, reporter = Mirror(desk), Reporter(desk)
    shown: dict[str, QuestionSet] = {}  # a page may keep what it was given long ago

    def show(request: Request) -> Response:
        trouble: PoiseError | None = None
        try:
            sets = question_sets(desk.recordings, desk.language)
        except PoiseError as error:
            sets, trouble = [], error
        shown.update((one.mark, one) for one in sets)
        plain = as_json(
            [{"mark": s.mark, "language": s.language, "questions": s.questions} for s in sets]
        )
        return page(desk, "mirror", sets=sets, questions=plain, trouble=trouble)

    async def take(request: Request) -> Response:
        try:
            practice = practice_of(dict(request.query_params), shown)
            place = place_for(desk, practice.candidate, practice.file_name(datetime.now()))
            check_room(desk, int(request.headers.get("content-length") or 0))
            draft = await receive(desk, request, place)
            name = await run_in_threadpool(take_in, desk, draft, place, practice)
        except PoiseError as error:
            answer = failed(error, desk.texts)
            answer.headers.update(_CLOSE)
            return answer
        reporter.analyse()
        return JSONResponse({"recording": name})

    def report(request: Request) -> Response:
        """How far the report of a recording is: `waiting`, `made` with its address, or `failed`."""
        standing = desk.batches.standing()
        name = request.query_params.get("recording", "")
        for outcome in standing.state.outcomes if standing.state else ():
            if outcome.recording.recording_id != name:
                continue
            path = page_in(desk, desk.reports / outcome.recording.candidate_id, "report")
            if outcome.status in _MADE and _newer(path, outcome.recording.path):
                return JSONResponse({"state": "made", "address": address_of(desk, path)})
            if outcome.status in (Status.FAILED, *WITHHELD):
                return JSONResponse({"state": "failed"})
        return JSONResponse({"state": "waiting", "share": round(standing.share, 3)})

    return [
        Route("/live", show),
        WebSocketRoute("/live/socket", mirror.visit),
        Upload("/live/recording", take, methods=["PUT"]),
        Route("/live/report", report),
    ]


def _newer(report: Path, recording: Path) -> bool:
    """Whether a report was written after its recording came."""
    try:
        return report.stat().st_mtime >= recording.stat().st_mtime
    except OSError:
        return False
