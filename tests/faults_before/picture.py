"""C. The picture: as it should be, done, coverage 1.00, positive 0.50."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from av.stream import Disposition

from tests.clips import write_clip
from tests.drawn_people import SIZE
from tests.faults_before.cases import case
from tests.faults_before.inputs import STEP_MS, images, made, shares
from tests.faults_before.sides import Side
from tests.media.decoders.test_streams import clip as several_tracks


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


@case("HDR", "a white wall in high dynamic range (PQ): its gray in the report's pictures")
def _(side: Side) -> object:
    tags = "transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"
    as_pq = [(image * (0.58 * 255 / 200)).clip(0, 255).astype(np.uint8) for image in images()]
    made(side, "a.mp4", as_pq, options={"x264-params": tags})
    pictures = [cv2.imread(str(path)) for path in (side.out / ".poise").rglob("*.jpg")]
    return f"{np.median([picture[:9, :9].mean() for picture in pictures]):.0f}"
