"""Small recordings that the tests make themselves, whole and damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from poise.types import Image

TICKS = 1000  # per second, of the time stamps
ONE_THREAD = {"threads": "1"}  # of an encoder: of small pictures, threads take most of the time
_QUICK = {
    "libx264": ONE_THREAD | {"preset": "ultrafast"},
    "libvpx": ONE_THREAD | {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": ONE_THREAD | {"deadline": "realtime", "cpu-used": "8"},
    "aac": {"aac_coder": "fast"},
    "libopus": {"compression_level": "0"},
}


def quick(codec: str) -> dict[str, str]:
    """Options with which an encoder takes no more time than small recordings are worth.

    With these, H.264 has no picture that is predicted from a later one; `ONE_THREAD` leaves it so.
    """
    return _QUICK.get(codec, ONE_THREAD)


def frames_at(path: Path, times_s: Sequence[float]) -> Image:
    """The frames shown at the given ascending times, uint8 [N, H, W, 3], as they are stored."""
    found: list[Image] = []
    with av.open(str(path)) as container:
        last = None
        for frame in container.decode(video=0):
            while len(found) < len(times_s) and frame.time > times_s[len(found)] + 1e-6:
                assert last is not None
                found.append(np.asarray(last.to_ndarray(format="rgb24"), np.uint8))
            last = frame
        assert last is not None
        while len(found) < len(times_s):
            found.append(np.asarray(last.to_ndarray(format="rgb24"), np.uint8))
    return np.stack(found)


def pts_of(path: Path) -> list[float]:
    """Time stamps of all frames, as the container gives them."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def write_clip(
    path: Path,
    images: Sequence[Image] | Iterator[Image],
    times_ms: Sequence[int],
    *,
    rotation: int = 0,
    audio: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a recording whose frames have exactly the given time stamps.

    Args:
        path: Its suffix says the container.
        images: uint8 [H, W, 3] each, even sides, as stored.
        times_ms: Of each frame.
        rotation: Display rotation in the metadata, degrees counterclockwise.
        audio: Whether a track of silence comes with it.
        options: Of the encoder, beside its defaults here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264",
            rate=25,
            options=quick("libx264") | {"crf": "23"} | (options or {}),
        )
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=8000) if audio else None
        for number, (image, pts) in enumerate(zip(images, times_ms, strict=False)):
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            container.mux(_silence(sound, times_ms[-1] / TICKS))
    return path


def write_audio(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        container.mux(_silence(container.add_stream("aac", rate=8000), seconds))
    return path


def _silence(stream: av.AudioStream, seconds: float) -> list[av.Packet]:
    packets = []
    for k in range(max(1, int(seconds * 8000) // 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 8000, 1024 * k
        packets += stream.encode(frame)
    return packets + stream.encode()


def counting(number: int, size: tuple[int, int] = (64, 48)) -> Image:
    """A picture that says its number in black and white blocks: uint8 [H, W, 3]."""
    width, height = size
    bits = [(number >> k) & 1 for k in range(8)]
    row = np.repeat(np.array(bits, np.uint8) * 200 + 28, -(-width // 8))[:width]
    return np.repeat(np.broadcast_to(row, (height, width))[..., None], 3, axis=2).copy()


def number_in(image: Image) -> int:
    """The number that `counting` wrote."""
    blocks = np.array_split(image.mean(axis=(0, 2)), 8)
    return sum(int(block.mean() > 128) << k for k, block in enumerate(blocks))


def counting_clip(path: Path, times_ms: Sequence[int], **keywords: object) -> Path:
    """A recording in which each frame shows its number."""
    pictures = (counting(k % 256) for k in range(len(times_ms)))
    return write_clip(path, pictures, times_ms, **keywords)  # type: ignore[arg-type]


def changing_clip(path: Path, *, late: str, seconds: int = 60) -> Path:
    """Two structures in one transport stream: from 4 s on so many B-frames between references."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        number = 0
        for b_frames, times in (
            ("0", range(0, 4000, 40)), (late, range(4000, seconds * 1000, 40)),
        ):  # fmt: skip
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 1000), Fraction(25)
            encoder.options = {
                "preset": "fast", "crf": "10", "g": "50", "bf": b_frames, "b_strategy": "0",
                "threads": "1",
                "x264-params": "b-pyramid=none:bframes=" + b_frames,
            }  # fmt: skip
            frames = []
            for time_ms in times:
                image = counting(time_ms // 40 % 256)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                frames.append(frame)
            for packet in (p for frame in [*frames, None] for p in encoder.encode(frame)):
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.dts = 40 * number - 2000  # ascending, also from one encoder to the next
                number += 1
                container.mux(packet)
    return path


def beginning(source: Path, target: Path, seconds: float) -> Path:
    """The pictures of the first seconds of a recording, as they are encoded."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.dts is None or float(packet.pts * packet.time_base) > seconds:
                break
            packet.stream = copy
            output.mux(packet)
    return target


def cut_off(source: Path, target: Path, share: float) -> Path:
    """The beginning of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def damaged(source: Path, target: Path, *, start: float = 0.5, share: float = 0.1) -> Path:
    """A file with a stretch of its bytes overwritten by noise."""
    data = bytearray(source.read_bytes())
    low, high = int(len(data) * start), int(len(data) * (start + share))
    data[low:high] = np.random.default_rng(0).bytes(high - low)
    target.write_bytes(data)
    return target


def face_clip(path: Path, images: Image, *, seconds: float = 1.6, step_ms: int = 200) -> Path:
    """A short recording that shows some of the given frames in turn."""
    times_ms = range(0, int(seconds * TICKS), step_ms)
    return write_clip(path, (images[k % len(images)] for k in range(len(times_ms))), times_ms)


def copy(source: Path, target: Path) -> Path:
    """Copy a file to a path whose folders need not exist."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(source, target))
