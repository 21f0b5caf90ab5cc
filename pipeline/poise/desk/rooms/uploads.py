"""Taking recordings: streamed into RECORDINGS, whole or not at all, never over another one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from poise.batch.intake.candidates_writer import edit_candidates
from poise.batch.intake.discovery import SUFFIXES
from poise.desk.guard import Upload
from poise.desk.pages import failed
from poise.desk.state import Desk
from poise.errors import DiskFullError, PoiseError, VideoError
from poise.media.container_types import container_of
from poise.system.atomic_files import free_bytes, not_written, sync
from poise.system.file_names import composed, safe_name

_DRAFT = "{name}.{token}.part"
_CLOSE = {"connection": "close"}


def routes(desk: Desk) -> list[BaseRoute]:
    """Where a recording is sent to: its bytes as the body, what is known of it as the query."""

    async def take(request: Request) -> Response:
        known = request.query_params
        try:
            place = place_for(desk, known.get("candidate", ""), known.get("name", ""))
            check_room(desk, int(request.headers.get("content-length") or 0))
            draft = await receive(desk, request, place)
            values = {
                "display_name": known.get("candidate", ""),
                "session_date": known.get("date", ""),
                "consent": "yes" if known.get("consent") == "yes" else "no",
            }
            await run_in_threadpool(keep, desk, draft, place, values)
        except PoiseError as error:
            answer = failed(error, desk.texts)
            answer.headers.update(_CLOSE)  # the rest of the body is not read
            return answer
        return JSONResponse({"recording": composed(place.relative_to(desk.recordings).as_posix())})

    return [Upload("/recordings", take, methods=["PUT"])]


def place_for(desk: Desk, candidate: str, name: str) -> Path:
    """Where a recording goes: a folder for each candidate, directly below RECORDINGS.

    Args:
        desk: Whose directory.
        candidate: The name of the person, as the centre writes it.
        name: Of the file, with its ending.

    Raises:
        VideoError: If its ending is not that of a recording, or there is one of that name.
    """
    given = PurePosixPath(composed(name.replace("\\", "/"))).name
    suffix = PurePosixPath(given).suffix.lower()
    if not candidate.strip() or suffix not in SUFFIXES:
        raise VideoError(
            f"{given!r} is not the name of a recording",
            remedy=f"Give the candidate, and a file that ends in {', '.join(sorted(SUFFIXES))}.",
            code="name_unusable",
            values={"name": given, "endings": ", ".join(sorted(SUFFIXES))},
        )
    place = desk.recordings / safe_name(candidate) / (safe_name(given[: -len(suffix)]) + suffix)
    if place.parent.is_symlink():
        raise VideoError(
            "the candidate's folder is a link", remedy="Use another name.", path=place.parent,
            code="folder_link",
        )  # fmt: skip
    _check_free(place)
    return place


def check_room(desk: Desk, length: int) -> None:
    """Whether there is room for so many bytes more.

    Raises:
        DiskFullError: If not.
    """
    free = free_bytes(desk.recordings) - desk.spare_bytes
    if length > free:
        raise DiskFullError(
            f"only {max(0, free) / 1e9:.1f} GB may be filled, and the recording has "
            f"{length / 1e9:.1f} GB",
            remedy="Make room on the disk.",
            code="upload_large",
            values={"free": f"{max(0, free) / 1e9:.1f}", "size": f"{length / 1e9:.1f}"},
        )


async def receive(desk: Desk, request: Request, place: Path) -> Path:
    """Stream a body to a draft beside its place; nothing is left of it if that fails.

    Returns:
        The draft, safe on the disk.

    Raises:
        ReportError: If it cannot be written.
        VideoError: If it is no recording.
    """
    draft = place.with_name(_DRAFT.format(name=place.name, token=secrets.token_hex(4)))
    try:
        place.parent.mkdir(exist_ok=True)
        with draft.open("xb") as file:
            taken = 0
            async for piece in request.stream():
                taken += len(piece)
                check_room(desk, len(piece))
                if taken > desk.upload_bytes:
                    raise HTTPException(413, headers=_CLOSE)
                await run_in_threadpool(file.write, piece)
        await run_in_threadpool(sync, draft)
        if container_of(draft) is None:
            raise VideoError(
                "it is not a recording that can be read", remedy="Export it as MP4.",
                code="not_a_recording",
            )  # fmt: skip
    except BaseException as error:
        discard(draft)
        if isinstance(error, OSError):
            raise not_written(error, place) from error
        raise
    return draft


def keep(desk: Desk, draft: Path, place: Path, values: dict[str, str]) -> None:
    """Give a draft its name, and enter what is known of it.

    It is entered first: a batch that begins at this very moment must not read what nobody has
    consented to.

    Raises:
        PoiseError: If that is not possible; the draft is removed then.
    """
    with desk.writing:
        try:
            _check_free(place)
            name = composed(place.relative_to(desk.recordings).as_posix())
            edit_candidates(desk.recordings, {name: values})
            draft.rename(place)
            sync(place.parent)
        except OSError as error:
            raise not_written(error, place) from error
        finally:
            discard(draft)


def discard(draft: Path) -> None:
    """Remove a draft, and its folder if it was made for it alone."""
    draft.unlink(missing_ok=True)
    if draft.parent.is_dir() and not any(draft.parent.iterdir()):
        draft.parent.rmdir()


def _check_free(place: Path) -> None:
    if os.path.lexists(place):
        raise VideoError(
            "a recording of that name is there already",
            remedy="Rename the file if it is another one.",
            code="already_there",
        )
