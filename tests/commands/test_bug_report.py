"""A bug report names nobody, however their names are spelled and wherever they stand."""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from pathlib import Path

from poise.commands.bug_report import write_bundle
from poise.commands.doctor import Finding

_KIM = "김민지"


def _bundle(folder: Path, lines: list[dict[str, object]]) -> str:
    logs = folder / "out" / ".poise" / "logs"
    logs.mkdir(parents=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (logs / "1.jsonl").write_text(text + '{"event": "cut o', encoding="utf-8")
    findings = [Finding("model", f"/home/{_KIM} 댁/model: no model here", good=False)]
    assert write_bundle(folder / "b.zip", findings, folder / "out") == 1
    with zipfile.ZipFile(folder / "b.zip") as bundle:
        return "".join(bundle.read(name).decode() for name in bundle.namelist())


def test_names_are_left_out_in_every_spelling(tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", _KIM)
    messages = [
        f"the analysis failed (OSError: '/mnt/our disk/{nfd}/take 1.mp4')",
        f"{_KIM}의 녹화를 읽을 수 없습니다",
        "cannot read MINJI KIM/Take 1.MP4",
        f"/mnt/{nfd} 폴더/x y/take 1.mp4: torn",
    ]
    lines: list[dict[str, object]] = [
        {"event": "recording", "id": f"{_KIM}/take 1.mp4", "message": m, "warnings": [m]}
        for m in messages
    ]
    lines.append({"event": "recording", "id": "Minji Kim/take 1.mp4", "status": "done"})
    lines.append({"event": "start", "settings": {"centre_note": _KIM, "jobs": 2}})
    text = unicodedata.normalize("NFC", _bundle(tmp_path, lines)).casefold()
    for name in (_KIM, "minji", "take 1", "our disk", "폴더", "댁"):
        assert name not in text, name
    assert "torn" in text and "oserror" in text and '"jobs": 2' in text


def test_a_name_in_the_line_of_another_recording_is_left_out(tmp_path: Path) -> None:
    text = _bundle(tmp_path, [
        {"event": "recording", "id": "lee.mp4", "message": "the same bytes as kim minji.mp4"},
        {"event": "recording", "id": "kim minji.mp4"},
    ])  # fmt: skip
    assert "minji" not in text and "the same bytes as" in text


def test_a_recording_has_one_code_in_all_lines_of_a_bundle(tmp_path: Path) -> None:
    text = _bundle(tmp_path, [{"event": "recording", "id": name} for name in ("a.mp4", "b", "b")])
    codes = re.findall(r'"recording": "([0-9a-f]{12})"', text)
    assert codes[1] == codes[2] != codes[0]
