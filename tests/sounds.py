"""Sounds that the tests make themselves, and recordings that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from poise.media.audio import SAMPLE_RATE_HZ
from poise.types import FloatArray
from tests.clips import TICKS, counting, quick


@cache
def vowels(seconds: float) -> FloatArray:
    """What sounds like a voice, read-only: a buzz in three moving formants; 16 kHz, float32."""
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * t)
    phase = np.cumsum(pitch) / SAMPLE_RATE_HZ
    first = 500 + 250 * np.sin(2 * np.pi * 1.9 * t)
    second = 1500 + 500 * np.sin(2 * np.pi * 1.3 * t + 1)
    sound = np.zeros_like(t)
    for k in range(1, 40):
        strength = sum(
            gain * np.exp(-0.5 * ((k * pitch - centre) / width) ** 2)
            for centre, width, gain in ((first, 90, 1.0), (second, 120, 0.6), (2600, 160, 0.3))
        )
        sound += strength * np.sin(2 * np.pi * k * phase)
    swell = np.clip(np.sin(2 * np.pi * 2.1 * t) + 0.6, 0, 1)
    sound = (0.1 * sound * swell).astype(np.float32)
    sound.setflags(write=False)
    return sound


def silence(seconds: float) -> FloatArray:
    """Nothing, 16 kHz."""
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


def write_sounding(
    path: Path,
    pieces: Sequence[tuple[float, FloatArray]],
    *,
    pictures_s: tuple[float, float] = (0.0, 1.0),
    codec: str = "aac",
    rate_hz: int = 16_000,
    picture_codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """A recording with sound, and with pictures that count tenths of a second.

    Args:
        path: Its suffix says the container.
        pieces: When each piece of sound begins, and its samples, 16 kHz.
        pictures_s: When the pictures begin and end; ten a second.
        codec: Of the sound.
        rate_hz: Of the stored sound.
        picture_codec: Of the pictures.
        options: Of the container.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(picture_codec, rate=10, options=quick(picture_codec))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, TICKS)
        sound = container.add_stream(codec, rate=rate_hz, layout="mono", options=quick(codec))
        assert isinstance(sound, av.AudioStream)
        packets: list[av.Packet] = []
        first, last = (round(10 * second) for second in pictures_s)
        for number in range(first, last):
            frame = av.VideoFrame.from_ndarray(counting(number % 256), format="rgb24")
            frame.pts, frame.time_base = 100 * number, Fraction(1, TICKS)
            packets += video.encode(frame)
        packets += video.encode()
        resampler = av.AudioResampler(
            format=sound.codec_context.format.name, layout="mono", rate=rate_hz,
            frame_size=sound.codec_context.frame_size or 1024,
        )  # fmt: skip
        for start_s, samples in pieces:
            whole = np.ascontiguousarray(samples[None], np.float32)
            given = av.AudioFrame.from_ndarray(whole, "flt", "mono")
            given.sample_rate, given.pts = SAMPLE_RATE_HZ, None
            count = 0
            for part in [*resampler.resample(given), *resampler.resample(None)]:
                part.pts = round(start_s * rate_hz) + count
                part.time_base = Fraction(1, rate_hz)
                count += part.samples
                packets += sound.encode(part)
            resampler = av.AudioResampler(
                format=sound.codec_context.format.name, layout="mono", rate=rate_hz,
                frame_size=sound.codec_context.frame_size or 1024,
            )  # fmt: skip
        packets += sound.encode()
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    return path


def with_sound(source: Path, path: Path, samples: FloatArray) -> Path:
    """The pictures of a recording with another sound.

    Args:
        source: The recording.
        path: Its suffix says the container.
        samples: From its beginning, 16 kHz.
    """
    with av.open(str(source)) as old, av.open(str(path), "w") as container:
        pictures = container.add_stream_from_template(old.streams.video[0])
        sound = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono")
        for packet in old.demux(old.streams.video[0]):
            if packet.size:
                packet.stream = pictures
                container.mux(packet)
        for start in range(0, len(samples), 1024):
            part = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts = SAMPLE_RATE_HZ, start
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


LATE = ("mp4", "mov", "mkv", "webm", "fragments")
"""Kinds of recordings that browsers play, of which `write_late` makes one."""
_FRAGMENTS = {"movflags": "frag_keyframe+delay_moov+dash+frag_discont"}


def write_late(
    folder: Path,
    kind: str,
    pieces: Sequence[tuple[float, FloatArray]] = (),
    pictures_s: tuple[float, float] = (5.0, 8.0),
) -> Path:
    """A recording of which nothing at all starts at 0, as cut from a live stream.

    Args:
        folder: Where to write it.
        kind: One of `LATE`, or `ogg`.
        pieces, pictures_s: See `write_sounding`; by default all lasts from 5 to 8 s.
    """
    suffix = "mp4" if kind == "fragments" else kind
    free = kind in ("webm", "ogg")
    return write_sounding(
        folder / f"late {kind}.{suffix}",
        pieces or [(5.0, vowels(3.0))],
        pictures_s=pictures_s,
        picture_codec="libvpx" if free else "libx264",
        codec="libopus" if free else "aac",
        rate_hz=48_000,
        options=_FRAGMENTS if kind == "fragments" else {},
    )
