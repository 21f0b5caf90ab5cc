"""The recordings that speed is measured on: a clip, enlarged, under fresh noise in every frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

    from poise.types import Image

FRAME_RATE, BATCH = 30, 4
SOUND_RATE_HZ = 48_000
_LOOP_S = 20
_NOISE = 4.0  # standard deviation, of 255: recordings then cost as much to decode as real ones


@dataclass(frozen=True)
class Coding:
    """How a recording is encoded.

    Args:
        encoder: FFmpeg's name of it.
        pixels: Format of its pictures.
        options: Given to the encoder.
        suffix: Of files that hold such pictures.
    """

    encoder: str
    pixels: str
    options: dict[str, str]
    suffix: str = ".mp4"


_X265 = {"preset": "fast", "crf": "26", "x265-params": "log-level=none"}
CODINGS = {
    "H.264": Coding("libx264", "yuv420p", {"preset": "medium", "crf": "23"}),
    "HEVC": Coding("libx265", "yuv420p", _X265),
    "HEVC 10 bit": Coding("libx265", "yuv420p10le", _X265),
    "VP9": Coding("libvpx-vp9", "yuv420p", {"crf": "33", "b": "0", "cpu-used": "5"}, ".webm"),
    "AV1": Coding("libsvtav1", "yuv420p", {"preset": "9", "crf": "35"}),
    "MJPEG": Coding("mjpeg", "yuvj420p", {"qmin": "4", "qmax": "4"}, ".mkv"),
}
"""As phones (HEVC), browsers (VP9, AV1) and cameras (MJPEG) write them; H.264 as most programs."""


class Recordings:
    """Recordings that are made when first asked for.

    Args:
        folder: Where they lie.
        clip: What they show, over and over.
    """

    def __init__(self, folder: Path, clip: Path) -> None:
        self.folder, self.clip = folder, clip
        folder.mkdir(parents=True, exist_ok=True)

    def get(
        self, size: tuple[int, int], seconds: int, faces: int = 1, codec: str = "H.264"
    ) -> Path:
        """A recording of that size and length, with sound, and copies of the clip side by side."""
        coding = CODINGS[codec]
        named = "" if codec == "H.264" else f" {codec}"
        name = f"{self.clip.stem} {size[1]}p {seconds}s faces {faces}{named} heard"
        path = self.folder / f"{name}{coding.suffix}"
        if not path.exists():
            print(f"making {path.name}", file=sys.stderr, flush=True)
            part = self.folder / f"{name}.part{coding.suffix}"
            if seconds <= _LOOP_S:
                encode(part, pictures(self.clip, size, faces), size, seconds, coding)
            else:
                repeat(self.get(size, _LOOP_S, faces, codec), _LOOP_S, part, seconds)
            part.replace(path)
        return path

    def batch(
        self, size: tuple[int, int], seconds: int, count: int = BATCH, codec: str = "H.264"
    ) -> Path:
        """A folder of recordings that differ by their titles, and so in their bytes."""
        source = self.get(size, seconds, codec=codec)
        folder = self.folder / f"{source.stem} times {count}"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            path = folder / f"candidate {number}{source.suffix}"
            if not path.exists():
                part = folder / f"{path.stem}.part{path.suffix}"
                repeat(source, seconds, part, seconds, title=str(number))
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


def encode(
    path: Path, frames: Iterable[Image], size: tuple[int, int], seconds: int, coding: Coding
) -> None:
    """Write frames, and sound beside them."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding.encoder, rate=FRAME_RATE, options=coding.options)
        stream.width, stream.height = size
        stream.pix_fmt = coding.pixels
        voice = container.add_stream("libopus" if path.suffix == ".webm" else "aac",
                                     rate=SOUND_RATE_HZ, layout="mono")  # fmt: skip
        for number, image in zip(range(seconds * FRAME_RATE), frames, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
            container.mux(voice.encode(sound(number)))
        container.mux(stream.encode())
        container.mux(voice.encode())


def sound(number: int) -> AudioFrame:
    """What is heard during a frame: a buzz in syllables, two seconds of every three."""
    import av
    import numpy as np

    count = SOUND_RATE_HZ // FRAME_RATE
    seconds = (number * count + np.arange(count)) / SOUND_RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 130 * k * seconds) / k for k in range(1, 12))
    syllables = (seconds % 3 < 2) * np.abs(np.sin(2 * np.pi * 2 * seconds))
    samples = np.asarray(0.1 * buzz * syllables, np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = SOUND_RATE_HZ
    frame.pts, frame.time_base = number * count, Fraction(1, SOUND_RATE_HZ)
    return frame


def repeat(source: Path, source_s: int, path: Path, seconds: int, title: str = "") -> None:
    """Write the packets of a recording of that length again and again, until it is as long."""
    import av

    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        written: dict[int, Any] = {}
        last: dict[int, int] = {}
        for start_s in range(0, seconds, source_s):
            with av.open(str(source)) as given:
                for stream in given.streams:
                    if start_s == 0:
                        written[stream.index] = container.add_stream_from_template(
                            stream, opaque=True
                        )
                for packet in given.demux():
                    base = packet.stream.time_base
                    if packet.dts is None or packet.pts is None or base is None:
                        continue
                    if packet.pts * base >= min(source_s, seconds - start_s):
                        continue
                    shift = round(start_s / base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    if packet.dts <= last.get(packet.stream.index, packet.dts - 1):
                        continue  # of sound, where one round goes over into the next
                    last[packet.stream.index] = packet.dts
                    packet.stream = written[packet.stream.index]
                    container.mux(packet)
