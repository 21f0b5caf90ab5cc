"""What a batch of short recordings costs beside their analysis: start, end, and all between.

    python benchmarks/overhead.py --work FOLDER --count 200
    python benchmarks/overhead.py --work FOLDER --count 1000 --height 180

The script makes recordings of ten seconds (H.264, of a sample recording; they differ in their
bytes) and runs `poise analyze` over them as a user does. From the log of the run it takes the
seconds that each stage of each recording took; with so many processes their sum is divided by
their number. It prints:

- the seconds of the whole command, relative to that sum: what everything else costs;
- from the command to the first decoded frame, measured on one recording in one process, several
  times (`--starts`), with the processor's seconds up to there, which a busy machine changes less;
- from the command to the first analysis, and from the last one to the end of the command.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from made_recordings import Recordings

SAMPLE = Path(__file__).resolve().parent.parent / "sample_videos" / "Sample A" / "interview 1.mp4"
SECONDS = 10
_FIRST_FRAME = """
import json, os, resource, sys, time
from poise.media.reader import DecodingProcess
asked = DecodingProcess.sample
def sample(self, *arguments, **options):
    info, items = asked(self, *arguments, **options)
    def told():
        for item in items:
            wall_s = time.time() - float(os.environ["BEGAN"])
            print(json.dumps({"wall_s": wall_s, "cpu_s": time.process_time()}), flush=True)
            os._exit(0)
            yield item
    return info, told()
DecodingProcess.sample = sample
from poise.commands import main
main()
"""


def first_frame(recording: Path) -> dict[str, float]:
    """Seconds from the command to the first decoded frame: by the clock, and of the processor."""
    with tempfile.TemporaryDirectory() as reports:
        command = ["analyze", str(recording), "-o", reports, "--jobs", "1"]
        answer = subprocess.run(
            [sys.executable, "-c", _FIRST_FRAME, *command],
            env={**os.environ, "BEGAN": str(time.time())},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        )  # fmt: skip
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def batch(folder: Path, jobs: int, more: list[str]) -> dict[str, Any]:
    """Run the command over a folder, and read its log."""
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "poise", "analyze", str(folder), "-o", reports]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.time()
        subprocess.run(
            [*command, "--jobs", str(jobs), *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        ended = time.time()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        log = next(Path(reports, ".poise", "logs").glob("*.jsonl"))
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    done = [line for line in lines if line["event"] == "recording" and "stages" in line]
    stages: Counter[str] = Counter()
    for line in done:
        stages.update(line["stages"])
    told = [_moment(line["time"]) for line in done]
    starts = [moment - line["seconds"] for moment, line in zip(told, done, strict=True)]
    spent_s = sum(stages.values()) / jobs
    return {
        "recordings": len(done),
        "jobs": jobs,
        "wall_s": ended - began,
        "cpu_s": sum(after[:2]) - sum(before[:2]),
        "stages_s": dict(stages),
        "relative_to_stages": (ended - began) / spent_s,
        "to_first_analysis_s": min(starts) - began,
        "from_last_analysis_s": ended - max(told),
    }


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main() -> None:
    """Make the recordings, measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for recordings, kept")
    parser.add_argument("--count", type=int, default=200, help="recordings in the batch")
    parser.add_argument("--height", type=int, default=360, help="of the recordings, in pixels")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1], help="processes, for each run")
    parser.add_argument("--starts", type=int, default=5, help="measurements of the start")
    parser.add_argument("more", nargs="*", help="options of poise analyze, after --")
    given = parser.parse_args()
    size = (given.height * 16 // 9 // 2 * 2, given.height)
    folder = Recordings(given.work, SAMPLE).batch(size, SECONDS, given.count)
    print(f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores", flush=True)
    if given.starts:
        found = [first_frame(min(folder.iterdir())) for _ in range(given.starts)]
        print(json.dumps({
            f"first_frame_{name}": round(median(one[name] for one in found), 2)
            for name in found[0]
        }), flush=True)  # fmt: skip
    for jobs in given.jobs:
        print(json.dumps(batch(folder, jobs, given.more), indent=1), flush=True)


if __name__ == "__main__":
    main()
