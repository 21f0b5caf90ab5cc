"""What went wrong before 1.0, shown by the command itself: `python -m tests.faults_before OLD`.

OLD is a checkout of 6f2cd69. For each fault that the command can show a small input is made of
drawn faces, both commands are run over it, and one value of what they wrote is printed beside the
other, as a table. `--only B1 C2` runs some.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from av.stream import Disposition

from poise.expression.model_spec import SHIPPED_MODEL
from poise.types import Image
from tests.clips import changing_clip, counting_clip, write_clip
from tests.drawn_people import SIZE, Drawn, frame, record
from tests.media.decoders.test_streams import clip as several_tracks
from tests.processes import descendants

LIMIT_S = 120
STEP_MS = 200
MAIN = "import sys; from {0}.{1} import main; sys.argv[0] = 'poise'; main()"


@dataclass(frozen=True)
class Side:
    """One of the two commands, in a folder of its own.

    Args:
        package: Where its package lies.
        main: What runs it.
        folder: Where it works: recordings lie in `in`, reports go to `out`.
        model: The expression model that it ships.
    """

    package: Path
    main: str
    folder: Path
    model: Path

    def run(
        self, *words: object, cwd: Path | None = None, limit_s: float = LIMIT_S, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command; a process that takes too long ends with code 124."""
        command = [sys.executable, "-c", self.main, *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(self.package), "OMP_NUM_THREADS": "1"} | more
        try:
            return subprocess.run(
                command, cwd=cwd or self.folder, env=environment, capture_output=True, text=True,
                errors="replace", timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"more than {limit_s:.0f} s")

    def analyze(self, *more: object, **keywords: object) -> subprocess.CompletedProcess[str]:
        """Analyse `in` into `out`, with one process."""
        return self.run("analyze", self.root, "-o", self.out, "--jobs", 1, *more, **keywords)  # type: ignore[arg-type]

    @property
    def root(self) -> Path:
        return self.folder / "in"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def add(self, name: str, source: Path) -> Path:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return target

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def edited_model(self, change: Callable[[dict[str, Any]], object]) -> Path:
        """A copy of the shipped model whose description was changed."""
        model = self.folder / "model"
        shutil.copytree(self.model, model)
        path = model / "model.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        change(said)
        path.write_text(json.dumps(said), encoding="utf-8")
        return model

    def row(self, name: str = "") -> pd.Series:
        """A row of recordings.csv, the only one without a name."""
        rows = pd.read_csv(self.out / "recordings.csv")
        return rows[rows["recording_id"] == name].iloc[0] if name else rows.iloc[0]

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(next(self.out.glob(f"*/{name}.csv")))

    def page(self, name: str) -> str:
        pages = list(self.out.rglob(name))
        return pages[0].read_text(encoding="utf-8") if pages else ""

    def results(self) -> int:
        return len(list((self.out / ".poise" / "results").glob("*")))


Case = Callable[[Side], object]
CASES: dict[str, tuple[str, Case]] = {}


def case(name: str, what: str) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        CASES[name] = what, function
        return function

    return add


# Inputs, each made once

_KEPT = Path(tempfile.mkdtemp(prefix="faults-"))


@cache
def images() -> list[Image]:
    """Three seconds neutral, three smiling, five pictures a second."""
    return [frame([Drawn(smiles=t >= 3)], t) for t in np.arange(0, 6, 0.2)]


@cache
def plain() -> Path:
    return write_clip(_KEPT / "plain.mp4", images(), range(0, 6000, STEP_MS))


@cache
def short(number: int = 0) -> Path:
    """Recordings of a second that differ in their bytes."""
    return write_clip(
        _KEPT / f"short{number}.mp4", images()[number : number + 6], range(0, 1200, 200)
    )


def shares(side: Side) -> str:
    row = side.row()
    return f"{row['status']}, coverage {row['coverage']:.2f}, positive {row['share_positive']:.2f}"


def made(side: Side, name: str, stored: Sequence[Image], **keywords: object) -> str:
    path = side.root / name
    write_clip(path, stored, range(0, len(stored) * STEP_MS, STEP_MS), **keywords)  # type: ignore[arg-type]
    side.analyze()
    return shares(side)


def people(side: Side, *names: str) -> None:
    for number, name in enumerate(names):
        side.add(name, short(number))


# B. Times


@case("B1", "sound 3 s before the picture; the smile begins at 6.0 s of a player: episode from")
def _(side: Side) -> object:
    times = range(3000, 9000, STEP_MS)
    write_clip(side.root / "a.mkv", images(), times, audio=True)
    side.analyze()
    episodes = side.table("episodes")
    return f"{episodes[episodes['label'] == 'positive']['start_ms'].iloc[0] / 1000:.1f} s"


@case("B2", "a picture in 1.02 s, half of them smiling: episodes found")
def _(side: Side) -> object:
    write_clip(side.root / "a.mp4", images()[5:25], range(0, 20_400, 1020))
    side.analyze()
    return len(side.table("episodes"))


@case("B2 hole", "ten seconds without a picture: what is said of them")
def _(side: Side) -> object:
    times = [*range(0, 2000, 200), *range(12_000, 14_000, 200)]
    write_clip(side.root / "a.mp4", images()[:20], times)
    side.analyze()
    row = side.row()
    return row.get("remarks") or f"nothing; {row['status']}, coverage {row['coverage']:.0%}"


@case("B3", "16 B-frames between references after 4 s, 60 samples due: samples taken")
def _(side: Side) -> object:
    side.root.mkdir()
    changing_clip(side.root / "a.ts", late="16", seconds=12)
    side.analyze("--skip-frames", "auto")
    return side.row()["sampled_frames"]


@case("B4", "a recording of 98.5 s whose container says 100: status")
def _(side: Side) -> object:
    path = counting_clip(side.root / "a.mkv", range(0, 98_500, 500))
    data = bytearray(path.read_bytes())
    start = data.index(b"\x44\x89\x88") + 3
    data[start : start + 8] = struct.pack(">d", 100_000.0)
    path.write_bytes(data)
    side.analyze()
    return side.row()["status"]


@case("B4 sound", "sound that outlasts the picture by 3 s, in MP4: status")
def _(side: Side) -> object:
    side.root.mkdir()
    pictures = [(range(0, 3000, 40), 1, Disposition.default)]
    several_tracks(side.root / "a.mp4", pictures, sound_ms=(0, 6000))
    side.analyze()
    return side.row()["status"]


@case("B5", "dates 9/5/2026 and 11/20/2026: as they are compared")
def _(side: Side) -> object:
    people(side, "kim/a.mp4", "kim/b.mp4")
    side.write(
        "candidates.csv", "recording,session_date\nkim/a.mp4,9/5/2026\nkim/b.mp4,11/20/2026\n"
    )
    side.analyze()
    return " < ".join(sorted(pd.read_csv(side.out / "recordings.csv")["session_date"]))


@case("B5 container", "IMG_4312.mov, whose container says when it was made: date")
def _(side: Side) -> object:
    side.root.mkdir()
    with av.open(str(side.root / "IMG_4312.mov"), "w") as container:
        container.metadata["creation_time"] = "2026-11-06T10:00:00Z"
        stream = container.add_stream("libx264", rate=5)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for image in images()[:10]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    side.analyze()
    value = side.row()["session_date"]
    return value if isinstance(value, str) else "none"


# C. The picture (as it should be: done, coverage 1.00, positive 0.50)


@case("C1", "stored mirrored, a matrix mirrors it back")
def _(side: Side) -> object:
    path = side.root / "a.mp4"
    stored = [np.ascontiguousarray(image[:, ::-1]) for image in images()]
    write_clip(path, stored, range(0, 6000, STEP_MS))
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    values = [round(v * 65536) for v in (-1, 0, 0, 0, 1, 0, 0, 0)]
    data[start : start + 36] = struct.pack(">9i", *values, 1 << 30)
    path.write_bytes(data)
    side.analyze()
    return shares(side)


@case("C2", "pixels twice as wide as high, a face 0.79 as wide as high: its box")
def _(side: Side) -> object:
    path = side.root / "a.mp4"
    squeezed = [cv2.resize(image, (SIZE[0] // 2, SIZE[1])) for image in images()]
    write_clip(path, squeezed, range(0, 6000, STEP_MS), options={"x264-params": "sar=2/1"})
    side.analyze()
    boxes = side.table("frames")
    width, height = (boxes[f"box_{k}2_px"] - boxes[f"box_{k}1_px"] for k in "xy")
    return f"{(width / height).median():.2f}"


@case("C3", "a phone that is turned after 4 s: the picture changes its size")
def _(side: Side) -> object:
    path = side.root / "a.ts"
    path.parent.mkdir()
    parts = []
    wide = [np.ascontiguousarray(image[44:316]) for image in images()[:20]]
    border = cv2.BORDER_REPLICATE
    tall = [cv2.copyMakeBorder(i[:, 104:376], 60, 60, 0, 0, border) for i in images()[20:]]
    for number, part in enumerate((wide, tall)):
        part_path = side.folder / f"{number}.ts"
        write_clip(part_path, part, range(4000 * number, 4000 + 2000 * number, STEP_MS))
        parts.append(part_path.read_bytes())
    path.write_bytes(b"".join(parts))
    side.analyze()
    return shares(side)


@case("C4", "a preview of one picture as the first track: frames looked at, of 10")
def _(side: Side) -> object:
    side.root.mkdir()
    none, default = Disposition(0), Disposition.default
    several_tracks(side.root / "a.mov", [((0,), 1, none), (range(0, 2000, 40), 2, default)])
    side.analyze()
    return side.row()["sampled_frames"]


@case("C5", "head down without a word: what is said")
def _(side: Side) -> object:
    said = made(side, "a.mp4", [np.ascontiguousarray(image[::-1, ::-1]) for image in images()])
    return f"{said}; {side.row().get('remarks') or 'nothing is said'}"


@case("C6", "a colour matrix that one decoder refuses")
def _(side: Side) -> object:
    return made(side, "a.mp4", images(), options={"x264-params": "colormatrix=bt2020c"})


@case("C7", "nose and mouth behind a mask: usable frames of 30")
def _(side: Side) -> object:
    masked = [image.copy() for image in images()]
    for image in masked:
        cv2.ellipse(image, (240, 190), (48, 42), 0, 0, 360, (190, 210, 225), -1)
    made(side, "a.mp4", masked)
    return side.row()["usable_frames"]


# D. Loss without a word


@case("D1", "beside one recording others with unfamiliar endings: what the index says")
def _(side: Side) -> object:
    side.add("a.mp4", plain())
    for name in ("b.VOB", "c", "d.mp4.crdownload", "e.asf"):
        side.add(name, short())
    side.analyze()
    named = [n for n in ("b.VOB", "d.mp4.crdownload", "e.asf") if n in side.page("index.html")]
    return f"names {len(named)} of 3" if named else "all were analysed in full"


@case("D5", "the model's temperature doubled, the same recording: analysed again")
def _(side: Side) -> object:
    def double(said: dict[str, Any]) -> None:
        said["temperature"] *= 2

    side.add("a.mp4", plain())
    side.analyze()
    done = json.loads(side.analyze("--model", side.edited_model(double), "--json").stdout)
    return "no" if done["recordings"][0]["reused"] else "yes"


# E. Tables


@case("E1", "columns of frames.csv for neutral, as a valence and as an emotion")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    return ", ".join(c for c in side.table("frames").columns if c.endswith("p_neutral"))


@case("E2", "a model that calls smiles surprise: its share in recordings.csv, and in frames.csv")
def _(side: Side) -> object:
    other = {"happiness": "surprise", "surprise": "happiness"}

    def swap(said: dict[str, Any]) -> None:
        said["labels"]["emotions"] = [other.get(e, e) for e in said["labels"]["emotions"]]

    side.add("a.mp4", plain())
    side.analyze("--model", side.edited_model(swap))
    frames = side.table("frames")
    label = frames["label" if "label" in frames else "valence"].dropna()
    return f"{side.row()['share_surprise']:.2f} and {(label == 'surprise').mean():.2f}"


@case("E3", "truth values in frames.csv")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    text = next(side.out.glob("*/frames.csv")).read_text(encoding="utf-8-sig")
    return "True, False" if ",True," in text else "TRUE, FALSE" if ",TRUE," in text else "neither"


@case("E4", "columns of frames.csv and recordings.csv for what is known")
def _(side: Side) -> object:
    side.add("a.mp4", short())
    side.analyze()
    wanted = ("width_px", "codec", "start_offset_s", "session_time", "model", "sample_rate_hz",
              "pose_yaw_deg", "yaw_deg", "sharpness", "brightness", "left_eye_x_px")  # fmt: skip
    there = {*side.row().index, *side.table("frames").columns}
    return f"{len([name for name in wanted if name in there])} of them"


# F. Forgetting, consent, names


@case("F1", "a damaged ledger, one of three purged: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4", "park/1.mp4")
    side.analyze()
    for path in (side.out / ".poise").glob("ledger*"):
        path.write_bytes(b"damaged" * 100)
    side.run("purge", side.out, "kim")
    return side.results()


@case("F2", "purged by a name that two bear: results left of two")
def _(side: Side) -> object:
    people(side, "kim1/1.mp4", "kim2/1.mp4")
    side.write("candidates.csv", "recording,display_name\nkim1/1.mp4,Kim\nkim2/1.mp4,Kim\n")
    side.analyze()
    side.run("purge", side.out, "Kim")
    return side.results()


@case("F3", "analysed under two settings, then consent withdrawn: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    side.analyze("--sample-rate-hz", 4)
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze("--sample-rate-hz", 4)
    return side.results()


@case("F4", "a result 90 days old, no recordings any more, --retention-days 30: results left")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    long_ago = time.time() - 90 * 86_400
    for path in (side.out / ".poise" / "results").rglob("*"):
        os.utime(path, (long_ago, long_ago))
    (side.root / "kim" / "1.mp4").unlink()
    side.analyze("--retention-days", 30)
    return side.results()


@case("F5", "a centre_logo given by a relative path, one of two purged from elsewhere: the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    cv2.imwrite(str(side.folder / "logo.png"), np.full((20, 20, 3), 90, np.uint8))
    (side.folder / "own.toml").write_text('centre_logo = "logo.png"\n', encoding="utf-8")
    side.analyze("--settings", "own.toml")
    side.run("purge", side.out, "kim", cwd=side.root)
    return "is there" if (side.out / "index.html").is_file() else "is gone"


@case("F6", "purged, and the same command again: results of the person")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    side.run("purge", side.out, "kim")
    side.analyze()
    return side.results()


@case("F7", "one recording listed with no, then with yes: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\nkim/1.mp4,yes\n")
    done = side.analyze()
    return side.row()["status"] if side.out.exists() else f"exit {done.returncode}"


@case("F7 name", "Candidates.csv with no: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("Candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze()
    return side.row()["status"]


@case("F8", "the code that stands for one name, in two centres' reports: ")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze("--anonymous")
    side.run("analyze", side.root, "-o", side.folder / "other", "--jobs", 1, "--anonymous")
    codes = [
        pd.read_csv(side.folder / o / "recordings.csv")["candidate_id"][0] for o in ("out", "other")
    ]
    return "the same" if codes[0] == codes[1] else "another"


@case("F9", "templates named by a poise.toml that was only found: a command in them")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    (side.folder / "own").mkdir()
    code = "{{ cycler.__init__.__globals__.os.system('touch ran') }}"
    for name in ("report.html", "index.html"):
        (side.folder / "own" / name).write_text(code, encoding="utf-8")
    (side.folder / "poise.toml").write_text('templates = "own"\n', encoding="utf-8")
    side.analyze()
    return "ran" if (side.folder / "ran").exists() else "did not run"


# G. Processes


@case("G3", "poise status: processor time, and most memory")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    command = [
        "/usr/bin/time",
        "-f",
        "%U %S %M",
        sys.executable,
        "-c",
        side.main,
        "status",
        side.out,
    ]
    environment = {**os.environ, "PYTHONPATH": str(side.package)}
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, check=False
    )
    user, system, memory = map(float, done.stderr.splitlines()[-1].split())
    return f"{user + system:.1f} s, {memory / 1024:.0f} MB"


@case("G5", "journal of the ledger")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    (path,) = (side.out / ".poise").glob("ledger.sqlite3")
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute("PRAGMA journal_mode").fetchone()[0]


@case("J4", "workers, ten seconds after the command was killed while they load: processes left")
def _(side: Side) -> object:
    return left_by_a_kill(side, 0.3, "--jobs", 2)


def left_by_a_kill(side: Side, after_s: float, *more: object) -> int:
    """Kill the command alone some time after its first child has started; who is left then."""
    people(side, *(f"{k}/1.mp4" for k in range(6)))
    words = [sys.executable, "-c", side.main, "analyze", side.root, "-o", side.out, *more]
    environment = {**os.environ, "PYTHONPATH": str(side.package), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*map(str, words)], env=environment, cwd=side.folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:  # fmt: skip
        while command.poll() is None and not descendants(command.pid):
            time.sleep(0.05)
        time.sleep(after_s)
        below = list(descendants(command.pid))
        command.kill()
    time.sleep(10)
    left = [process for process in below if is_running(process)]
    for process in left:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
    return len(left)


def is_running(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@case("J12 memory", "two gigabytes of address space (ulimit -v): what is said")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    words = f"analyze '{side.root}' -o '{side.out}' --jobs 1"
    shell = f"ulimit -v 2000000; exec '{sys.executable}' -c \"{side.main}\" {words}"
    environment = {**os.environ, "PYTHONPATH": str(side.package), "OMP_NUM_THREADS": "1"}
    return ended(
        subprocess.run(
            ["sh", "-c", shell], env=environment, cwd=side.folder, capture_output=True, text=True,
            check=False,
        )
    )  # fmt: skip


@case("J12 name", "a name with an escape sequence, on a terminal")
def _(side: Side) -> object:
    side.write("kim\x1b[31m/1.mp4", "no video" * 1000)
    mine, terminal = os.openpty()
    words = [sys.executable, "-c", side.main, "analyze", side.root, "-o", side.out, "--jobs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(side.package), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*map(str, words)], env=environment, stdout=subprocess.DEVNULL, stderr=terminal, check=False
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):
        while more := os.read(mine, 10_000):
            shown += more
    os.close(mine)
    return "reaches it" if b"\x1b[31m" in shown else "does not reach it"


@case("J14 input", "the same output from another input with a namesake: what is said before")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    other = side.folder / "other" / "kim"
    other.mkdir(parents=True)
    shutil.copyfile(short(5), other / "1.mp4")
    done = side.run("analyze", other.parent, "-o", side.out, "--jobs", 1)
    return "that it replaces kim's" if "replaces the reports of kim" in done.stderr else "nothing"


@case("J9 label", "a model's label that is markup: in the page of progress")
def _(side: Side) -> object:
    def rename(said: dict[str, Any]) -> None:
        labels = said["labels"]
        labels["emotions"] = ["<u>x</u>" if e == "surprise" else e for e in labels["emotions"]]

    people(side, "kim/1.mp4", "kim/2.mp4")
    done = side.analyze("--model", side.edited_model(rename))
    if not (side.out / "index.html").exists():
        return f"refused (exit {done.returncode})"
    return "as markup" if "<u>x</u>" in side.page("progress.html") else "as words"


# H. Pages


@case("H4", "a report that came alone: what it says of pages beside it")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "kim/2.mp4")
    side.analyze()
    page = side.page("report.html")
    told = "ask your centre for the folder" in page
    return "says how to get them" if told else "links to progress.html" * ("progress.html" in page)


@case("H5", "why a recording failed, in a Korean report")
def _(side: Side) -> object:
    side.write("kim/1.mp4", "no video" * 1000)
    side.analyze("--lang", "ko")
    page = side.page("report.html")
    english = [w for w in ("Invalid data", "cannot be opened", "is not a kind") if w in page]
    return f"“{english[0]} …”" if english else "Korean alone"


@case("H6", "a recording without consent, on the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.analyze()
    return "named" if "kim/1.mp4" in side.page("index.html") else "appears nowhere"


@case("H7", "legend of the colours on the index")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    return "there" if 'class="swatch' in side.page("index.html") else "none"


@case("H8", "six seconds of a face: changes per minute in the report")
def _(side: Side) -> object:
    side.add("kim/1.mp4", plain())
    side.analyze()
    page = side.page("report.html")
    return "told" if "per minute" in page or "changes" in page.lower() else "not told"


# J. Let in, held up


@case("J1", "a playlist in disguise that names another person's recording")
def _(side: Side) -> object:
    side.root.mkdir()
    record(side.root / "Victim" / "session.ts", 6, lambda t: [Drawn()])
    bait = counting_clip(side.folder / "bait.ts", range(0, 20_000, 200)).read_bytes()
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:6,\n../Victim/session.ts\n#EXT-X-ENDLIST\n"
    (side.root / "Mallory").mkdir()
    (side.root / "Mallory" / "session.ts").write_bytes(text + bait)
    side.write("candidates.csv", "recording,consent\nVictim/session.ts,no\n")
    side.analyze("--decoder", "decord")
    row = side.row("Mallory/session.ts")
    if row["status"] == "failed":
        return "failed"
    return f"{row['status']}: {row['duration_s']:.1f} s of Victim, consent no"


@case("J2", "one gap of a year in the time stamps: seconds of the command")
def _(side: Side) -> object:
    year_ms = 365 * 86_400 * 1000
    times = [*range(0, 1000, 200), *range(year_ms, year_ms + 1000, 200)]
    write_clip(side.root / "a.mkv", images()[:10], times)
    started = time.monotonic()
    side.analyze()
    return f"{time.monotonic() - started:.0f}"


@case("J5", "analysed, the folder renamed and analysed, purged under the new name: reports left")
def _(side: Side) -> object:
    people(side, "old/1.mp4", "lee/1.mp4")
    side.analyze()
    (side.root / "old").rename(side.root / "new")
    side.analyze()
    side.run("purge", side.out, "new")
    left = [p.parent.name for p in side.out.glob("*/report.html") if p.parent.name != "lee"]
    return ", ".join(left) or "none"


@case("J6", "consent no, and only that folder is analysed: status")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.write("candidates.csv", "recording,consent\nkim/1.mp4,no\n")
    side.run("analyze", side.root / "kim", "-o", side.out, "--jobs", 1)
    return side.row()["status"]


@case("J7", "--format parquet, then report --anonymous --format csv: tables with names left")
def _(side: Side) -> object:
    people(side, "kim minji/1.mp4")
    side.analyze("--format", "parquet")
    side.run("report", side.out, "--anonymous", "--format", "csv")
    return ", ".join(sorted(p.name for p in side.out.rglob("*.parquet"))) or "none"


@case("J7 mode", "classify --csv: who may read it")
def _(side: Side) -> object:
    cv2.imwrite(str(side.folder / "a.png"), images()[0])
    side.run("classify", "a.png", "--csv", "out.csv")
    return oct((side.folder / "out.csv").stat().st_mode & 0o777)


@case("J8", "a stored result cut off: the next run")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    side.analyze()
    path = next((side.out / ".poise" / "results").rglob("result.json"))
    path.write_bytes(path.read_bytes()[:100])
    (side.root / "new.mp4").write_bytes(short(5).read_bytes())
    return ended(side.analyze())


@case("J9", "a cluster named by a poise.toml that was only found: connections to it")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    calls.append(server.accept()[0].close())

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        text = f'cluster = "tcp://127.0.0.1:{port}"\n'
        (side.folder / "poise.toml").write_text(text, encoding="utf-8")
        side.analyze(limit_s=20)
    return "some" if calls else "none"


@case("J9 model", "a model whose `training` is a list")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    model = side.edited_model(lambda said: said.update(training=["x"]))
    return ended(side.analyze("--model", model))


@case("J12", "standard error closed: exit code")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    words = f"analyze '{side.root}' -o '{side.out}' --jobs 1 2>&-"
    shell = f"exec '{sys.executable}' -c \"{side.main}\" {words}"
    environment = {**os.environ, "PYTHONPATH": str(side.package), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["sh", "-c", shell],
        env=environment,
        cwd=side.folder,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode


@case("J12 console", "--json on a console in EUC-KR, a name that it cannot show: exit")
def _(side: Side) -> object:
    people(side, "José 🙂/1.mp4")
    return ended(side.analyze("--json", PYTHONIOENCODING="euc-kr"))


@case("J14", "a file replaced by one of the same size and time: analysed again")
def _(side: Side) -> object:
    path = side.add("kim/1.mp4", short())
    moment = path.stat()
    os.utime(path, (moment.st_atime - 100, moment.st_mtime - 100))
    side.analyze()
    other = short(8).read_bytes()[: moment.st_size].ljust(moment.st_size, b"\0")
    new = path.with_suffix(".new")
    new.write_bytes(other)
    os.utime(new, (moment.st_atime - 100, moment.st_mtime - 100))
    new.replace(path)
    done = json.loads(side.analyze("--json").stdout)
    return "no, the old result" if done["recordings"][0]["reused"] else "yes"


@case("J14 formula", "x;=1+1 as a name, in a table")
def _(side: Side) -> object:
    people(side, "x;=1+1/1.mp4")
    side.analyze()
    text = (side.out / "recordings.csv").read_text(encoding="utf-8-sig")
    return "a formula behind ;" if "x;=1+1" in text else "no formula"


@case("J14 codec", "an unknown codec: what is said")
def _(side: Side) -> object:
    path = side.add("a.mp4", plain())
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzq1"))
    return [line for line in side.analyze().stderr.splitlines() if "a.mp4" in line][-1][-90:]


# What this script adds to the list: found later, of the same kind


@case("tables", "a line of candidates.csv names no recording: recordings done of two")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "lee/1.mp4")
    side.write("candidates.csv", "recording,display_name\nkim/1.mp4,Kim\nkim/2.mp4,Kim\n")
    done = side.analyze()
    if not side.out.exists():
        return f"none (exit {done.returncode})"
    return int((pd.read_csv(side.out / "recordings.csv")["status"] == "done").sum())


@case("joined", "two MP4 files joined end to end: status")
def _(side: Side) -> object:
    path = side.add("a.mp4", plain())
    path.write_bytes(plain().read_bytes() + short(9).read_bytes())
    side.analyze()
    return side.row()["status"]


def ended(done: subprocess.CompletedProcess[str]) -> str:
    told = "traceback" if "Traceback" in done.stderr else ""
    errors = [line for line in done.stderr.splitlines() if "Error" in line]
    return f"exit {done.returncode}" + (f", {told or errors[-1][:70]}" if told or errors else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path, help="a checkout of 6f2cd69")
    parser.add_argument("--only", nargs="*", help="names of cases")
    given = parser.parse_args()
    site = _KEPT / "old"
    shutil.copytree(given.old / "pipeline", site / "pipeline")
    shutil.copytree(given.old / "templates", site / "pipeline" / "templates")
    here = Path(__file__).parents[1]
    (old_model,) = {p.parent for p in (site / "pipeline" / "models").rglob("*.safetensors")}
    sides = {
        "before": (site, MAIN.format("pipeline", "cli"), old_model),
        "now": (here, MAIN.format("poise", "commands"), SHIPPED_MODEL),
    }
    print("| line | what | on 6f2cd69 | now |\n|---|---|---|---|")
    for name, (what, function) in CASES.items():
        if given.only and name not in given.only:
            continue
        values = []
        for side, (package, command, model) in sides.items():
            folder = _KEPT / name.replace(" ", "-") / side
            folder.mkdir(parents=True)
            try:
                values.append(str(function(Side(package, command, folder, model))))
            except Exception as error:  # a value that cannot be had is told, the others go on
                values.append(f"({type(error).__name__}: {error})"[:120].replace("\n", " "))
        print(f"| {name} | {what} | {values[0]} | {values[1]} |", flush=True)
    shutil.rmtree(_KEPT)


if __name__ == "__main__":
    main()
