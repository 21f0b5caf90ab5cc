"""Forgetting: every trace of a person goes, and it is shown that it has gone."""

from __future__ import annotations

import json
import re
import shutil
import time
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from poise.batch.rerender import recall
from poise.errors import ReportError, SettingsError
from poise.reports.candidates import write_overview
from poise.reports.pseudonyms import anonymous
from poise.storage.ledger import Entry, Ledger
from poise.storage.result_store import HOUSE, ResultStore
from poise.system.atomic_files import not_written, private, sweep_drafts, write_text
from poise.system.directory_lock import held
from poise.system.run_log import LOGS
from poise.types import Recording

_DAY_S = 86_400.0
_LEAST_CHARACTERS = 2  # a shorter name is found everywhere
_RUN_FILES = ("recordings.*", "data_dictionary.*", "index*.html")


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What was removed of a person, and where something was found all the same.

    Args:
        recordings: How many recordings were forgotten.
        results: How many stored results were removed.
        rows: How many rows of the ledger were erased.
        searched: How many files were searched afterwards.
        needles: For how many names, identifiers and hashes.
        unsearchable: Names too short to be searched for.
        found: Files below the reports that still hold one of them; not written by Poise.
    """

    recordings: int
    results: int
    rows: int
    searched: int
    needles: int
    unsearchable: tuple[str, ...]
    found: tuple[Path, ...]


def purge(output: Path | str, candidate: str) -> Purged:
    """Remove every trace of a candidate below a directory of reports, and search for what is left.

    Recordings, and tables that were exported elsewhere, are not touched.

    Args:
        output: Directory of the reports.
        candidate: Identifier (the name of the report's directory) or display name.

    Raises:
        SettingsError: If there is no such candidate, or a run is going on there.
        ReportError: If there is nothing to go by, or something cannot be removed.
    """
    target = Path(output)
    house = target / HOUSE
    if not house.is_dir():
        raise ReportError(
            "holds no reports", remedy="Give the directory that poise analyze wrote to.",
            path=target,
        )  # fmt: skip
    with private(), held(house), Ledger(house) as ledger:
        store = ResultStore(target)
        sweep_drafts(target)
        entries = ledger.entries(earlier=True)
        gone = _of_candidate(candidate, entries, target)
        kept = [entry for entry in entries if entry not in gone]
        names = _directories(gone) or {candidate}
        used = {entry.key for entry in kept}
        results = 0
        for key in store.names():
            if key not in used:  # of the candidate, or of recordings that nobody knows any more
                store.remove(key)
                results += 1
        rows = _erase(target, ledger, gone, names)
        _rewrite(target)
        needles, unsearchable = _needles(candidate, gone, kept)
        searched, found = _search(target, needles, kept)
    return Purged(
        recordings=len(gone),
        results=results,
        rows=rows,
        searched=searched,
        needles=len(needles),
        unsearchable=unsearchable,
        found=tuple(found),
    )


def purge_withdrawn(
    output: Path, store: ResultStore, ledger: Ledger, found: Sequence[Recording]
) -> None:
    """Remove what is stored of recordings that `candidates.csv` now says must not be analysed."""
    refused = {r.recording_id for r in found if not r.consent}
    entries = ledger.entries(earlier=True)
    gone = [e for e in entries if e.recording.recording_id in refused and e.recording.sha256]
    if gone:
        used = {entry.key for entry in entries if entry not in gone}
        for key in {entry.key for entry in gone} - used:
            store.remove(key)
        _erase(output, ledger, gone, _directories(gone))


def purge_expired(output: Path, store: ResultStore, ledger: Ledger, days: int) -> None:
    """Remove results older than so many days (0: none), with the reports that show them."""
    if not days:
        return
    limit = time.time() - days * _DAY_S
    old = {key for key in store.names() if _made(store, key) < limit}
    for key in old:
        store.remove(key)
    gone = [entry for entry in ledger.entries(earlier=True) if entry.key in old]
    if gone:
        _erase(output, ledger, gone, _directories(gone))
        ledger.expire(entry.recording.sha256 for entry in gone)
    for log in (output / HOUSE / LOGS).glob("*.jsonl"):
        if log.stat().st_mtime < limit:
            log.unlink()


def _made(store: ResultStore, key: str) -> float:
    try:
        return store.made(key)
    except OSError:  # half removed: of no use, so of any age
        return 0.0


def _of_candidate(candidate: str, entries: Iterable[Entry], output: Path) -> list[Entry]:
    wanted = unicodedata.normalize("NFC", candidate)
    gone = [
        e for e in entries if wanted in (e.recording.candidate_id, e.recording.display_name)
    ]  # fmt: skip
    if not gone and not _is_report(output / candidate, output):
        raise SettingsError(
            f"there is no candidate {candidate!r}",
            remedy="Give the name as the index shows it, or that of the report's directory.",
            path=output,
        )
    return gone


def _erase(output: Path, ledger: Ledger, gone: Sequence[Entry], candidates: set[str]) -> int:
    """Remove reports, lines of logs and rows of the ledger; results are removed already."""
    try:
        for candidate in candidates:
            if _is_report(output / candidate, output):
                shutil.rmtree(output / candidate)
        _trim_logs(output / HOUSE / LOGS, {e.recording.recording_id for e in gone})
    except OSError as error:
        raise not_written(error, output) from error
    return ledger.forget([entry.recording for entry in gone], candidates)


def _directories(gone: Iterable[Entry]) -> set[str]:
    """Names of the directories of their reports, the anonymous ones too."""
    recordings = [entry.recording for entry in gone]
    return {r.candidate_id for r in [*recordings, *map(anonymous, recordings)]}


def _is_report(directory: Path, output: Path) -> bool:
    """Whether that is the directory of a candidate's report."""
    inside = directory.parent == output and directory.name not in ("", "..", HOUSE)
    return inside and directory.is_dir() and not directory.is_symlink()


def _trim_logs(folder: Path, names: set[str]) -> None:
    for log in folder.glob("*.jsonl"):
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _recording_of(line) not in names]
        if len(kept) < len(lines):
            write_text("".join(kept), log)


def _recording_of(line: str) -> str:
    with suppress(ValueError):
        plain = json.loads(line)
        if isinstance(plain, dict):
            return str(plain.get("id", ""))
    return ""


def _rewrite(output: Path) -> None:
    """Index and tables of the run again, without those who are gone."""
    for name in _RUN_FILES:
        for path in output.glob(name):
            path.unlink()
    try:
        result, spec = recall(output, {})
    except ReportError:  # there never was a run: nothing to be written
        return
    write_overview(result.outcomes, output, result.settings, spec)


def _needles(
    candidate: str, gone: Sequence[Entry], kept: Sequence[Entry]
) -> tuple[list[str], tuple[str, ...]]:
    """What to search for, and which names are too short for that."""
    others = {entry.recording.sha256 for entry in kept}
    names = {unicodedata.normalize("NFC", candidate)}
    for entry in gone:
        recording = entry.recording
        names |= {recording.candidate_id, recording.display_name, recording.recording_id}
        if recording.sha256 not in others:
            names |= {recording.sha256, entry.key} - {""}
    names -= {e.recording.candidate_id for e in kept} | {e.recording.display_name for e in kept}
    short = {name for name in names if len(name) < _LEAST_CHARACTERS}
    return sorted(names - short), tuple(sorted(short))


def _search(output: Path, needles: Sequence[str], kept: Sequence[Entry]) -> tuple[int, list[Path]]:
    """Search all files, and their names, for whole words; what others are called is no trace."""
    if not needles:
        return 0, []
    forms = {form for needle in needles for form in _forms(needle)}
    pattern = re.compile(b"|".join(rb"(?<!\w)" + re.escape(f) + rb"(?!\w)" for f in sorted(forms)))
    others = sorted(
        {
            form
            for e in kept
            for name in (e.recording.recording_id, e.recording.candidate_id,
                         e.recording.display_name)
            for form in _forms(name)
        },
        key=len, reverse=True,
    )  # fmt: skip
    searched, found = 0, []
    for path in sorted(output.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        searched += 1
        text = path.read_bytes() + b"\n" + str(path.relative_to(output)).encode(errors="replace")
        if pattern.search(text):
            for other in others:
                text = text.replace(other, b" ")
            if pattern.search(text):
                found.append(path)
    return searched, found


def _forms(name: str) -> set[bytes]:
    """A name as files may have it: composed, decomposed, in JSON, in HTML, in a link."""
    forms = {name, unicodedata.normalize("NFD", name), json.dumps(name)[1:-1], escape(name),
             quote(name, safe="")}  # fmt: skip
    return {form.encode(errors="surrogateescape") for form in forms}
