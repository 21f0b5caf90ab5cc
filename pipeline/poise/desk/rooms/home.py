"""The first page: how the batch stands, what asks for attention, and all recordings."""

from __future__ import annotations

import time
from dataclasses import asdict

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from poise.desk import troubles
from poise.desk.batches import Standing
from poise.desk.files import address_of, page_in
from poise.desk.overview import Overview, Row, faces_of, overview
from poise.desk.pages import action, page
from poise.desk.state import Desk
from poise.reports.locales import LANGUAGES, Texts
from poise.statuses import Status

_MINUTE_S = 60
_TOLD = (Status.DONE, Status.PARTIAL, Status.FAILED, Status.NOT_CONSENTED, Status.EXPIRED,
         Status.FORGOTTEN, Status.DUPLICATE)  # fmt: skip


def routes(desk: Desk) -> list[BaseRoute]:
    """The page, how it is kept up to date, and starting and stopping a batch."""

    def home(request: Request) -> Response:
        standing = desk.batches.standing()
        seen = overview(desk, standing)
        index = page_in(desk, desk.reports, "index")
        return page(
            desk,
            "home",
            seen=seen,
            batch=in_words(seen, standing, desk.texts),
            failed=[r for r in seen.rows if r.status in (Status.FAILED, Status.PARTIAL)],
            unsure=[(r, faces_of(desk, r)) for r in seen.rows if r.doubt],
            index=address_of(desk, index) if index.is_file() else None,
            report_language=standing.language or desk.language,
            languages=(*LANGUAGES, "both"),
        )

    def status(request: Request) -> Response:
        standing = desk.batches.standing()
        seen = overview(desk, standing)
        rows = {r.recording.recording_id: _told(r, desk.texts) for r in seen.rows}
        return JSONResponse({**in_words(seen, standing, desk.texts), "rows": rows})

    def start(given: dict[str, str]) -> object:
        if given["language"] not in (*LANGUAGES, "both"):
            raise HTTPException(400)
        desk.batches.start(given["language"])
        return {}

    def stop(given: dict[str, str]) -> object:
        desk.batches.stop()
        return {}

    return [
        Route("/", home),
        Route("/status", status),
        action(desk, "/batch/start", start),
        action(desk, "/batch/stop", stop),
    ]


def in_words(seen: Overview, standing: Standing, texts: Texts) -> dict[str, object]:
    """How the batch stands, as a page shows it.

    Returns:
        `running`, `can_start`, `share` (0..1), the texts `headline`, `detail`, `button`, and
        `trouble`, as `troubles.Trouble` has it, or None.
    """
    state = standing.state
    counts = state.counts() if state else {}
    waiting = seen.waiting()
    trouble = None if seen.trouble else standing.trouble  # it would be told twice
    told = {
        "running": standing.running,
        "share": standing.share,
        "can_start": not standing.running and any(r.is_there for r in seen.rows),
        "trouble": asdict(troubles.in_words(trouble, texts)) if trouble else None,
        "button": texts("desk.batch.start" if waiting else "desk.batch.check"),
    }
    if standing.running and (state is None or state.holder is None):
        return {**told, "headline": texts("desk.batch.starting"), "detail": ""}
    if state is None:
        key = "desk.batch.first" if seen.rows else "desk.batch.empty"
        new = texts.count("desk.batch.waiting", waiting) if waiting else ""
        return {**told, "headline": texts(key), "detail": new}
    if standing.running:
        done = sum(counts.get(str(status), 0) for status in _TOLD)
        headline = texts("desk.batch.running", done=done, total=len(state.outcomes))
        return {**told, "headline": headline, "detail": _left(standing.left_s, texts)}
    summary = ", ".join(
        texts.count(f"desk.count.{name}", number)
        for name, number in counts.items()
        if texts.has(f"desk.count.{name}.one")
    )
    if state.ended is None:
        told["button"] = texts("desk.batch.go_on")
        headline = texts("desk.batch.stopped", began=moment(state.started, texts))
    elif counts.get(str(Status.PENDING)):
        told["button"] = texts("desk.batch.go_on")
        headline = texts("desk.batch.stopped_on", ended=moment(state.ended, texts))
    else:
        headline = texts("desk.batch.ended", ended=moment(state.ended, texts))
    new = texts.count("desk.batch.waiting", waiting) if waiting else ""
    return {**told, "headline": headline, "detail": " ".join(filter(None, [f"{summary}.", new]))}


def moment(seconds: float, texts: Texts) -> str:
    """A day and a time of day, as the language writes them."""
    then = time.localtime(seconds)
    day = texts.day(time.strftime("%Y-%m-%d", then))
    return texts("desk.moment", day=day, time=time.strftime("%H:%M", then))


def _left(left_s: float | None, texts: Texts) -> str:
    if left_s is None:
        return texts("desk.left.unknown")
    if left_s < _MINUTE_S:
        return texts("desk.left.soon")
    return texts("desk.left.about", length=texts.length(round(left_s / _MINUTE_S) * _MINUTE_S))


def _told(row: Row, texts: Texts) -> dict[str, object]:
    """A row, as the page's script shows it."""
    return {
        "status": row.status,
        "text": status_in_words(row, texts),
        "report": row.report,
        "seen": row.seen,
    }


def status_in_words(row: Row, texts: Texts) -> str:
    """What became of a recording; of one in work how far it is."""
    if row.seen:
        return texts("desk.seen", share=texts.percent(row.seen))
    return texts.name("desk.status", row.status)
