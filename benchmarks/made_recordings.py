"""The recordings that speed is measured on: a clip, enlarged, under fresh noise in every frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from poise.types import Image

FRAME_RATE, BATCH = 30, 4
_LOOP_S = 20
_NOISE = 4.0  # standard deviation, of 255: recordings then cost as much to decode as real ones


class Recordings:
    """Recordings that are made when first asked for.

    Args:
        folder: Where they lie.
        clip: What they show, over and over.
    """

    def __init__(self, folder: Path, clip: Path) -> None:
        self.folder, self.clip = folder, clip
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, size: tuple[int, int], seconds: int, faces: int = 1) -> Path:
        """A recording of that size and length with copies of the clip side by side."""
        path = self.folder / f"{self.clip.stem} {size[1]}p {seconds}s faces {faces}.mp4"
        if not path.exists():
            print(f"making {path.name}", file=sys.stderr, flush=True)
            part = path.with_suffix(".part")
            if seconds <= _LOOP_S:
                encode(part, pictures(self.clip, size, faces), size, seconds)
            else:
                repeat(self.get(size, _LOOP_S, faces), part, seconds)
            part.replace(path)
        return path

    def batch(self, size: tuple[int, int], seconds: int, count: int = BATCH) -> Path:
        """A folder of recordings that differ by their titles, and so in their bytes."""
        source = self.get(size, seconds)
        folder = self.folder / f"{source.stem} times {count}"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            path = folder / f"candidate {number}.mp4"
            if not path.exists():
                part = path.with_suffix(".part")
                repeat(source, part, seconds, title=str(number))
                part.replace(path)
        return folder


def pictures(clip: Path, size: tuple[int, int], faces: int) -> Iterator[Image]:
    """Endless frames, RGB uint8 [H, W, 3]: the clip's middle, `faces` times, under noise."""
    import numpy as np

    from poise.media.decoders import open_decoder

    rng = np.random.default_rng(0)
    width, height = size
    grain = rng.normal(0, _NOISE, (height + 128, width + 128, 1)).round().astype(np.int16)
    while True:
        for batch in open_decoder(clip, "pyav").sample(FRAME_RATE, None):
            for image in batch.images:
                frame = np.tile(column(image, (width // faces, height), faces), (1, faces, 1))
                frame = cv2.copyMakeBorder(
                    frame, 0, 0, 0, width - frame.shape[1], cv2.BORDER_REPLICATE
                )
                y, x = rng.integers(0, 128, 2)
                noisy = frame + grain[y : y + height, x : x + width]
                yield np.clip(noisy, 0, 255).astype(np.uint8)


def column(image: Image, size: tuple[int, int], faces: int) -> Image:
    """The middle of a picture in a column of that size; the more faces, the smaller."""
    import numpy as np

    width, height = size
    tall = round(0.85 * height * faces**-0.25)
    wide = round(image.shape[1] * tall / image.shape[0])
    image = np.asarray(cv2.resize(image, (wide, tall), interpolation=cv2.INTER_CUBIC), np.uint8)
    cut = max(0, wide - width) // 2
    image = image[:, cut : cut + width]
    left = (width - image.shape[1]) // 2
    right = width - image.shape[1] - left
    bordered = cv2.copyMakeBorder(image, height - tall, 0, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, np.uint8)


def encode(path: Path, frames: Iterable[Image], size: tuple[int, int], seconds: int) -> None:
    """Write frames as most programs write H.264: x264's defaults, with B-frames."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "medium", "crf": "23"}
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number, image in zip(range(seconds * FRAME_RATE), frames, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def repeat(source: Path, path: Path, seconds: int, title: str = "") -> None:
    """Write a recording's packets again and again until it is as long as wanted."""
    import av

    left, shift = seconds * FRAME_RATE, 0
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["title"] = title
        stream = None
        while left:
            with av.open(str(source)) as given:
                video = given.streams.video[0]
                stream = stream or container.add_stream_from_template(video)
                for packet in given.demux(video):
                    if packet.dts is None or not left:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    container.mux(packet)
                    left -= 1
                shift += video.duration


# What runs in processes of its own
