"""The search after a purge: every byte below REPORTS, for names, identifiers, hashes, pictures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from poise.batch.forgetting.erasure import Traces
from poise.storage.results.store import ResultStore
from poise.types import Recording

_LEAST_CHARACTERS = 2  # a shorter name is found everywhere
_SNIPPET_BYTES = 48


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What was searched, and for what.

    Args:
        files, size: How many files, and their bytes: the ledger with its free pages, logs, pages,
            tables, results.
        needles: For how many names, identifiers and hashes.
        pictures: For how many pictures and other files of the results that were removed.
        unsearchable: Names too short to be searched for.
    """

    files: int
    size: int
    needles: int
    pictures: int
    unsearchable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """What tells the files of results that are removed, wherever they may have been copied.

    Args:
        hashes: SHA-256 of the files.
        snippets: Bytes from the middle of each picture, as they are and as pages embed them.
    """

    hashes: frozenset[bytes]
    snippets: frozenset[bytes]


def fingerprint(store: ResultStore, keys: Iterable[str]) -> Fingerprints:
    """Of the files of results that are about to be removed, and that no other result has."""
    gone = set(keys)
    kept = {
        _digest(path.read_bytes())
        for key in set(store.names()) - gone
        for path in _files(store.directory(key))
    }
    hashes, snippets = set(), set()
    for key in gone:
        for path in _files(store.directory(key)):
            data = path.read_bytes()
            if _digest(data) in kept:
                continue
            hashes.add(_digest(data))
            start = len(data) // 2 // 3 * 3  # where base64 begins a group
            middle = data[start : start + _SNIPPET_BYTES]
            if path.suffix == ".jpg" and len(middle) == _SNIPPET_BYTES and len(set(middle)) > 8:
                snippets |= {middle, base64.b64encode(middle)}
    return Fingerprints(hashes=frozenset(hashes), snippets=frozenset(snippets))


def search(
    output: Path,
    candidate: str,
    traces: Traces,
    kept: Sequence[Recording],
    prints: Fingerprints,
) -> tuple[Searched, list[Path]]:
    """Search all files, and their names, for whole words; what others are called is no trace.

    Args:
        output: Directory of the reports.
        candidate: Identifier of the person.
        traces: What there was.
        kept: Recordings of other people.
        prints: Of what was removed.
    """
    needles, short = _needles(candidate, traces, kept)
    forms = {form for needle in needles for form in _forms(needle)}
    pattern = _pattern(forms)
    others = sorted(
        {form for r in kept for name in _names(r) for form in _forms(name)}, key=len, reverse=True
    )
    files, size, found = 0, 0, []
    for path in sorted(output.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        files, size = files + 1, size + len(data)
        if _is_copy(data, prints) or _names_somebody(path, data, output, pattern, others):
            found.append(path)
    return Searched(
        files=files,
        size=size,
        needles=len(needles),
        pictures=len(prints.hashes),
        unsearchable=tuple(short),
    ), found


def _is_copy(data: bytes, prints: Fingerprints) -> bool:
    return _digest(data) in prints.hashes or any(snippet in data for snippet in prints.snippets)


def _names_somebody(
    path: Path,
    data: bytes,
    output: Path,
    pattern: re.Pattern[bytes] | None,
    others: Sequence[bytes],
) -> bool:
    if pattern is None:
        return False
    text = data + b"\n" + str(path.relative_to(output)).encode(errors="replace")
    if not pattern.search(text):
        return False
    for other in others:
        text = text.replace(other, b" ")
    return bool(pattern.search(text))


def _needles(
    candidate: str, traces: Traces, kept: Sequence[Recording]
) -> tuple[list[str], list[str]]:
    """What to search for, and which names are too short for that."""
    names = {candidate}
    for recording in traces.recordings:
        names |= _names(recording)
    names -= {name for r in kept for name in (r.candidate_id, r.display_name)}
    names |= traces.hashes | traces.results | traces.candidates
    names -= {r.candidate_id for r in kept}
    short = {name for name in names if len(name) < _LEAST_CHARACTERS}
    return sorted(names - short), sorted(short)


def _names(recording: Recording) -> set[str]:
    return {recording.recording_id, recording.candidate_id, recording.display_name} - {""}


def _pattern(forms: Iterable[bytes]) -> re.Pattern[bytes] | None:
    words = [rb"(?<!\w)" + re.escape(form) + rb"(?!\w)" for form in sorted(forms)]
    return re.compile(b"|".join(words)) if words else None


def _forms(name: str) -> set[bytes]:
    """A name as files may have it: composed, decomposed, in JSON, in HTML, in a link."""
    forms = {name, unicodedata.normalize("NFD", name), json.dumps(name)[1:-1],
             json.dumps(name, ensure_ascii=False)[1:-1], escape(name), quote(name, safe=""),
             quote(name)}  # fmt: skip
    encoded = {form.encode(errors="surrogatepass") for form in forms}
    return encoded | {name.encode("utf-16-le", errors="surrogatepass")}


def _files(directory: Path) -> list[Path]:
    return [p for p in directory.glob("*") if p.is_file() and not p.is_symlink()]


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
