"""`poise doctor --bundle`: what a bug report needs, without names."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from poise.commands.doctor import Finding
from poise.errors import ReportError
from poise.storage.results.store import HOUSE
from poise.system.atomic_files import private, write_whole
from poise.system.file_names import composed
from poise.system.run_log import LOGS, versions, without_paths

_LAST = 5
_TOLD = frozenset({
    "time", "event", "status", "reused", "seconds", "stages", "warnings", "message", "versions",
    "settings", "device", "model", "recordings", "done", "partial", "failed", "pending",
    "not_consented", "expired", "duplicate", "by",
})  # fmt: skip
_FREE_TEXT = frozenset({"centre_name", "centre_logo", "centre_note", "templates", "cluster"})


def write_bundle(target: Path, findings: Sequence[Finding], reports: Path | None) -> int:
    """Write a zip file: findings, versions, and the last logs with recordings as codes.

    Args:
        target: The zip file.
        findings: Of `poise.commands.doctor.examine`.
        reports: Directory of reports whose logs are taken; None for none.

    Returns:
        How many logs it holds.

    Raises:
        ReportError: If it cannot be written, or `reports` holds no logs.
    """
    logs: list[Path] = []
    if reports is not None:
        logs = sorted((reports / HOUSE / LOGS).glob("*.jsonl"))[-_LAST:]
        if not logs:
            raise ReportError(
                "holds no logs", remedy="Give the directory that poise analyze wrote to.",
                path=reports,
            )  # fmt: skip
    salt = secrets.token_hex(16)  # so that no code can be looked up
    lines = [line for log in logs for line in _lines(log)]
    names = _Names(str(line["id"]) for line in lines if "id" in line)
    said = [
        {"subject": f.subject, "text": names.left_out(without_paths(f.text)), "good": f.good}
        for f in findings
    ]

    def fill(draft: Path) -> None:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("doctor.json", _json(said))
            bundle.writestr("versions.json", _json(versions()))
            for number, log in enumerate(logs):
                anonymous = [_anonymous(line, names, salt) for line in _lines(log)]
                bundle.writestr(f"logs/{number}.jsonl", "".join(anonymous))

    with private():
        write_whole(target, fill)
    return len(logs)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _lines(log: Path) -> list[dict[str, Any]]:
    """The lines of a log; one cut off by a power failure is left out."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):
            plain = json.loads(line)
            if isinstance(plain, dict):
                found.append(plain)
    return found


class _Names:
    """What may name a person in a text: identifiers of recordings, and their parts.

    Args:
        identifiers: Relative paths of recordings.
    """

    def __init__(self, identifiers: Iterable[str]) -> None:
        parts: set[str] = set()
        for identifier in map(composed, identifiers):
            folders = identifier.split("/")
            parts |= {identifier, *folders, *(Path(folder).stem for folder in folders)}
        words = sorted((p for p in parts if len(p) > 1), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole, words)) or "(?!)", re.IGNORECASE)

    def left_out(self, text: str) -> str:
        """The text in composed form, three dots in place of each name."""
        return self._pattern.sub("...", composed(text))


def _whole(name: str) -> str:
    """A pattern of a name; in scripts without spaces around words, also within one."""
    word = re.escape(name)
    return rf"(?<!\w){word}(?!\w)" if name.isascii() else word


def _anonymous(plain: dict[str, Any], names: _Names, salt: str) -> str:
    """A line of a log, its recording as a code; what is not known to be harmless is left out."""
    told = {key: value for key, value in plain.items() if key in _TOLD}
    if isinstance(told.get("settings"), dict):
        told["settings"] = {k: v for k, v in told["settings"].items() if k not in _FREE_TEXT}
    told = _mapped(told, lambda text: names.left_out(without_paths(text)))
    if plain.get("id"):
        code = hashlib.sha256(f"{salt} {plain['id']}".encode("utf-8", "surrogatepass")).hexdigest()
        told = {"recording": code[:12], **told}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The same with every text changed, but for keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return value
