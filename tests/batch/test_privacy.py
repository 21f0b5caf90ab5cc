"""Nothing leaves the machine, and logs and bundles name nobody."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from poise.batch.run import analyze
from poise.batch.workers import worker
from poise.commands import main
from poise.commands.bug_report import write_bundle
from poise.commands.doctor import Finding
from poise.errors import ReportError, VideoError
from poise.settings import Settings
from poise.system.run_log import RunLog
from tests.chaos.kit import command, tables
from tests.clips import face_clip
from tests.conftest import Analysed, SampleFaces
from tests.factories import IDLE_CONTEXT, write_owner_only
from tests.processes import with_python_path

_WATCHING = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.bind"):
        with open(os.environ["POISE_WATCH"], "a") as file:
            file.write(f"{event} {arguments[1:]}\\n")
sys.addaudithook(watch)
with open(os.environ["POISE_WATCH"] + ".watched", "a") as file:
    file.write(" ".join(sys.orig_argv)[:200].replace("\\n", " ") + "\\n")
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, sample_faces: SampleFaces) -> Path:
    """Two recordings with a face."""
    folder = tmp_path_factory.mktemp("private")
    for k in range(2):
        images = sample_faces.images[k : k + 2, ::2, ::2]
        face_clip(folder / f"{k}.mp4", images, seconds=1.0 + 0.4 * k)
    return folder


@pytest.mark.slow
def test_neither_the_batch_nor_its_workers_and_readers_connect_to_anything(
    clips: Path, tmp_path: Path, model_dir: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_WATCHING, encoding="utf-8")
    watched = tmp_path / "watched"
    environment = {**os.environ, "PYTHONPATH": with_python_path(site), "POISE_WATCH": str(watched)}
    run = command(clips, tmp_path / "out", model_dir, "--jobs", "2")
    subprocess.run(run, env=environment, check=True, capture_output=True, timeout=300)
    lines = Path(f"{watched}.watched").read_text(encoding="utf-8")
    for process in ("poise.commands", "worker_process", "decoders.server"):
        assert process in lines  # all of them were watched
    called = watched.read_text(encoding="utf-8").splitlines() if watched.exists() else []
    local = re.compile(r"socket\.(connect|bind) \((b?'[^']*'|b''),?\)")  # between our own processes
    assert [line for line in called if not local.fullmatch(line)] == []


def test_a_batch_needs_no_network(
    clips: Path, tmp_path: Path, model_dir: Path, settings: Settings, workers_closed: None
) -> None:
    """In a namespace of its own that has no network, not even a loopback that is up."""
    alone = ["unshare", "--net", "--map-root-user"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no process can be cut off from the network here")
    run = command(clips, tmp_path / "alone", model_dir, "--jobs", "1", "--frames-per-class", "0")
    done = subprocess.run([*alone, *run], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    analyze(clips, tmp_path / "whole", replace(settings, frames_per_class=0))
    assert tables(tmp_path / "alone") == tables(tmp_path / "whole")


# Logs


@pytest.fixture
def log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, analysed: Analysed
) -> list[dict[str, object]]:
    """The log of a run with a name of its own, a failure with a path, and a defect."""
    result = analysed.result.outcomes[-1].result
    assert result is not None

    def analyse(path: Path, context: object, directory: Path, **_: object) -> None:
        if path.name == "torn.mp4":
            raise VideoError(f"cannot read {path}", remedy="Look.", path=path)
        if path.name == "odd.mp4":
            raise ZeroDivisionError(f"in {path}")
        shutil.copytree(result.directory, directory, dirs_exist_ok=True)

    monkeypatch.setattr("poise.analysis.recording.analyse_recording", analyse)
    monkeypatch.setattr(worker, "write_result", write_owner_only)
    monkeypatch.setattr("poise.analysis.context.started_context", lambda *_: IDLE_CONTEXT)
    for name in ("good", "torn", "odd"):
        (tmp_path / "in" / "kim").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / "kim" / f"{name}.mp4").write_bytes(name.encode())
    (tmp_path / "in" / "candidates.csv").write_text(
        "recording,display_name\n"
        + "".join(f"kim/{n}.mp4,Minji K\n" for n in ("good", "torn", "odd")),
        encoding="utf-8",
    )
    settings = Settings(device="cpu", jobs=1, centre_note="Ask Mrs Park")
    analyze(tmp_path / "in", tmp_path / "out", settings)
    (path,) = (tmp_path / "out" / ".poise" / "logs").iterdir()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_log_tells_what_happened(log: list[dict[str, object]]) -> None:
    assert [line["event"] for line in log] == ["start", *["recording"] * 3, "end"]
    assert all(str(line["time"]).endswith("Z") for line in log)
    start, *recordings, end = log
    assert {"python", "torch", "av"} <= set(start["versions"])  # type: ignore[call-overload]
    assert start["settings"]["sample_rate_hz"] == 5.0  # type: ignore[index]
    by_id = {line["id"]: line for line in recordings}
    assert by_id["kim/good.mp4"]["status"] == "done"
    assert {"seconds", "stages", "warnings"} <= set(by_id["kim/good.mp4"])
    assert by_id["kim/torn.mp4"]["status"] == "failed"
    assert (end["done"], end["failed"]) == (1, 2)


def test_a_log_has_neither_names_nor_paths(log: list[dict[str, object]], tmp_path: Path) -> None:
    text = json.dumps(log)
    assert "Minji" not in text and str(tmp_path) not in text and "Traceback" not in text
    assert "cannot read torn.mp4" in text


def test_with_debug_a_log_has_tracebacks(tmp_path: Path) -> None:
    error = VideoError("failed")
    error.add_note('File "/home/kim/x.py"')
    for tracebacks in (False, True):
        (tmp_path / str(tracebacks)).mkdir()
        with RunLog(tmp_path / str(tracebacks), tracebacks=tracebacks) as journal:
            journal.write("recording", **journal.failure(error))
        assert ("/home/kim" in journal.path.read_text(encoding="utf-8")) == tracebacks


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("", encoding="utf-8")
    with RunLog(tmp_path) as journal:
        journal.write("start")


# Bundles


def test_a_bundle_names_nobody(log: list[dict[str, object]], tmp_path: Path) -> None:
    findings = [Finding("model", "/home/kim/model: no model here", good=False)]
    assert write_bundle(tmp_path / "b.zip", findings, tmp_path / "out") == 1
    with zipfile.ZipFile(tmp_path / "b.zip") as bundle:
        assert set(bundle.namelist()) == {"doctor.json", "versions.json", "logs/0.jsonl"}
        text = "".join(bundle.read(name).decode() for name in bundle.namelist())
        lines = [json.loads(line) for line in bundle.read("logs/0.jsonl").decode().splitlines()]
    for name in ("kim", "Minji", "torn", "good.mp4", "odd", "Park", str(tmp_path)):
        assert name not in text, name
    codes = {line["recording"] for line in lines if "recording" in line}
    assert len(codes) == 3 and all(re.fullmatch("[0-9a-f]{12}", code) for code in codes)
    assert [line["status"] for line in lines if "status" in line].count("failed") == 2


def test_a_bundle_of_a_directory_without_logs(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no logs"):
        write_bundle(tmp_path / "b.zip", [], tmp_path)


def test_the_command_writes_a_bundle(model_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"
    done = CliRunner().invoke(
        main, ["doctor", "--model", str(model_dir), "--device", "cpu", "--bundle", str(target)]
    )
    assert f"Written with 0 logs: {target}" in done.stderr
    assert zipfile.ZipFile(target).testzip() is None
    assert target.stat().st_mode & 0o077 == 0
