"""B. Times."""

from __future__ import annotations

import struct

import av
import pandas as pd
from av.stream import Disposition

from tests.clips import changing_clip, counting_clip, write_clip
from tests.drawn_people import SIZE
from tests.faults_before.cases import case
from tests.faults_before.inputs import STEP_MS, images, people
from tests.faults_before.sides import Side
from tests.media.decoders.test_streams import clip as several_tracks


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
