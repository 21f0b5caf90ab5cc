"""D. Loss without a word, and what was found later of the same kind."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import av
import numpy as np
import pandas as pd

from tests.clips import write_clip
from tests.faults_before.cases import case
from tests.faults_before.inputs import STEP_MS, images, people, plain, short
from tests.faults_before.sides import Side


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


@case("damaged", "bits of a Matroska file flipped, of which decoders show what they can: status")
def _(side: Side) -> object:
    options = {"crf": "12", "g": "10"}
    path = write_clip(side.root / "a.mkv", images(), range(0, 6000, STEP_MS), options=options)
    data, chance = bytearray(path.read_bytes()), np.random.default_rng(1)
    for at in chance.integers(len(data) // 2, len(data) * 3 // 4, 12):
        data[at] ^= 1 << int(chance.integers(8))
    path.write_bytes(data)
    side.analyze()
    return side.row()["status"]


@case("transport", "three pictures of a transport stream that never arrived: status")
def _(side: Side) -> object:
    path = side.root / "a.ts"
    write_clip(path, images(), range(0, 6000, STEP_MS), options={"g": "30", "bf": "0"})
    packets = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188)
    begun = np.flatnonzero((packets[:, 1] == 0x41) & (packets[:, 2] == 0))  # each a picture
    path.write_bytes(np.delete(packets, np.s_[begun[11] : begun[14]], axis=0).tobytes())
    side.analyze()
    return side.row()["status"]


@case("sounds", "two sound tracks: what is said of them")
def _(side: Side) -> object:
    path = side.add("a.mkv", plain())
    with av.open(str(plain())) as source, av.open(str(path), "w") as target:
        picture = source.streams.video[0]
        stored = target.add_stream_from_template(picture)
        for _ in range(2):
            target.add_stream("aac", rate=48_000).layout = "mono"
        for packet in source.demux(picture):
            if packet.size:
                packet.stream = stored
                target.mux(packet)
    side.analyze()
    return side.row().get("remarks") or "nothing"


@case("bin", "a recording deleted to the bin of a network drive: recordings analysed")
def _(side: Side) -> object:
    people(side, "kim/1.mp4", "@Recycle/lee/1.mp4")
    side.analyze()
    return len(pd.read_csv(side.out / "recordings.csv"))


@case("forms", "consent no, and two files of that name in both forms of Unicode: analysed")
def _(side: Side) -> object:
    people(side, *(unicodedata.normalize(form, "김철수.mp4") for form in ("NFC", "NFD")))
    side.write("candidates.csv", "recording,consent\n김철수.mp4,no\n")
    side.analyze()
    return int((pd.read_csv(side.out / "recordings.csv")["status"] == "done").sum())
