"""Whether other frames refer to a frame: the heads of packets say what FFmpeg finds."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from poise.media.engines.references import is_referred_to, length_size_of


def _clip(path: Path, encoder: str, options: dict[str, str]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(encoder, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        rng = np.random.default_rng(0)
        for number in range(30):
            image = rng.integers(0, 40, (96, 128, 3), np.uint8) + np.uint8(5 * number)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("libx264", {"bf": "3", "x264-params": "b-adapt=0:scenecut=0"}),
        ("libx264", {"bf": "0"}),
        ("libx265", {"x265-params": "log-level=none:bframes=3"}),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_ffmpeg_leaves_out_nobody_refers_to(
    tmp_path: Path, encoder: str, options: dict[str, str], suffix: str
) -> None:
    path = _clip(tmp_path / f"a{suffix}", encoder, options)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        told = stream.codec_context
        size = length_size_of(told.extradata, told.name)
        assert size == 4
        kept = sorted(
            packet.pts
            for packet in container.demux(stream)
            if packet.size
            and packet.pts is not None
            and is_referred_to(memoryview(packet), told.name, size)
        )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        assert kept == [frame.pts for frame in container.decode(stream)]
    assert (len(kept) < 30) == (options != {"bf": "0"})


def test_where_it_cannot_be_told_a_frame_may_be_needed() -> None:
    start_codes = b"\0\0\0\1\x67\x42"
    assert length_size_of(start_codes, "h264") is None
    assert length_size_of(None, "h264") is None
    assert length_size_of(b"\1" * 40, "vp9") is None
    assert is_referred_to(memoryview(b"\0\0\0\1\1"), "h264", None)
    assert is_referred_to(memoryview(b""), "h264", 4)
    assert is_referred_to(memoryview(b"\xff" * 9), "h264", 4)
    assert not is_referred_to(memoryview(b"\0\0\0\1\1"), "h264", 4)
