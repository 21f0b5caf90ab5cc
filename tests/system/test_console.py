"""Messages that are lost, that an encoding lacks, or that hold what a terminal would obey."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from poise.system.console import one_line, say, say_json

_SAYS = r"""
import sys
from poise.system.console import guard_streams, last_words, say, say_json
guard_streams()
say("\x1b[2J\x9b31m an em dash \u2014 \udcff \u202e\nsecond", error=True)
print("plain \x1b]0;title\x07", file=sys.stderr)
for k in range(3000):
    say("a line " + "x" * 100)
say_json({"name": "\x9b31m\x7f \U0001f600 \udcff \ud55c"})
last_words()
open("went on", "w").close()
sys.exit(7)
"""


def _run(folder: Path, shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The program above in a shell; `PROGRAM` stands for it."""
    (folder / "program.py").write_text(_SAYS, encoding="utf-8")
    program = f"{sys.executable} program.py"
    return subprocess.run(
        ["bash", "-c", shell.replace("PROGRAM", program)],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    "shell",
    [
        "PROGRAM 2>&-; test $? = 7",
        "PROGRAM >&-; test $? = 7",
        "PROGRAM >&- 2>&- <&-; test $? = 7",
        "PROGRAM >/dev/full 2>/dev/full; test $? = 7",
        "{ PROGRAM; echo $? >code; } | head -1; test $(cat code) = 7",
        "{ PROGRAM 2>&1 >/dev/null; echo $? >code; } | true; test $(cat code) = 7",
    ],
)
def test_losing_a_stream_stops_nothing_and_keeps_the_exit_code(tmp_path: Path, shell: str) -> None:
    done = _run(tmp_path, shell)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "went on").exists()
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_a_closed_descriptor_is_not_taken_by_a_file(tmp_path: Path) -> None:
    """Or messages would be written into the next file that is opened."""
    (tmp_path / "program.py").write_text(
        "import os\nfrom poise.system.console import guard_streams\nguard_streams()\n"
        "kept = open('ledger', 'w')\nos.write(2, b'noise')\nassert kept.fileno() > 2\n",
        encoding="utf-8",
    )
    subprocess.run(["bash", "-c", f"{sys.executable} program.py 2>&-"], cwd=tmp_path, check=True)
    assert (tmp_path / "ledger").read_bytes() == b""


@pytest.mark.parametrize("encoding", ["cp949:strict", "euc-kr:strict", "ascii:strict", "utf-8"])
def test_every_message_can_be_shown_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    done = _run(tmp_path, "PROGRAM", PYTHONIOENCODING=encoding)
    assert done.returncode == 7, done.stderr
    name = encoding.partition(":")[0]
    json_text = done.stdout.decode(name)
    json_text = json_text[json_text.index("{") :]
    assert json.loads(json_text) == {"name": "\x9b31m\x7f \U0001f600 \udcff 한"}
    assert b"an em dash" in done.stderr
    assert not any(code in done.stdout + done.stderr for code in (b"\x1b", b"\x07"))


def test_nothing_of_a_name_reaches_a_terminal(tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    (tmp_path / "program.py").write_text(_SAYS, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=terminal
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(main, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other side has ended
        pass
    os.close(main)
    assert process.wait() == 7
    assert b"\\x1b[2J" in shown and b"\x1b" not in shown and b"\x07" not in shown
    assert "\u202e" not in shown.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\r\x1b[2J", r"a\x0ab\x0d\x1b[2J"),
        ("\x85\u2028", r"\x85\u2028"),
        ("tab\t한 é", "tab\t한 é"),
    ],
)
def test_a_name_stays_within_its_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_streams_of_notebooks_and_tests_are_used_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("a\nb")
    say_json({"ü": 1})
    out = capsys.readouterr().out
    assert out.splitlines()[0] == r"a\x0ab" and '"ü": 1' in out


@pytest.mark.parametrize("limit_kb", [300_000, 1_200_000])
def test_too_little_address_space_is_said_in_a_sentence(tmp_path: Path, limit_kb: int) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"no video")
    shell = (
        f"ulimit -v {limit_kb}; {sys.executable} -m poise analyze in -o out --device cpu --jobs 2"
    )
    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode in (1, 3, 4), done.stderr
    assert "Traceback" not in done.stderr
    assert "memory" in done.stderr or "a.mp4: failed" in done.stderr
