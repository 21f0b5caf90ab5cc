"""J. Let in, held up."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from contextlib import suppress

from tests.clips import counting_clip, write_clip
from tests.drawn_people import Drawn, record
from tests.faults_before.cases import case
from tests.faults_before.inputs import images, people, plain, short
from tests.faults_before.sides import Side, ended


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


@case("J14 input", "the same output from another input with a namesake: what is said before")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    other = side.folder / "other" / "kim"
    other.mkdir(parents=True)
    shutil.copyfile(short(5), other / "1.mp4")
    done = side.run("analyze", other.parent, "-o", side.out, "--jobs", 1)
    return "that it replaces kim's" if "replaces the reports of kim" in done.stderr else "nothing"
