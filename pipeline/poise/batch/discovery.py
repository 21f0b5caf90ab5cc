"""Discovery: which recordings lie below a directory, and whom they belong to."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from poise.errors import SettingsError
from poise.system.file_names import composed, safe_name
from poise.types import Recording

SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ts",
        ".webm",
        ".wmv",
    ]
)
CANDIDATES_FILE = "candidates.csv"
_COLUMNS = ("recording", "candidate_id", "display_name", "session_date", "note", "consent")
# As phones and people name files.
_DATE = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
_YES = frozenset({"", "yes", "y", "true", "1", "예", "네"})
_NO = frozenset({"no", "n", "false", "0", "아니오", "아니요"})
_MAX_TABLE_BYTES = 16_000_000


def discover(root: Path) -> list[Recording]:
    """Find the recordings below a directory (or the one recording given).

    A recording's candidate is the folder it lies in directly below `root`; at the top it is the
    file's own stem, and its date the one in its name, if any (`2026-11-20`, `20261120_0915`). Rows
    of `candidates.csv` at the top override that.

    Args:
        root: A directory, or a single video file.

    Returns:
        Recordings in order of their identifiers.

    Raises:
        SettingsError: If `root` does not exist or `candidates.csv` cannot be used.
    """
    if root.is_file():
        stem = composed(root.stem)
        files = [(root, composed(root.name), stem)]
        overrides: dict[str, dict[str, str]] = {}
    elif root.is_dir():
        paths = (path for path in sorted(root.rglob("*")) if _is_recording(path, root))
        files = [_below(root, path) for path in paths]
        overrides = _read_candidates(root / CANDIDATES_FILE, {name for _, name, _ in files})
    else:
        raise SettingsError(
            "no such file or directory", remedy="Give the directory of the recordings.", path=root
        )
    recordings = [
        _recording(path, recording_id, candidate, overrides.get(recording_id, {}))
        for path, recording_id, candidate in _with_distinct_names(files)
    ]
    return _with_distinct_ids(sorted(recordings, key=lambda r: r.recording_id))


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


def _is_recording(path: Path, root: Path) -> bool:
    """Whether it is a visible video file; a link that leads out of the directory is none."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    return not path.is_symlink() or path.resolve().is_relative_to(root.resolve())


def _below(root: Path, path: Path) -> tuple[Path, str, str]:
    relative = path.relative_to(root)
    candidate = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return path, composed(relative.as_posix()), composed(candidate)


def _recording(
    path: Path, recording_id: str, candidate: str, override: Mapping[str, str]
) -> Recording:
    name = override.get("candidate_id") or candidate
    return Recording(
        path=path,
        recording_id=recording_id,
        candidate_id=composed(name),
        display_name=composed(override.get("display_name") or name),
        session_date=override.get("session_date") or _date_in(recording_id),
        note=override.get("note", ""),
        consent=override.get("consent", "").casefold() in _YES,
    )


def _date_in(recording_id: str) -> str:
    """The date in a recording's name or, failing that, a folder's, as YYYY-MM-DD; or nothing."""
    for part in reversed(recording_id.split("/")):
        for year, _, month, day in _DATE.findall(part):
            try:
                return date(int(year), int(month), int(day)).isoformat()
            except ValueError:
                continue
    return ""


def _read_candidates(path: Path, known: set[str]) -> dict[str, dict[str, str]]:
    """Rows of `candidates.csv` by recording; empty without the file."""
    if not path.is_file():
        return {}
    if path.stat().st_size > _MAX_TABLE_BYTES:
        raise SettingsError(
            f"is larger than {_MAX_TABLE_BYTES // 1_000_000} MB",
            remedy="It must be a table with a line for each recording.",
            path=path,
        )
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp949", errors="replace")  # Excel in Korea
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    unknown = [name for name in columns if name not in _COLUMNS]
    if "recording" not in columns or unknown:
        raise SettingsError(
            f"has the columns {', '.join(columns) or '(none)'}",
            remedy=f"It needs recording, and may have {', '.join(_COLUMNS[1:])}.",
            path=path,
        )
    rows = {}
    for number, row in enumerate(reader, start=2):
        if not any(isinstance(value, str) and value.strip() for value in row.values()):
            continue  # a spreadsheet leaves such rows
        recording = composed((row["recording"] or "").strip().replace("\\", "/").removeprefix("./"))
        if recording not in known:
            raise SettingsError(
                f"line {number} names {recording!r}, which is not among the recordings",
                remedy="Give each recording's path below the directory, or remove the line.",
                path=path,
            )
        rows[recording] = {
            name: (value or "").strip() for name, value in row.items() if name in _COLUMNS
        }
        consent = rows[recording].get("consent", "")
        if consent.casefold() not in _YES | _NO:
            raise SettingsError(
                f"line {number} has the consent {consent!r}",
                remedy="Write yes or no; a line left empty means yes.",
                path=path,
            )
    return rows


def _with_distinct_ids(recordings: Iterable[Recording]) -> list[Recording]:
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
