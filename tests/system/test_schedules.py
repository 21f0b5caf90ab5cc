"""A command every night: what systemd, a shell and Windows make of the text is the command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import datetime, time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from poise.errors import SettingsError
from poise.system.schedules import cron_line, systemd_units, windows_task

AT = time(21, 30)
HARD = [
    "김민지 면접", "it's", 'say "hi"', "100%", "%h %% %n", "$HOME ${X}", "a\\b", "trailing\\",
    "a;b|c&d>e<f", "`id` $(id)", "-o", "", "~", "*", "#hash", "!",
]  # fmt: skip
PRINT = "import json, sys; print(json.dumps(sys.argv[1:]))"


def _systemd_words(text: str) -> list[str]:
    """Words of a line as systemd.syntax(7) and systemd.service(5) read them."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in words]


def _windows_words(line: str) -> list[str]:
    """Words of a command line as programs of Windows split it (CommandLineToArgvW)."""
    words, word, quoted, begun, k = [], "", False, False, 0
    while k < len(line):
        slashes = len(line[k:]) - len(line[k:].lstrip("\\"))
        k += slashes
        if k < len(line) and line[k] == '"':
            word += "\\" * (slashes // 2)
            begun = True
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            k += 1
            continue
        if slashes:
            word, begun = word + "\\" * slashes, True
            continue
        if line[k] in " \t" and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + line[k], True
        k += 1
    return [*words, word] if begun else words


def test_systemd(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINT, *HARD]
    service, timer = systemd_units(command, AT)
    line = next(line for line in service.splitlines() if line.startswith("ExecStart="))
    assert _systemd_words(line) == command
    assert "OnCalendar=*-*-* 21:30:00" in timer.splitlines()
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    for name, text in (("poise.service", service), ("poise.timer", timer)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "poise.service", "poise.timer"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "poise" in line]
    assert done.returncode == 0 and not told, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no cron")
def test_cron() -> None:
    line = cron_line([sys.executable, "-c", PRINT, *HARD], AT)
    minute, hour, *rest = line.rstrip("\n").split(" ", 5)
    assert [minute, hour, *rest[:3]] == ["30", "21", "*", "*", "*"]
    assert not re.search(r"(?<!\\)%", line)  # cron would end the command there
    done = subprocess.run(
        ["sh", "-c", rest[3].replace(r"\%", "%")], capture_output=True, text=True, check=True
    )
    import json

    assert json.loads(done.stdout) == HARD


def test_windows() -> None:
    command = [
        r"C:\Program Files\Python\python.exe",
        "-m",
        "poise",
        *HARD,
        r"D:\Übung & <Test>" "\\",
    ]
    task = ElementTree.fromstring(windows_task(command, datetime(2026, 11, 27, 21, 30)))
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    action = "t:Actions/t:Exec/"
    assert task.findtext(f"{action}t:Command", namespaces=space) == command[0]
    arguments = task.findtext(f"{action}t:Arguments", namespaces=space)
    assert arguments is not None and _windows_words(arguments) == command[1:]
    start = task.findtext("t:Triggers/t:CalendarTrigger/t:StartBoundary", namespaces=space)
    assert start == "2026-11-27T21:30:00"


@pytest.mark.parametrize("name", ["line\nbreak", "null\0", "bell\a"])
def test_what_no_line_can_hold_is_refused(name: str) -> None:
    for make in (systemd_units, cron_line):
        with pytest.raises(SettingsError, match="no line can hold"):
            make(["poise", name], AT)
    with pytest.raises(SettingsError, match="no line can hold"):
        windows_task(["poise", name], datetime(2026, 1, 1))
