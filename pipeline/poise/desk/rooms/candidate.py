"""A candidate: reports, the handout, and being forgotten."""

from __future__ import annotations

import os
from collections.abc import Set
from contextlib import suppress
from datetime import date
from itertools import count
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from poise.batch.forgetting.foresight import Foreseen, foresee
from poise.desk.files import address_of
from poise.desk.overview import overview
from poise.desk.pages import action, page
from poise.desk.rooms.home import status_in_words
from poise.desk.state import Desk
from poise.errors import PoiseError
from poise.reports.locales import LANGUAGES, Texts
from poise.system.file_names import safe_name

HANDOUTS = "handouts"
"""Folder beside the reports that handouts go to; the desk never reads it."""


def routes(desk: Desk) -> list[BaseRoute]:
    """The page of a candidate, the handout, and purging."""

    def show(request: Request) -> Response:
        candidate = request.query_params.get("id", "")
        standing = desk.batches.standing()
        rows = overview(desk, standing).of_candidate(candidate)
        if not rows:
            raise HTTPException(404)
        foreseen: Foreseen | None = None
        with suppress(PoiseError):  # nothing was analysed yet
            foreseen = foresee(desk.reports, candidate)
        return page(
            desk,
            "candidate",
            rows=[(row, status_in_words(row, desk.texts)) for row in rows],
            who=rows[0].recording,
            files=_pages(desk, candidate),
            foreseen=foreseen,
            remaining=[str(r.recording.path) for r in rows if r.is_there],
            report_language=standing.language or desk.language,
            languages=(*LANGUAGES, "both"),
        )

    def purge(given: dict[str, str]) -> object:
        from poise.batch.forgetting.purge import purge as forget  # loads pandas and matplotlib

        done = forget(desk.reports, given["id"])
        t = desk.texts
        return {
            "gone": [
                t.count("desk.purged.recordings", done.recordings),
                t.count("desk.purged.results", done.results),
                t.count("desk.purged.rows", done.rows),
            ],
            "searched": t("desk.purged.searched", files=t.integer(done.searched.files),
                          needles=t.integer(done.searched.needles)),
            "found": [str(path) for path in done.found],
            "remaining": [str(path) for path in done.remaining],
            "unsearchable": list(done.searched.unsearchable),
            "problem": str(done.problem) if done.problem else "",
        }  # fmt: skip

    def hand_out(given: dict[str, str]) -> object:
        from poise.batch.handout import handout  # loads pandas and matplotlib

        own = overview(desk, desk.batches.standing()).of_candidate(given["id"])
        if not own:
            raise HTTPException(404)
        place = handout_place(desk, own[0].recording.display_name)
        made, t = handout(desk.reports, given["id"], place, language=given["language"]), desk.texts
        return {
            "path": str(made.path),
            "missing": [f"{video.recording_id}: {t.name('desk.handout.why', video.how)}"
                        for video in made.videos if not video.file],
            "no_pdf": t("desk.handout.no_pdf") if made.no_pdf else "",
        }  # fmt: skip

    return [
        Route("/candidate", show),
        action(desk, "/candidate/handout", hand_out),
        action(desk, "/candidate/purge", purge),
    ]


def handout_place(desk: Desk, name: str) -> Path:
    """Where a candidate's handout goes: a zip file in a folder beside the reports, a new one."""
    folder, stem = desk.reports.parent / HANDOUTS, f"{safe_name(name)} {date.today()}"
    names = (f"{stem}{f' ({k})' if k else ''}.zip" for k in count())
    return next(folder / name for name in names if not os.path.lexists(folder / name))


def _pages(desk: Desk, candidate: str) -> list[tuple[str, str]]:
    """Pages and tables of a candidate's folder, pages first: what each is called, its address."""
    folder: Path = desk.reports / candidate
    if folder.is_symlink() or folder.parent != desk.reports or not folder.is_dir():
        return []
    found = [(path.name, address_of(desk, path)) for path in sorted(folder.iterdir())
             if path.is_file() and not path.name.startswith(".")]  # fmt: skip
    found.sort(key=lambda own: (not own[0].endswith(".html"), not own[0].startswith("report")))
    names = {name for name, _ in found}
    return [(_called(name, names, desk.texts), address) for name, address in found if address]


def _called(name: str, names: Set[str], texts: Texts) -> str:
    """What a file of a candidate's folder is called; a page with its language if there are several.

    Args:
        name: Of the file.
        names: Of all files of the folder.
        texts: Of the reader's language.
    """
    stem, _, ending = name.rpartition(".")
    page, _, language = stem.partition(".")
    key = f"desk.candidate.{ending}.{page}"
    if not texts.has(key):
        return name
    if ending == "csv":
        return f"{texts(key)} ({name})"
    others = [one for one in LANGUAGES if f"{page}.{one}.{ending}" in names]
    told = language or next((one for one in LANGUAGES if one not in others), "")
    if not others or not texts.has(f"desk.batch.language.{told}"):
        return texts(key)
    return f"{texts(key)} ({texts(f'desk.batch.language.{told}')})"
