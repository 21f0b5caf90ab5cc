"""What a GPU gains: a batch on the cores alone, with networks on the GPU, and decoded there, too.

    python benchmarks/gpu.py --work FOLDER --json FIGURES.json

For a machine with an NVIDIA GPU; everything in one run of less than ten minutes. The script makes
32 recordings of 1080p H.264 and 8 of HEVC (`--seconds` each, with sound), and analyses them

- with all cores alone, with the networks on the GPU, and decoded there as well (`--decode auto`:
  as many recordings as there are slots; `gpu`: all), with a process for each core and with half as
  many more;
- an eighth of them, four times as long, with four cores, alone and with the GPU.

From the tables it takes how many frames have the same class as with the cores alone, how many have
none where those had one, and how far apart time stamps are; from `nvidia-smi` how much memory of
the GPU was taken. Last, a decoder of
the GPU is made to fail in the middle of each recording of a small batch, which must be completed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from made_recordings import Recordings

SAMPLE = Path(__file__).resolve().parent.parent / "sample_videos" / "Sample A" / "interview 1.mp4"
SIZE = (1920, 1080)
COUNTS = {"H.264": 32, "HEVC": 8}
FEW_CORES = 4
_FAILING = """
import sys
import poise.media.reader as reader
reader.SERVER = '''
import poise.media.engines.sources as engines
import poise.media.decoders.server as server
given, count = engines.EngineFrames.decode, 0
def decode(self, packet, skips):
    global count
    count += 1
    if count % 200 == 0:
        raise engines.EngineError("the device was taken away")
    return given(self, packet, skips)
engines.EngineFrames.decode = decode
server.main()
'''
from poise.commands import main
main()
"""


def gathered(made: Recordings, seconds: int, share: int) -> Path:
    """A folder with links to a share (1: all) of the recordings, as candidates."""
    folder = made.folder / f"gpu {seconds}s a {share}th"
    folder.mkdir(exist_ok=True)
    for codec, count in COUNTS.items():
        batch = made.batch(SIZE, seconds, count // share, codec)
        for path in sorted(batch.glob("candidate *")):
            target = folder / f"{codec.replace('.', '')} {path.name}"
            if not target.exists():
                os.link(path, target)
    return folder


def analysed(
    folder: Path, reports: Path, cores: Sequence[int], options: Sequence[str], program: str = ""
) -> dict[str, Any]:
    """Run `poise analyze` on these cores: seconds, memory of the GPU, and what was told."""
    start = ["-c", program] if program else ["-m", "poise"]
    command = [sys.executable, *start, "analyze", str(folder), "-o", str(reports), *options]
    began = time.perf_counter()
    with gpu_memory() as memory:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    wall_s = time.perf_counter() - began
    log = next(Path(reports, ".poise", "logs").glob("*.jsonl"))
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    read = [line for line in lines if "stages" in line]
    return {
        "exit_code": done.returncode,
        "wall_s": wall_s,
        "gpu_memory_mb": max(memory, default=0),
        "fell_back": sum(any("software" in w for w in line["warnings"]) for line in read),
        "recordings": len(read),
    }


@contextmanager
def gpu_memory() -> Iterator[list[int]]:
    """Megabytes taken on the first GPU in this block, less those before, again and again."""
    ended, found = threading.Event(), [_gpu_memory()]
    before = found.pop()

    def look() -> None:
        while not ended.wait(0.5):
            found.append(_gpu_memory() - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _gpu_memory() -> int:
    query = ["nvidia-smi", "-i", "0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout)


def likeness(reports: Path, reference: Path) -> dict[str, Any]:
    """How many frames have the class of the reference, and how far apart time stamps are."""
    import pandas as pd

    same = frames = unread = 0
    apart_ms, missing = 0, 0
    for path in sorted(reference.glob("*/frames.csv")):
        expected = pd.read_csv(path)
        found = pd.read_csv(reports / path.relative_to(reference))
        missing += abs(len(found) - len(expected))
        count = min(len(found), len(expected))
        steps = (found["pts_ms"][:count] - expected["pts_ms"][:count]).abs()
        apart_ms = max(apart_ms, int(steps.max()))
        labelled = expected["label"][:count].notna()
        both = found["label"][:count].notna() & labelled
        unread += int((labelled & ~both).sum())
        same += int((found["label"][:count] == expected["label"][:count])[both].sum())
        frames += int(both.sum())
    share = same / frames if frames else None
    return {
        "same_class": share,
        "frames": frames,
        "unread": unread,
        "apart_ms": apart_ms,
        "missing": missing,
    }


def main() -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for recordings, kept")
    parser.add_argument("--seconds", type=int, default=60, help="length of each recording")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    if not shutil.which("nvidia-smi"):
        parser.error("no NVIDIA GPU here")
    made = Recordings(given.work, SAMPLE)
    everything = gathered(made, given.seconds, 1)
    some = gathered(made, 4 * given.seconds, 8)
    cores = sorted(os.sched_getaffinity(0))
    few = cores[:FEW_CORES]
    alone, networks = ["--device", "cpu"], ["--device", "cuda:0", "--decode", "cpu"]
    auto, gpu = ["--device", "cuda:0"], ["--device", "cuda:0", "--decode", "gpu"]
    runs = [
        ("cores", everything, cores, alone, len(cores)),
        ("cores, networks on the GPU", everything, cores, networks, len(cores)),
        ("cores and GPU", everything, cores, auto, len(cores)),
        ("cores and GPU, more processes", everything, cores, auto, 3 * len(cores) // 2),
        ("all decoded on the GPU", everything, cores, gpu, len(cores)),
        ("few cores", some, few, alone, len(few)),
        ("few cores and GPU", some, few, gpu, len(few)),
    ]
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, recordings, where, options, jobs) in enumerate(runs):
            reports = Path(folder, str(number))
            row = analysed(recordings, reports, where, [*options, "--jobs", str(jobs)])
            reference = "cores" if recordings == everything else "few cores"
            if name == reference:
                first = reports
            row |= likeness(reports, first)
            row["times_as_fast"] = figures.get(reference, row)["wall_s"] / row["wall_s"]
            figures[name] = row
            print(name, json.dumps(row), flush=True)
        row = analysed(some, Path(folder, "failing"), cores, [*gpu, "--jobs", "1"], _FAILING)
        figures["a decoder that fails in the middle"] = row | likeness(
            Path(folder, "failing"), first
        )
        print("a decoder that fails in the middle", json.dumps(row), flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
