"""What is copied, and what is not: only what every browser plays, upright, seeks in and knows."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from poise.media.decoders.pyav import PyAVDecoder
from poise.media.encoding import carry_out
from poise.media.playability import plays_as_it_is
from poise.media.transcode import Job
from tests.clips import counting, counting_clip, pts_of, quick
from tests.sounds import write_late


def _plays(path: Path, lines: int = 540) -> str:
    return plays_as_it_is(path, PyAVDecoder(path).info, lines)


def _encoded(
    path: Path, codec: str, *, sound: str = "", tracks: int = 1, pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    with av.open(str(path), "w", options=options or {}) as container:
        videos = [container.add_stream(codec, rate=25, options=quick(codec)) for _ in range(tracks)]
        heard = container.add_stream(sound, rate=48_000) if sound else None
        for video in videos:
            video.width, video.height, video.pix_fmt = 64, 48, pixels
        for number in range(50):
            for video in videos:
                frame = av.VideoFrame.from_ndarray(counting(number), format="rgb24")
                container.mux(video.encode(frame))
        for video in videos:
            container.mux(video.encode())
        if heard is not None:
            for packet in _silence(heard):
                container.mux(packet)
    return path


def _silence(stream: av.AudioStream) -> list[av.Packet]:
    import numpy as np

    frame = av.AudioFrame.from_ndarray(np.zeros((2, 48_000), np.float32), "fltp", "stereo")
    frame.sample_rate, frame.pts = 48_000, 0
    return stream.encode(frame) + stream.encode()


@pytest.mark.parametrize(
    ("name", "codec", "sound", "suffix"),
    [
        ("a.mp4", "libx264", "", ".mp4"),
        ("a.mp4", "libx264", "aac", ".mp4"),
        ("a.webm", "libvpx", "libopus", ".webm"),
        ("a.webm", "libvpx-vp9", "", ".webm"),
        ("a.mov", "libx264", "aac", ""),
        ("a.mkv", "libx264", "aac", ""),
        ("a.mp4", "libx265", "aac", ""),
        ("a.mp4", "mpeg4", "", ""),
        ("a.mp4", "libx264", "ac3", ""),
    ],
)
def test_containers_and_codecs(
    name: str, codec: str, sound: str, suffix: str, tmp_path: Path
) -> None:
    assert _plays(_encoded(tmp_path / name, codec, sound=sound)) == suffix


def test_what_a_browser_may_stumble_over(tmp_path: Path) -> None:
    few = counting_clip(tmp_path / "few.mp4", range(0, 400, 40), audio=True)
    assert _plays(few) == ".mp4"
    assert _plays(few, lines=40) == ""  # too large
    assert _plays(counting_clip(tmp_path / "t.mp4", range(0, 400, 40), rotation=90)) == ""
    assert _plays(_encoded(tmp_path / "two.mp4", "libx264", tracks=2)) == ""
    assert _plays(_encoded(tmp_path / "422.mp4", "libx264", pixels="yuv422p")) == ""
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    assert _plays(_encoded(tmp_path / "f.mp4", "libx264", options=fragments)) == ""
    assert _plays(write_late(tmp_path, "mp4")) == ""
    assert _plays(write_late(tmp_path, "webm")) == ""
    live = _encoded(tmp_path / "l.webm", "libvpx", options={"live": "1"})
    assert _plays(live) == ""


def test_a_copy_is_the_recording_itself(tmp_path: Path) -> None:
    source = counting_clip(tmp_path / "a.mp4", range(0, 400, 40), audio=True)
    made = carry_out(Job(source=source, stem=tmp_path / "b", may_copy=True), lambda _: None)
    assert (made.path, made.copied) == (tmp_path / "b.mp4", True)
    assert made.path.read_bytes() == source.read_bytes()
    again = carry_out(Job(source=source, stem=tmp_path / "c"), lambda _: None)
    assert not again.copied
    assert pts_of(again.path) == pts_of(source)
