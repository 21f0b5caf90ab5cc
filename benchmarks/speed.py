"""Poise beside `ffmpeg`, a plain loop and `fer`: time and memory on the same recordings.

    python benchmarks/speed.py --work FOLDER --fer-python ENV/bin/python --growth

The script makes its recordings (H.264, 30 frames per second, 1080p and 720p, with sound) from a
sample recording, or from --clip, enlarged and under fresh noise in every frame; FOLDER keeps them
for the next run. `--codecs` adds 1080p as phones, browsers and cameras write it. Every program runs
as a process of its own, all on the same core, in turn, `--rounds` times:

- `ffmpeg` decodes the recording and does nothing else;
- Poise analyses it, by default settings and with every frame decoded;
- the plain loop takes the same 5 frames per second with decord, looks for faces with
  facenet-pytorch's MTCNN at full size, and gives the largest face to the same classifier;
- `fer` takes them with OpenCV; it needs an environment of its own, see `accuracy.py`.

The last two are slow and see the first seconds only. Ratios are those of seconds per second of
video, taken round by round. Loading networks is left out; all but `ffmpeg` see two seconds of video
before the clock starts. Memory is that of the process itself; `others` are those it starts: Poise's
decoder, and its workers. Needs Linux, and `ffmpeg` but for `--gpu`.

`--other CHECKOUT` adds another state of this project, in the same rounds, by its own
`benchmarks/speed.py`. `--growth` adds Poise alone on longer recordings, with more faces, and with
two workers on two cores; each table's ratios are to its first row. `--gpu` measures something else
instead: a batch of two recordings for every core, analysed by all cores alone and with the first
GPU. Its owner process is started within the measured time, and has ended when memory is looked at;
`gpu.py` measures more of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from made_recordings import BATCH, CODINGS, Recordings

# The rest is imported where it is used: what measures others must be small and start quickly.

SAMPLE = Path(__file__).resolve().parent.parent / "sample_videos" / "Sample A" / "interview 1.mp4"
SIZES = ((1920, 1080), (1280, 720))
LENGTHS_MIN, FACES, JOBS = (1, 5, 20), (1, 2, 5), (1, 2)
SAMPLE_RATE_HZ = 5.0
WARM_UP_S = 2
PACKAGES = ("poise", "torch", "av", "decord", "opencv-python-headless", "facenet-pytorch")
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
Row = dict[str, Any]

_FER = """
import json, sys, time
from importlib.metadata import version
import cv2
from fer.fer import FER
task = json.loads(sys.argv[1])
cv2.setNumThreads(1)
if task["mtcnn"]:
    import torch
    torch.set_num_threads(1)
detector = FER(mtcnn=task["mtcnn"])
def run(path):
    video, sampled, faces, wanted = cv2.VideoCapture(path), 0, 0, 0
    while video.grab():
        position = video.get(cv2.CAP_PROP_POS_MSEC) / 1000 * task["rate_hz"] + 1e-3
        if position >= wanted:
            wanted = int(position) + 1
            sampled += 1
            faces += bool(detector.detect_emotions(video.retrieve()[1]))
    return sampled, faces
run(task["warm_up"])
wall, cpu = time.perf_counter(), time.process_time()
sampled, faces = run(task["path"])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak, "sampled": sampled,
                  "faces": faces, "version": version("fer")}))
"""


# Recordings


def run_ffmpeg(path: str) -> Row:
    """Decode with one thread."""
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-f", "null", "-"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def run_poise(path: str, warm_up: str, settings: dict[str, Any]) -> Row:
    """Analyse one recording."""
    _one_thread()
    from poise.analysis.context import AnalysisContext
    from poise.analysis.recording import analyse_recording
    from poise.settings import Settings

    context = AnalysisContext.start(Settings(device="cpu", **settings))
    with tempfile.TemporaryDirectory() as scratch:
        for recording in (warm_up, path):
            wall, cpu = time.perf_counter(), _cpu_s()
            found = analyse_recording(Path(recording), context, Path(scratch))
            wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    row = {
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_mb": _peak_mb("self"),
        "others_peak_mb": sum(_peak_mb(process) for process in _descendants()),
        "sampled": found.statistics.sampled_frames,
        "faces": found.statistics.usable_frames,
        "stages": found.stages,
    }
    context.decoding.close()
    return row


def run_plain(path: str, warm_up: str) -> Row:
    """Decode, detect and classify frame by frame, as one would write it in an afternoon."""
    _one_thread()
    import cv2
    import decord
    from facenet_pytorch import MTCNN

    from poise.expression.classifier import ExpressionClassifier
    from poise.media.decoders.sampling import SampleClock

    detector = MTCNN(keep_all=True)
    classifier = ExpressionClassifier(device="cpu")
    side = classifier.spec.input_px

    def run(recording: str) -> tuple[int, int]:
        reader = decord.VideoReader(recording, ctx=decord.cpu(0), num_threads=1)
        times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
        clock, sampled, faces = SampleClock(SAMPLE_RATE_HZ), 0, 0
        for number, pts_s in enumerate(times - times[0]):
            if not clock.takes(float(pts_s)):
                continue
            image = reader[number].asnumpy()
            sampled += 1
            boxes, _ = detector.detect(image)
            if boxes is None:
                continue
            x1, y1, x2, y2 = max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1])).astype(int)
            face = image[max(y1, 0) : y2, max(x1, 0) : x2]
            face = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
            classifier.predict(face[None], mirrored=False)
            faces += 1
        return sampled, faces

    run(warm_up)
    wall, cpu = time.perf_counter(), time.process_time()
    sampled, faces = run(path)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = _peak_mb("self")
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak, "sampled": sampled, "faces": faces}


def run_batch(folder: str, warm_up: str, jobs: int, device: str = "cpu") -> Row:
    """Analyse a folder with so many workers; those that compute themselves are loaded before."""
    _one_thread()
    from poise.batch.run import analyze
    from poise.settings import Settings

    settings = Settings(device=device, jobs=jobs)
    with tempfile.TemporaryDirectory() as reports:
        analyze(warm_up, Path(reports, "warm-up"), settings, force=True)
        wall, cpu = time.perf_counter(), _cpu_s()
        result = analyze(folder, Path(reports, "result"), settings, force=True)
        wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    assert result.exit_code == 0
    others = sum(_peak_mb(process) for process in _descendants())
    return {"wall_s": wall, "cpu_s": cpu, "peak_mb": _peak_mb("self"), "others_peak_mb": others}


CHILDREN: dict[str, Callable[..., Row]] = {
    "ffmpeg": run_ffmpeg, "poise": run_poise, "plain": run_plain, "batch": run_batch,
}  # fmt: skip


def _one_thread() -> None:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _descendants() -> dict[int, list[str]]:
    """Processes below this one, and what `/proc/ID/stat` says of each after its name."""
    stats: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            text = path.read_text(encoding="utf-8", errors="replace")
            stats[int(path.parent.name)] = text.rpartition(")")[2].split()
    found: dict[int, list[str]] = {}
    parents = {os.getpid()}
    while parents:
        parents = {process for process, stat in stats.items() if int(stat[1]) in parents}
        found |= {process: stats[process] for process in parents}
    return found


def _cpu_s() -> float:
    """Processor seconds of this process and of all below it, those that ended included."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = sum(int(tick) for stat in _descendants().values() for tick in stat[11:15])
    living = ticks / os.sysconf("SC_CLK_TCK")
    return time.process_time() + ended.ru_utime + ended.ru_stime + living


def _peak_mb(process: int | str) -> float:
    """Most memory that a running process has held."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


# What is measured


def measured(
    row: Row,
    kind: str,
    task: Row,
    cores: Sequence[int],
    fer_python: Path | None = None,
    other: Path | None = None,
) -> Row:
    """Run a child on the given cores and return what it prints last; `other`: of that checkout."""
    _say(f"{row['table']}, {row['name']}, round {row['round'] + 1}")
    if kind == "fer":
        command = [str(fer_python), "-c", _FER, json.dumps(task)]
    else:
        script = str(other.resolve() / "benchmarks" / "speed.py") if other else __file__
        command = [sys.executable, script, "--child", kind, json.dumps(task)]
    found_in = []
    if other:
        packages = other.resolve() / "pipeline"
        found_in = [str(packages if (packages / "poise").is_dir() else packages.parent)]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **dict.fromkeys(_THREADS, "1"),
            "PYTHONPATH": os.pathsep.join(found_in) or os.environ.get("PYTHONPATH", ""),
        },
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if answer.returncode:
        raise SystemExit(f"{row['name']} failed:\n{answer.stderr}")
    figures: Row = json.loads(answer.stdout.splitlines()[-1])
    return figures


def beside_others(made: Recordings, given: argparse.Namespace, core: int) -> list[Row]:
    """A row for each round, recording and program."""
    wanted = [(f"{size[1]}p", size, "H.264") for size in SIZES]
    if given.codecs:
        more = [codec for codec in CODINGS if codec != "H.264"]
        wanted += [(f"{SIZES[0][1]}p {codec}", SIZES[0], codec) for codec in more]
    rows = []
    for number in range(given.rounds):
        for table, size, codec in wanted:
            warm_up, whole = (
                str(made.get(size, seconds, codec=codec)) for seconds in (WARM_UP_S, given.seconds)
            )
            task: Row = {"path": whole, "warm_up": warm_up, "settings": {}}
            every = {**task, "settings": {"skip_frames": "none"}}
            programs: list[tuple[str, str, Row, int, Path | None]] = [
                ("ffmpeg", "ffmpeg", {"path": whole}, given.seconds, None),
                ("Poise", "poise", task, given.seconds, None),
                ("Poise, every frame", "poise", every, given.seconds, None),
            ]
            if given.other:
                programs += [("the other", "poise", task, given.seconds, given.other)]
            if codec == "H.264":
                programs += _slow_programs(made, given, size, warm_up)
            for name, kind, asked, video_s, other in programs:
                row = {"table": table, "name": name, "round": number, "video_s": video_s}
                rows.append({**row, **measured(row, kind, asked, [core], given.fer_python, other)})
    return rows


def _slow_programs(
    made: Recordings, given: argparse.Namespace, size: tuple[int, int], warm_up: str
) -> list[tuple[str, str, Row, int, None]]:
    """Those that see the first seconds only."""
    plain_s = min(given.plain_seconds, given.seconds)
    if not plain_s:
        return []
    start: Row = {"path": str(made.get(size, plain_s)), "warm_up": warm_up}
    programs: list[tuple[str, str, Row, int, None]] = [
        ("plain loop", "plain", start, plain_s, None)
    ]
    if given.fer_python:
        for name, mtcnn in (("fer", False), ("fer, MTCNN", True)):
            task = {**start, "mtcnn": mtcnn, "rate_hz": SAMPLE_RATE_HZ}
            programs.append((name, "fer", task, plain_s, None))
    return programs


def growth(made: Recordings, given: argparse.Namespace, cores: Sequence[int]) -> list[Row]:
    """Rows of Poise on longer recordings, with more faces, and with more workers."""
    rows = []
    size = SIZES[0]
    wanted = [("length", f"{minutes} min", 60 * minutes, 1) for minutes in LENGTHS_MIN]
    wanted += [("faces", f"faces: {count}", given.seconds, count) for count in FACES]
    for table, name, seconds, faces in wanted:
        task: Row = {
            "path": str(made.get(size, seconds, faces)),
            "warm_up": str(made.get(size, WARM_UP_S, faces)),
            "settings": {},
        }
        row: Row = {"table": table, "name": name, "round": 0, "video_s": seconds}
        rows.append({**row, **measured(row, "poise", task, cores[:1])})
    folder, warm_up = (str(made.batch(size, seconds)) for seconds in (given.seconds, WARM_UP_S))
    for number in range(given.rounds):
        for jobs in [jobs for jobs in JOBS if jobs <= len(cores)]:
            task = {"folder": folder, "warm_up": warm_up, "jobs": jobs}
            row = {"table": "workers", "name": f"workers: {jobs}", "round": number,
                   "video_s": BATCH * given.seconds}  # fmt: skip
            rows.append({**row, **measured(row, "batch", task, cores[:jobs])})
    return rows


def beside_a_gpu(made: Recordings, given: argparse.Namespace, cores: Sequence[int]) -> list[Row]:
    """Rows of a batch on all cores, alone and with a GPU."""
    import torch

    rows = []
    size, jobs = SIZES[0], len(cores)
    folder = str(made.batch(size, given.seconds, 2 * jobs))
    warm_up = str(made.batch(size, WARM_UP_S, jobs))
    for number in range(given.rounds):
        for device, name in (("cpu", f"{jobs} cores"), ("cuda:0", torch.cuda.get_device_name(0))):
            task = {"folder": folder, "warm_up": warm_up, "jobs": jobs, "device": device}
            row = {"table": "GPU", "name": name, "round": number,
                   "video_s": 2 * jobs * given.seconds}  # fmt: skip
            rows.append({**row, **measured(row, "batch", task, cores)})
    return rows


# What is printed


def summary(rows: list[Row]) -> list[Row]:
    """Medians over the rounds for each name; the ratio is to the first name."""
    table = []
    base = {r["round"]: _per_second(r, "wall_s") for r in rows if r["name"] == rows[0]["name"]}
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        one = own[0]
        summed: Row = {
            "name": name,
            "wall_per_video_s": median(_per_second(row, "wall_s") for row in own),
            "ratio": median(_per_second(row, "wall_s") / base[row["round"]] for row in own),
            "cpu_per_video_s": median(_per_second(row, "cpu_s") for row in own),
            "peak_mb": median(row["peak_mb"] for row in own),
        }
        if "others_peak_mb" in one:
            summed["others_peak_mb"] = median(row["others_peak_mb"] for row in own)
        if "faces" in one:
            summed["faces"] = f"{one['faces']}/{one['sampled']}"
        summed["stages"] = {
            stage: median(row["stages"].get(stage, 0.0) for row in own)
            for stage in one.get("stages", {})
        }
        table.append(summed)
    return table


def show(title: str, table: list[Row]) -> None:
    """Print what `summary` returns, and the seconds of each stage."""
    print(f"\n{title} (seconds per second of video; most memory in MB)")
    print(f"{'':<20}{'wall':>9}{'ratio':>8}{'CPU':>9}{'memory':>8}{'others':>8}{'faces':>12}")
    for row in table:
        others = f"{row['others_peak_mb']:.0f}" if "others_peak_mb" in row else ""
        print(
            f"{row['name']:<20}{row['wall_per_video_s']:>9.4f}{row['ratio']:>8.2f}"
            f"{row['cpu_per_video_s']:>9.4f}{row['peak_mb']:>8.0f}{others:>8}"
            f"{row.get('faces', ''):>12}"
        )
    staged = [row for row in table if row["stages"]]
    if staged:
        print(f"{'seconds per stage':<20}" + "".join(f"{row['name']:>20}" for row in staged))
        for stage in dict.fromkeys(stage for row in staged for stage in row["stages"]):
            seconds = [f"{row['stages'].get(stage, 0.0):.2f}" for row in staged]
            print(f"  {stage:<18}" + "".join(f"{text:>20}" for text in seconds))


def machine() -> Row:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in cpu if line.startswith("model name")]
    ffmpeg = "missing"
    if shutil.which("ffmpeg"):
        said = subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True, text=True)
        ffmpeg = said.stdout.split()[2]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "ffmpeg": ffmpeg,
        **{name: version(name) for name in PACKAGES},
    }


def _per_second(row: Row, figure: str) -> float:
    return float(row[figure] / row["video_s"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Make the recordings, measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for the recordings, kept")
    parser.add_argument("--clip", type=Path, default=SAMPLE, help="what the recordings show")
    parser.add_argument("--seconds", type=int, default=120, help="length of the recordings")
    parser.add_argument(
        "--plain-seconds", type=int, default=20, help="length for slow programs, 0: none"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each program")
    parser.add_argument("--codecs", action="store_true", help="also HEVC, VP9, AV1, MJPEG")
    parser.add_argument("--other", type=Path, help="checkout of another state, measured beside")
    parser.add_argument("--fer-python", type=Path, help="python of an environment with fer")
    parser.add_argument("--growth", action="store_true", help="also lengths, faces and workers")
    parser.add_argument(
        "--gpu", action="store_true", help="instead: all cores without and with one"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    if not given.gpu and not shutil.which("ffmpeg"):
        parser.error("ffmpeg is missing")
    if given.gpu and not shutil.which("nvidia-smi"):
        parser.error("no CUDA device here")

    on = machine()
    print(", ".join(f"{name} {value}" for name, value in on.items()))
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        made = Recordings(given.work or Path(folder), given.clip)
        if given.gpu:
            rows = beside_a_gpu(made, given, cores)
        else:
            rows = beside_others(made, given, cores[0])
        if given.growth:
            rows += growth(made, given, cores)
        titles = {}
        for size in SIZES[:1] if given.gpu else SIZES:
            bits = made.get(size, given.seconds).stat().st_size * 8
            titles[f"{size[1]}p"] = f"{given.seconds} s, {bits / given.seconds / 1e6:.1f} Mbit/s"
    tables = {}
    for name in dict.fromkeys(row["table"] for row in rows):
        tables[name] = summary([row for row in rows if row["table"] == name])
        show(", ".join(filter(None, [name, titles.get(name)])), tables[name])
    if given.json:
        figures = {"machine": on, "given": vars(given), "recordings": titles, "measured": rows,
                   "tables": tables}  # fmt: skip
        text = json.dumps(figures, indent=1, default=str)
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(CHILDREN[sys.argv[2]](**json.loads(sys.argv[3]))))
    else:
        main()
