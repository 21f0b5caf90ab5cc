"""`poise doctor --bundle`: what a bug report needs, without names."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poise.commands.doctor import Finding
from poise.errors import ReportError
from poise.storage.result_store import HOUSE
from poise.system.atomic_files import private, write_whole
from poise.system.run_log import LOGS, versions, without_paths

_LAST = 5
_TOLD = frozenset({
    "time", "event", "status", "reused", "seconds", "stages", "warnings", "message", "versions",
    "settings", "device", "model", "recordings", "done", "partial", "failed", "pending",
    "not_consented", "expired", "by",
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
    said = [
        {"subject": f.subject, "text": without_paths(f.text), "good": f.good} for f in findings
    ]  # fmt: skip

    def fill(draft: Path) -> None:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("doctor.json", _json(said))
            bundle.writestr("versions.json", _json(versions()))
            for number, log in enumerate(logs):
                lines = [
                    _anonymous(line, salt) for line in log.read_text(encoding="utf-8").splitlines()
                ]
                bundle.writestr(f"logs/{number}.jsonl", "".join(lines))

    with private():
        write_whole(target, fill)
    return len(logs)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _anonymous(line: str, salt: str) -> str:
    """A line of a log, its recording as a code; what is not known to be harmless is left out."""
    try:
        plain: dict[str, Any] = json.loads(line)
        name = str(plain.get("id", ""))
    except (ValueError, AttributeError):  # cut off when the power was
        return ""
    told = {key: value for key, value in plain.items() if key in _TOLD}
    if isinstance(told.get("settings"), dict):
        told["settings"] = {k: v for k, v in told["settings"].items() if k not in _FREE_TEXT}
    text = json.dumps(told, ensure_ascii=False)
    if name:
        for part in sorted({name, *name.split("/"), Path(name).stem}, key=len, reverse=True):
            word = re.escape(json.dumps(part, ensure_ascii=False)[1:-1])
            if len(part) > 1:
                text = re.sub(rf"(?<!\w){word}(?!\w)", "...", text)
        code = hashlib.sha256(f"{salt} {name}".encode("utf-8", "surrogatepass")).hexdigest()
        text = json.dumps({"recording": code[:12], **json.loads(text)}, ensure_ascii=False)
    return text + "\n"
