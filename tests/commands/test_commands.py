"""The command: options, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from poise import __version__
from poise.batch.workers import worker
from poise.commands import main
from poise.errors import VideoError
from poise.settings import Settings
from tests.conftest import Analysed, SampleFaces
from tests.factories import IDLE_CONTEXT, write_owner_only

Poise = Callable[..., Result]


@pytest.fixture
def poise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Poise:
    """The command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(main, [str(a) for a in arguments])


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, analysed: Analysed) -> list[str]:
    """An analysis that hands out a known result, and fails where a file says so."""
    result = analysed.result.outcomes[-1].result
    assert result is not None
    seen: list[str] = []

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        seen.append(path.name)
        data = path.read_bytes()
        if data.startswith(b"bad"):
            raise VideoError("cannot be opened", remedy="Export it again.", path=path)
        if data.startswith(b"odd"):
            raise ZeroDivisionError("division by zero")
        shutil.copytree(result.directory, directory, dirs_exist_ok=True)

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    return seen


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two files that pass for recordings."""
    (tmp_path / "in" / "kim").mkdir(parents=True)
    (tmp_path / "in" / "kim" / "1.mp4").write_bytes(b"1")
    (tmp_path / "in" / "박.mp4").write_bytes(b"22")
    return tmp_path / "in"


def _subprocess(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "poise", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


# Help


def test_help_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = """
import sys, time
started = time.process_time()
from poise.commands import main
try:
    main(["analyze", "--help"])
except SystemExit as end:
    assert not end.code
heavy = {"torch", "pandas", "numpy", "cv2", "av", "decord", "joblib", "jinja2", "matplotlib"}
print(sorted(heavy & set(sys.modules)), time.process_time() - started, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded, seconds = done.stderr.rsplit(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 1.0
    assert "Analyse all recordings below RECORDINGS" in done.stdout


@pytest.mark.parametrize("entry", fields(Settings), ids=lambda e: e.name)
def test_every_setting_is_an_option_of_analyze(poise: Poise, entry: object) -> None:
    name = entry.name  # type: ignore[attr-defined]
    text = " ".join(poise("analyze", "--help").output.split())
    assert f"--{name.replace('_', '-')}" in text
    help_text = entry.metadata["help"]  # type: ignore[attr-defined]
    assert " ".join(help_text.split())[:40] in text


def test_defaults_and_bounds_are_shown(poise: Poise) -> None:
    text = " ".join(poise("analyze", "--help").output.split())
    assert "[default: 5.0]" in text and "2.0<=x<=60" in text
    assert "[auto|pyav|decord]" in text


@pytest.mark.parametrize("command", ["analyze", "classify", "doctor"])
def test_every_command_explains_itself(poise: Poise, command: str) -> None:
    assert f"  {command} " in poise("--help").output
    assert poise(command, "--help").exit_code == 0


def test_version(poise: Poise) -> None:
    assert __version__ in poise("--version").output


# Exit codes and streams


def test_all_done(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(Path("out") / "index.html")
    assert "2 recordings: 0 done before, 2 to analyse" in result.stderr
    assert "[2/2]" in result.stderr
    assert "2 recordings (2 done)" in result.stderr


def test_again(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    for _ in range(2):
        result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 0
    assert "2 done before, 0 to analyse" in result.stderr
    assert len(pretended) == 2
    assert poise("analyze", recordings, "-o", "out", "--jobs", 1, "--force").exit_code == 0
    assert len(pretended) == 4


def test_some_failed(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad")
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 3
    assert "Failed: torn.mp4: cannot be opened. Export it again." in result.stderr
    assert result.stdout.strip() == str(Path("out") / "index.html")


def test_none_succeeded(poise: Poise, tmp_path: Path, pretended: list[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "torn.mp4").write_bytes(b"bad")
    assert poise("analyze", "in", "-o", "out", "--jobs", 1).exit_code == 4


def test_none_found(poise: Poise, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = poise("analyze", "in", "-o", "out")
    assert result.exit_code == 4
    assert "No recordings found" in result.stderr
    assert result.stdout == ""


def test_strict(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad" * 9)
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--strict")
    assert result.exit_code == 1
    assert "Error:" in result.stderr and "cannot be opened" in result.stderr
    assert pretended == ["torn.mp4"]


def test_an_unexpected_failure_shows_its_traceback_only_when_asked(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    (recordings / "odd.mp4").write_bytes(b"odd")
    plain = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert "ZeroDivisionError" in plain.stderr and "Traceback" not in plain.output
    asked = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--debug")
    assert "Traceback" in asked.stderr
    assert "Traceback" not in asked.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "in"),
        ("analyze", "none", "-o", "out"),
        ("analyze", "in", "-o", "in/reports"),
        ("analyze", "in", "-o", "out", "--sample-rate-hz", "0"),
        ("analyze", "in", "-o", "out", "--sample-rate-hz", "nan"),
        ("analyze", "in", "-o", "out", "--jobs", "1.5"),
        ("analyze", "in", "-o", "out", "--decoder", "vlc"),
        ("analyze", "in", "-o", "out", "--device", "gpu"),
        ("analyze", "in", "-o", "out", "--device", "cuda:99"),
        ("analyze", "in", "-o", "out", "--language", "fr"),
        ("analyze", "in", "-o", "out", "--unknown"),
        ("analyze", "in", "-o", "out", "--settings", "none.toml"),
        ("classify", "in/kim/1.mp4"),
        ("classify", "none.png", "--csv", "out.csv"),
        ("frobnicate",),
    ],
    ids=" ".join,
)
def test_wrong_usage(poise: Poise, recordings: Path, arguments: tuple[str, ...]) -> None:
    result = poise(*arguments)
    assert result.exit_code == 2, result.output
    assert "Error:" in result.stderr
    assert result.stdout == ""
    assert not Path("out").exists()


def test_a_missing_model(poise: Poise, recordings: Path) -> None:
    result = poise("analyze", recordings, "-o", "out", "--model", "none")
    assert result.exit_code == 1
    assert "no model here" in result.stderr and "Traceback" not in result.output


def test_being_stopped_says_that_it_can_go_on(
    poise: Poise, recordings: Path, pretended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", stop)
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1)
    assert result.exit_code == 130
    assert "Stopped" in result.stderr


# JSON, dry runs, settings


def test_json_is_all_that_goes_to_stdout(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    (recordings / "torn.mp4").write_bytes(b"bad")
    result = poise("analyze", recordings, "-o", "out", "--jobs", 1, "--json")
    summary = json.loads(result.stdout)
    assert summary["exit_code"] == result.exit_code == 3
    assert Path(summary["index"]).is_file()
    rows = {row["recording_id"]: row for row in summary["recordings"]}
    assert set(rows) == {"kim/1.mp4", "박.mp4", "torn.mp4"}
    assert rows["kim/1.mp4"]["status"] == "done" and not rows["kim/1.mp4"]["reused"]
    assert sum(rows["kim/1.mp4"]["shares"].values()) == pytest.approx(1)
    assert rows["torn.mp4"]["coverage"] is None
    assert "cannot be opened" in rows["torn.mp4"]["message"]


def test_json_of_nothing(poise: Poise, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = poise("analyze", "in", "-o", "out", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["recordings"] == []


def test_a_dry_run(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["to analyse\tkim\tkim/1.mp4", "to analyse\t박\t박.mp4"]
    assert pretended == []


def test_a_dry_run_as_json(poise: Poise, recordings: Path, pretended: list[str]) -> None:
    result = poise("analyze", recordings, "-o", "out", "--dry-run", "--json")
    summary = json.loads(result.stdout)
    assert [row["status"] for row in summary["recordings"]] == ["planned", "planned"]
    assert summary["exit_code"] == result.exit_code == 0


def test_the_settings_file_here_is_read(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    Path("poise.toml").write_text('language = "ko"\njobs = 1\n', encoding="utf-8")
    poise("analyze", recordings, "-o", "out")
    assert 'lang="ko"' in Path("out/index.html").read_text(encoding="utf-8")
    poise("analyze", recordings, "-o", "out", "--language", "en")
    assert 'lang="en"' in Path("out/index.html").read_text(encoding="utf-8")


def test_the_settings_file_that_is_named_is_read_instead(
    poise: Poise, recordings: Path, pretended: list[str]
) -> None:
    Path("poise.toml").write_text("nonsense = 1\n", encoding="utf-8")
    Path("other.toml").write_text("jobs = 1\ncsv_bom = true\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out", "--settings", "other.toml")
    assert result.exit_code == 0, result.output
    assert Path("out/recordings.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    no_bom = poise("analyze", recordings, "-o", "out", "--settings", "other.toml", "--no-csv-bom")
    assert no_bom.exit_code == 0
    assert not Path("out/recordings.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_wrong_settings_file(poise: Poise, recordings: Path) -> None:
    Path("poise.toml").write_text("sample_rate = 3\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out")
    assert result.exit_code == 2
    assert "poise.toml" in result.stderr and "unknown setting 'sample_rate'" in result.stderr


def test_a_wrong_option_is_not_blamed_on_the_file(poise: Poise, recordings: Path) -> None:
    Path("poise.toml").write_text("jobs = 1\n", encoding="utf-8")
    result = poise("analyze", recordings, "-o", "out", "--device", "gpu")
    assert result.exit_code == 2
    assert "poise.toml" not in result.stderr


# The other commands


def test_classify(poise: Poise, model_dir: Path, sample_faces: SampleFaces, tmp_path: Path) -> None:
    Pillow.fromarray(sample_faces.images[0]).save(tmp_path / "a.png")
    model = ("--model", model_dir, "--device", "cpu")
    whole = poise("classify", "a.png", "--csv", "out.csv", *model)
    assert whole.exit_code == 0, whole.output
    assert whole.stdout.strip() == "out.csv"
    assert "1 pictures: 0 without a face found, 0 unreadable." in whole.stderr
    Path("b.png").write_bytes(b"no picture")
    assert poise("classify", "a.png", "b.png", "--csv", "out.csv", *model).exit_code == 3
    assert poise("classify", "b.png", "--csv", "out.csv", *model).exit_code == 4


def test_doctor_of_a_sound_machine(poise: Poise, model_dir: Path) -> None:
    result = poise("doctor", "--model", model_dir, "--device", "cpu")
    for subject in ("python", "machine", "torch", "decoder pyav", "decoder decord", "detector",
                    "device", "model", "disk"):  # fmt: skip
        assert f"  {subject}: " in result.stdout
    problems = [line for line in result.stdout.splitlines() if line.startswith("PROBLEM")]
    assert result.exit_code == (1 if problems else 0)
    assert not [line for line in problems if "  machine:" not in line and "  disk:" not in line]


def test_doctor_says_what_is_wrong(poise: Poise, tmp_path: Path) -> None:
    result = poise("doctor", "--model", tmp_path / "none", "--device", "cpu")
    assert result.exit_code == 1
    assert "PROBLEM  model: " in result.stdout and "no model here" in result.stdout


# As a process of its own


def test_as_a_process(tmp_path: Path, analysed: Analysed) -> None:
    """A second run over what is done: the streams of a real process, in seconds."""
    started = time.monotonic()
    done = _subprocess(
        "analyze", str(analysed.recordings), "-o", str(analysed.output),
        "--model", analysed.settings.model, "--device", "cpu", "--jobs", "1", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 30
    assert all(row["reused"] for row in json.loads(done.stdout)["recordings"])
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr
