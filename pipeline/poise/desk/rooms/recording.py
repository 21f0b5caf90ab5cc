"""A recording: its video, what is known of it, who is the candidate, and the coach's notes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from poise.batch.intake.candidates_writer import EDITABLE, edit_candidates
from poise.coach_notes import CoachNote
from poise.desk.files import address_of, ranged
from poise.desk.overview import Overview, Row, faces_of, overview
from poise.desk.pages import action, page
from poise.desk.rooms.home import status_in_words
from poise.desk.state import Desk
from poise.errors import PoiseError, VideoError
from poise.storage.notes import add_note, remove_note, with_notes
from poise.system.atomic_files import write_whole
from poise.system.file_names import safe_name
from poise.system.inside import open_inside

PORTRAITS = "portraits"
"""Folder at the top of RECORDINGS that the pictures of chosen faces go to."""
_MOST_TEXT = 4000  # characters of a note


def routes(desk: Desk) -> list[BaseRoute]:
    """The page of a recording, its pictures, and what can be changed there."""

    def there(recording_id: str) -> Row:
        """The row of a recording that lies there.

        Raises:
            HTTPException: If there is none.
        """
        row = _now(desk).row(recording_id)
        if row is None:
            raise HTTPException(404)
        return row

    def show(request: Request) -> Response:
        row = there(request.query_params.get("id", ""))
        trouble: PoiseError | None = None
        notes: list[CoachNote] = []
        try:
            (own,), faults = with_notes(desk.recordings, [row.recording])
            notes = list(own.notes or ())
            wrong = [fault for fault in faults if fault.recording_id == own.recording_id]
            trouble = wrong[0].error(desk.recordings) if wrong else None
        except PoiseError as error:
            trouble = error
        return page(
            desk,
            "recording",
            row=row,
            own=row.recording,
            status=status_in_words(row, desk.texts),
            video=address_of(desk, row.recording.path) if row.is_there else None,
            faces=faces_of(desk, row),
            notes=notes,
            notes_trouble=trouble,
            span=_span(row),
            file_name=PurePosixPath(row.recording.recording_id).name,
        )

    def face(request: Request) -> Response:
        row, number = there(request.query_params.get("id", "")), request.query_params.get("face")
        faces = faces_of(desk, row)
        if number is None or not number.isdecimal() or int(number) >= len(faces):
            raise HTTPException(404)
        return _picture(request, desk, faces[int(number)].relative_to(desk.reports).parts)

    def change(given: dict[str, str]) -> object:
        row = there(given.pop("id"))
        if not given.keys() <= set(EDITABLE) - {"portrait"}:
            raise HTTPException(400)
        with desk.writing:
            edit_candidates(desk.recordings, {row.recording.recording_id: given})
        return {}

    def choose(given: dict[str, str]) -> object:
        """Make a picture of the face that was clicked the portrait of its candidate."""
        row, faces = there(given["id"]), faces_of(desk, there(given["id"]))
        if not given["face"].isdecimal() or int(given["face"]) >= len(faces):
            raise HTTPException(404)
        own = row.recording
        with open_inside(
            desk.reports, faces[int(given["face"])].relative_to(desk.reports).parts
        ) as file:
            picture = file.read()
        folder = desk.recordings / PORTRAITS
        if folder.is_symlink():
            raise VideoError(
                f"{PORTRAITS} is a link", remedy="Remove it.", path=folder, code="folder_link"
            )
        name = portrait_name(own.recording_id)
        with desk.writing:
            write_whole(folder / name, lambda draft: draft.write_bytes(picture))
            changes = {own.recording_id: {"portrait": f"{PORTRAITS}/{name}"}}
            edit_candidates(desk.recordings, changes)
        return {}

    def note(given: dict[str, str]) -> object:
        own = there(given["id"]).recording
        with desk.writing:
            add_note(desk.recordings, own.recording_id, _note(given))
        return {}

    def unnote(given: dict[str, str]) -> object:
        own = there(given["id"]).recording
        with desk.writing:
            remove_note(desk.recordings, own.recording_id, _note(given))
        return {}

    return [
        Route("/recording", show),
        Route("/recording/face", face),
        action(desk, "/recording/details", change),
        action(desk, "/recording/portrait", choose),
        action(desk, "/recording/note", note),
        action(desk, "/recording/note/remove", unnote),
    ]


def portrait_name(recording_id: str) -> str:
    """Name of the file of a portrait chosen in a recording; no other recording's is called so."""
    which = sha256(recording_id.encode()).hexdigest()[:8]
    return f"{safe_name(recording_id.replace('/', ' '))} {which}.jpg"


def _now(desk: Desk) -> Overview:
    return overview(desk, desk.batches.standing())


def _picture(request: Request, desk: Desk, steps: tuple[str, ...]) -> Response:
    try:
        return ranged(request, open_inside(desk.reports, steps), "image/jpeg")
    except OSError as error:
        raise HTTPException(404) from error


def _note(given: dict[str, str]) -> CoachNote:
    """What was noted; without a time, of the whole recording."""
    try:
        time_s = float(given["time"]) if given["time"] else None
    except ValueError as error:
        raise HTTPException(400) from error
    text, author = given["note"].strip(), given.get("author", "").strip()
    if (
        not text
        or len(text) > _MOST_TEXT
        or len(author) > _MOST_TEXT
        or not 0 <= (time_s or 0) < 1e7
    ):
        raise HTTPException(400)
    return CoachNote(time_s=time_s, author=author, text=text)


def _span(row: Row) -> str:
    """The resting span as the table has it, to the millisecond: 0:00-0:06, as it is saved again."""
    ends = (divmod(round(1000 * s), 60_000) for s in row.recording.neutral_span_s or ())
    return "-".join(f"{m}:{ms / 1000:06.3f}".rstrip("0").rstrip(".") for m, ms in ends)
