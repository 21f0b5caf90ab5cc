"""Discovery: which recordings lie below a directory, whom they belong to, what is left aside."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from poise.batch.intake.candidates_file import (
    CANDIDATES_FILE,
    CandidateRow,
    CandidateTable,
    looks_like_one,
    read_candidates,
    rows_above,
    table_in,
    tables_above,
)
from poise.batch.intake.dates import session_in
from poise.errors import SettingsError
from poise.media.container_types import container_of
from poise.storage.notes import NOTES_FILE
from poise.storage.results.outcome import LeftAside
from poise.storage.saved_tables import TableFault
from poise.system.file_names import composed, safe_name
from poise.timeline.segments import SEGMENTS_FILE
from poise.types import Recording

SUFFIXES = frozenset(
    [".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
     ".mts", ".ts", ".webm", ".wmv"]
)  # fmt: skip
_BY_ENDING = {
    ending: code
    for code, endings in {
        "zoom_unconverted": ".zoom",
        "unfinished_download": ".!qb .!ut .bc! .crdownload .download .filepart .opdownload .part "
        ".partial .temp .tmp .ytdl",
        "sound_only": ".aac .aif .aiff .amr .caf .flac .m4a .m4b .mka .mp3 .oga .ogg .opus "
        ".wav .wma",
        "archive": ".7z .alz .bz2 .egg .gz .rar .tar .tgz .xz .zip",
        "leads_outside": ".alias .desktop .lnk .url .webloc",
    }.items()
    for ending in endings.split()
}
_UNREAD_ENDINGS = frozenset(
    [".264", ".265", ".amv", ".arf", ".asf", ".av1", ".bik", ".braw", ".camrec", ".dav", ".divx",
     ".dv", ".evo", ".f4v", ".h264", ".h265", ".hevc", ".insv", ".ivf", ".m1v", ".m2v", ".mjpeg",
     ".mjpg", ".mod", ".mpe", ".mpv", ".mxf", ".nsv", ".nut", ".obu", ".ogm", ".ogv", ".qt", ".r3d",
     ".rm", ".rmvb", ".swf", ".tod", ".trec", ".vob", ".wrf", ".wtv", ".xvid", ".y4m"]
)  # fmt: skip
# Of recordings that are not read: RealMedia, raw frames, NUT, IVF.
_UNREAD_MAGIC = (b".RMF", b"YUV4MPEG2", b"nut/multimedia", b"DKIF")
_PICTURES = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"})
# What systems leave in folders; neither recordings nor of anybody's making.
_SYSTEM = re.compile(
    r"\._.*|\.DS_Store|\.localized|\.AppleDouble|\.apdisk|Icon\r|Thumbs\.db|ehthumbs\.db"
    r"|desktop\.ini|\.directory|\.nfs[0-9a-f]+|\.sync\.ffs_db|@eaDir|\.Spotlight-V100|\.fseventsd"
    r"|\.TemporaryItems|\.git|\.gitignore|\.gitattributes",
    re.IGNORECASE,
)
# Where systems keep what was deleted, and older states.
_BINS = re.compile(
    r"[#@]Recycle|lost\+found|\$RECYCLE\.BIN|System Volume Information|\.Trash.*|\.recycle"
    r"|Network Trash Folder|Temporary Items|[#.@~]snapshot|@Recently-Snapshot|RECYCLE[RD]"
    r"|(Network )?Recycle Bin|trashbox|휴지통",
    re.IGNORECASE,
)
_HEAD_BYTES = 4096
QUESTIONS_FILE = "questions.toml"  # a centre's own, for live practice
# At the top they are read, not left aside.
_TABLES = (CANDIDATES_FILE, SEGMENTS_FILE, NOTES_FILE, QUESTIONS_FILE)


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """What lies below a directory.

    Args:
        recordings: In order of their identifiers.
        left_aside: What lies there and will not be analysed, in order of the names; recordings
            without consent are not among them, they have an outcome.
        faults: What is wrong with lines of the tables beside them.
        barred: Recordings that must not be analysed for it, and why.
    """

    recordings: list[Recording]
    left_aside: list[LeftAside]
    faults: list[TableFault] = field(default_factory=list)
    barred: dict[str, TableFault] = field(default_factory=dict)


def discover(root: Path) -> Discovered:
    """Find the recordings below a directory (or the one recording given).

    A recording's candidate is the folder it lies in directly below `root`; at the top it is the
    file's own stem. Its date is the one in its name, if any. Rows of `candidates.csv` at the top
    override that; if there is none, those of the nearest one above do. A table above can also
    deny consent, never give it.

    Args:
        root: A directory, or a single video file.

    A line of the table that cannot be used costs no other recording (`Discovered.faults`).

    Raises:
        SettingsError: If `root` does not exist or `candidates.csv` is no such table.
    """
    aside: list[LeftAside] = []
    if root.is_file():
        files = [(root, composed(root.name), composed(root.stem))]
        table = None
    elif root.is_dir():
        paths = _walk(root, aside)
        files = list(_with_distinct_names(_below(root, path) for path in sorted(paths)))
        table = table_in(root)
    else:
        raise SettingsError(
            "no such file or directory", remedy="Give the directory of the recordings.", path=root,
            code="nowhere",
        )  # fmt: skip
    places = {name: path for path, name, _ in files}
    above = tables_above(root, places)
    told = CandidateTable()
    if table:
        told = read_candidates(table, places, root)
    elif above.nearest:
        told = rows_above(above.nearest, places)
    # What is said of a name is said of all that look so and have no line of their own.
    plain = {name: name if path == root else _name_of(path, root) for path, name, _ in files}
    own = {*told.rows, *told.barred}
    line = {name: name if name in own else plain[name] for name in plain}
    refused = {plain[name] for name in above.refused}
    barred_above = {plain[name]: fault for name, fault in above.barred.items()}
    barred = {n: told.barred.get(line[n]) or barred_above.get(plain[n]) for n in plain}
    recordings = [
        _recording(path, name, candidate, told.rows.get(line[name]), plain[name] in refused)
        for path, name, candidate in files
    ]
    faults = [*told.faults, *(f for n, f in above.barred.items() if n not in told.barred)]
    return Discovered(
        recordings=_with_distinct_ids(sorted(recordings, key=lambda r: r.recording_id)),
        left_aside=sorted(aside, key=lambda a: a.name),
        faults=faults,
        barred={name: fault for name, fault in barred.items() if fault},
    )


def _walk(root: Path, aside: list[LeftAside]) -> Iterator[Path]:
    """Recordings below a directory; what else lies there is noted."""

    def note(path: Path, code: str) -> None:
        aside.append(LeftAside(name=_name_of(path, root), code=code))

    def unreadable(error: OSError) -> None:
        note(Path(error.filename), "unreadable_folder")

    inside = root.resolve()
    for folder, folders, names in os.walk(root, onerror=unreadable):
        place = Path(folder)
        bins = sorted(name for name in folders if _BINS.fullmatch(composed(name)))
        for name in bins:
            if _holds_recording(place / name):
                note(place / name, "system_folder")
        folders[:] = sorted(
            name for name in folders if not _SYSTEM.fullmatch(name) and name not in bins
        )
        for name in folders:
            path = place / name
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                note(path, "leads_outside")
        names = sorted(
            name
            for name in names
            if not _SYSTEM.fullmatch(name) or _is_recording_by_its_bytes(place / name)
        )
        if not folders and not names and place != root:
            note(place, "empty_folder")
        told_of = {Path(name).stem for name in names if Path(name).suffix.lower() in SUFFIXES}
        for name in names:
            path = place / name
            if path.suffix == ".vtt" and path.stem in told_of:
                continue  # segments of the recording beside it
            code = _why_left_aside(path, root, inside)
            if code is None:
                yield path
            elif code:
                note(path, code)


def _why_left_aside(path: Path, root: Path, inside: Path) -> str | None:
    """Why a file is not taken as a recording; None if it is, empty if nobody need be told."""
    relative = path.relative_to(root)
    if len(relative.parts) == 1 and path.name.casefold() in _TABLES:
        return ""
    if path.is_symlink() and (not path.exists() or not path.resolve().is_relative_to(inside)):
        return "leads_outside"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not_a_file"
    except OSError:
        return "no_permission"
    if path.name.startswith(".") and path.suffix == ".icloud":
        return "not_downloaded"
    if any(part.lower().endswith(".download") for part in relative.parts[:-1]):
        return "unfinished_download"
    if any(part.startswith(".") for part in relative.parts):
        return "hidden" if _is_recording_by_its_bytes(path) else ""
    if path.suffix.lower() in SUFFIXES:
        return None
    return _kind(path)


def _kind(path: Path) -> str:
    """What a file is that does not end as a recording."""
    suffix = path.suffix.lower()
    if looks_like_one(path.name):
        return "candidates_ignored"
    if suffix in _BY_ENDING:
        return _BY_ENDING[suffix]
    if _is_recording_by_its_bytes(path):
        return "unfamiliar_ending"
    if suffix in _UNREAD_ENDINGS or _head(path).startswith(_UNREAD_MAGIC):
        return "kind_not_read"
    return "other_kind"


def _holds_recording(folder: Path) -> bool:
    """Whether a file below a folder ends as a recording."""
    return any(
        Path(name).suffix.lower() in SUFFIXES for _, _, names in os.walk(folder) for name in names
    )


def _is_recording_by_its_bytes(path: Path) -> bool:
    return container_of(path) is not None and _head(path)[8:12] not in _PICTURES


def _head(path: Path) -> bytes:
    """The first bytes; none where they may not be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            return os.read(descriptor, _HEAD_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return b""


def _with_distinct_names(files: Iterable[tuple[Path, str, str]]) -> Iterator[tuple[Path, str, str]]:
    """Identifiers that are equal once composed get a number."""
    taken: set[str] = set()
    for path, recording_id, candidate in files:
        name, number = recording_id, 2
        while name in taken:
            name = f"{recording_id} ({number})"
            number += 1
        taken.add(name)
        yield path, name, candidate


def _below(root: Path, path: Path) -> tuple[Path, str, str]:
    relative = path.relative_to(root)
    candidate = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return path, _name_of(path, root), composed(candidate)


def _name_of(path: Path, root: Path) -> str:
    return composed(path.relative_to(root).as_posix())


def _recording(
    path: Path, recording_id: str, candidate: str, row: CandidateRow | None, refused: bool
) -> Recording:
    row = row or CandidateRow(line=0)
    name = row.candidate_id or candidate
    session = row.session if row.session.day else session_in(recording_id)
    return Recording(
        path=path.absolute(),  # whoever reads of it later may stand elsewhere
        recording_id=recording_id,
        candidate_id=composed(name),
        display_name=composed(row.display_name or name),
        session_date=session.day,
        session_time=session.time,
        note=row.note,
        consent=row.consent and not refused,
        neutral_span_s=row.neutral_span_s,
        portrait=row.portrait.absolute() if row.portrait else None,
    )


def _with_distinct_ids(recordings: Sequence[Recording]) -> list[Recording]:
    """Directory-safe candidate identifiers; those that collide after cleaning get a number.

    Two names collide also where they differ only in case, as some file systems do not tell them
    apart.
    """
    taken: dict[str, str] = {}  # case-folded directory name -> candidate
    names: dict[str, str] = {}  # candidate -> directory name
    result = []
    for recording in recordings:
        candidate = recording.candidate_id
        if candidate not in names:
            base = name = safe_name(candidate)
            number = 2
            while name.casefold() in taken:
                name = f"{base} ({number})"
                number += 1
            taken[name.casefold()] = candidate
            names[candidate] = name
        result.append(replace(recording, candidate_id=names[candidate]))
    return result
