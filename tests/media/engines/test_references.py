"""Which frames are referred to, read from the head of their packets."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from poise.media.engines.references import is_referred_to, length_size_of
from tests.conftest import SAMPLES


def unit(head: bytes, length_size: int = 4) -> bytes:
    """A unit of a bit stream as MP4 holds it."""
    return (len(head) + 8).to_bytes(length_size, "big") + head + bytes(8)


@pytest.mark.parametrize(
    ("codec", "extradata", "size"),
    [
        ("h264", b"\1\x64\0\x1f\xff\xe1", 4),
        ("h264", b"\1\x64\0\x1f\xfd\xe1", 2),
        ("hevc", b"\1" + bytes(20) + b"\xfb", 4),
        ("h264", b"\0\0\0\1\x67\x64", None),  # start codes, as in a transport stream
        ("h264", b"\1\x64", None),
        ("hevc", b"\1" + bytes(10), None),
        ("vp9", b"\1" + bytes(30), None),
        ("h264", b"", None),
        ("h264", None, None),
    ],
)
def test_length_of_a_length(codec: str, extradata: bytes | None, size: int | None) -> None:
    assert length_size_of(extradata, codec) == size


@pytest.mark.parametrize(
    ("codec", "units", "referred_to"),
    [
        ("h264", [b"\x65"], True),  # IDR
        ("h264", [b"\x41"], True),
        ("h264", [b"\x01"], False),  # nal_ref_idc 0
        ("h264", [b"\x09", b"\x06", b"\x01"], False),  # behind delimiter and SEI
        ("h264", [b"\x06"], True),  # no slice: not known
        ("hevc", [b"\x02\x01"], True),  # TRAIL_R
        ("hevc", [b"\x00\x01"], False),  # TRAIL_N
        ("hevc", [b"\x46\x01", b"\x10\x01"], False),  # delimiter, then RASL_N
        ("hevc", [b"\x26\x01"], True),  # IDR_W_RADL
        ("vp9", [b"\x01"], True),
    ],
)
@pytest.mark.parametrize("length_size", [2, 4])
def test_slices(codec: str, units: list[bytes], referred_to: bool, length_size: int) -> None:
    data = memoryview(b"".join(unit(head, length_size) for head in units))
    assert is_referred_to(data, codec, length_size) is referred_to


def test_what_cannot_be_told_may_be_needed() -> None:
    assert is_referred_to(memoryview(unit(b"\x01")), "h264", None)
    assert is_referred_to(memoryview(b""), "h264", 4)
    assert is_referred_to(memoryview(b"\0\0\0"), "h264", 4)


def test_a_real_recording_says_the_same_as_ffmpeg() -> None:
    path: Path = SAMPLES / "Sample A" / "interview 1.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = length_size_of(stream.codec_context.extradata, "h264")
        kept = sorted(
            packet.pts
            for packet in container.demux(stream)
            if packet.size and is_referred_to(memoryview(bytes(packet)), "h264", size)
        )
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        assert [frame.pts for frame in container.decode(stream)] == kept
        assert len(kept) < stream.frames
