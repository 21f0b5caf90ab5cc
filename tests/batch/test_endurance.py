"""What takes minutes: a run that is killed, and an hour of recording."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.clips import write_clip
from tests.conftest import SAMPLES, Analysed, SampleFaces, contents

pytestmark = pytest.mark.slow

_MEASURED = """
import json, sys
from pathlib import Path
from poise.analysis.context import context_kept, started_context
from poise.batch.run import analyze
from poise.settings import Settings

def peak(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024

settings = Settings(model=sys.argv[3], device="cpu", jobs=1)
with context_kept():
    result = analyze(sys.argv[1], sys.argv[2], settings)
    outcome, = result.outcomes
    print(json.dumps({
        "frames": outcome.result.statistics.sampled_frames,
        "usable": outcome.result.statistics.usable_frames,
        "analysis_mb": peak("self"),
        "decoding_mb": peak(started_context(settings).decoding.pid),
    }))
"""


def _tables(output: Path) -> dict[str, bytes]:
    return {n: d for n, d in contents(output).items() if n.endswith(".csv") and ".poise" not in n}


def test_a_run_killed_in_the_middle_and_started_again_ends_as_an_undisturbed_one(
    tmp_path: Path, analysed: Analysed
) -> None:
    output = tmp_path / "reports"
    command = [
        sys.executable, "-m", "poise", "analyze", str(analysed.recordings),
        "-o", str(output), "--model", analysed.settings.model, "--device", "cpu", "--jobs", "1",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    results = output / ".poise" / "results"
    unfinished = output / ".poise" / "unfinished"
    limit = time.monotonic() + 300
    while not (results.is_dir() and any(results.iterdir()) and any(unfinished.iterdir())):
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done_before = {path.name for path in results.iterdir()}
    assert 1 <= len(done_before) < 3

    again = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, check=True, timeout=300
    )
    summary = json.loads(again.stdout)
    assert sum(row["reused"] for row in summary["recordings"]) == len(done_before)
    assert _tables(output) == _tables(analysed.output)
    assert not any(unfinished.iterdir())


def test_a_killed_run_leaves_no_decoder_behind(tmp_path: Path, analysed: Analysed) -> None:
    """The decoding process ends by itself when the one that asked is gone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "poise", "analyze", str(analysed.recordings), "-o",
         str(tmp_path / "out"), "--model", analysed.settings.model, "--device", "cpu",
         "--jobs", "1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    limit = time.monotonic() + 120
    children: list[int] = []
    while not children:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.1)
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(
            encoding="utf-8"
        )
        for pid in map(int, listed.split()):
            if b"decoders" in Path(f"/proc/{pid}/cmdline").read_bytes():
                children.append(pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    limit = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(
        f"/proc/{pid}/cmdline").read_bytes() for pid in children):  # fmt: skip
        assert time.monotonic() < limit
        time.sleep(0.2)


def _looped(source: Path, target: Path, times: int) -> Path:
    """A recording of one minute so many times over, without encoding it again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.dts is not None]
        assert stream.time_base is not None
        length = round(60 / stream.time_base)
        with av.open(str(target), "w") as output:
            copy = output.add_stream_from_template(stream)
            for turn in range(times):
                for packet in packets:
                    again = av.Packet(bytes(packet))
                    again.pts = (packet.pts or 0) + turn * length
                    again.dts = (packet.dts or 0) + turn * length
                    again.duration = packet.duration
                    again.time_base = packet.time_base
                    again.is_keyframe = packet.is_keyframe
                    again.stream = copy
                    output.mux(again)
    return target


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory, sample_faces: SampleFaces) -> Path:
    """One minute at five frames per second, each of them sampled."""
    images = sample_faces.images[:, ::2, ::2]
    return write_clip(
        tmp_path_factory.mktemp("minute") / "in" / "minute.mp4",
        (images[k // 7 % 4] for k in range(300)), range(0, 60_000, 200),
    )  # fmt: skip


def _measured(folder: Path, output: Path, model_dir: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(folder), str(output), str(model_dir)],
        capture_output=True, text=True, check=True, timeout=3600,
    )  # fmt: skip
    result: dict[str, float] = json.loads(done.stdout)
    shutil.rmtree(output)
    return result


def test_an_hour_takes_no_more_memory_than_a_minute(
    tmp_path: Path, minute: Path, model_dir: Path
) -> None:
    hour = _looped(minute, tmp_path / "hour" / "hour.mp4", 60)
    short = _measured(minute.parent, tmp_path / "a", model_dir)
    long = _measured(hour.parent, tmp_path / "b", model_dir)
    assert (short["frames"], long["frames"]) == (300, 18_000)
    assert long["usable"] == pytest.approx(18_000, rel=0.01)
    one, sixty = (m["decoding_mb"] + m["analysis_mb"] for m in (short, long))
    assert sixty < 1.1 * one, (short, long)


def test_the_samples_can_be_made_again(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng, which speaks in one of them, is not installed")
    subprocess.run(
        [sys.executable, str(SAMPLES / "make_samples.py"), "--out", str(tmp_path)],
        check=True, capture_output=True, timeout=1800,
    )  # fmt: skip
    made = contents(tmp_path)
    committed = {n: d for n, d in contents(SAMPLES).items() if n in made}
    assert set(made) == set(committed)
    assert made["truth.csv"] == committed["truth.csv"]
