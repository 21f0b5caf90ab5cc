"""Containers: a recording is one local file, whatever its bytes or its name say.

The victim's recording is yellow and of another size; no decoder may show it, however it is named.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from poise.errors import VideoError
from poise.media import container_types
from poise.media.container_types import begun_as, container_of, names_others, opened
from poise.media.decoders.streams import OpenedRecording
from poise.media.reader import DecodingProcess
from tests.clips import ONE_THREAD, counting, number_in
from tests.media.disguises import (
    BACKENDS,
    VICTIM_SIZE,
    assert_own,
    lists,
    shown,
)


def test_a_description_of_a_session_is_found_behind_zero_bytes() -> None:
    """As FFmpeg 4.1 finds it, which passes them on its way to the end of a line."""
    stream = (b"\x47\x1f\xff\x10" + bytes(184)) * 10
    assert not names_others(stream)
    assert names_others(stream + b"\nc=IN IP4 127.0.0.1\n")
    assert names_others(stream + b"\n\rc=IN IP4 127.0.0.1\n")
    assert not names_others(stream + b" c=IN IP4 127.0.0.1\n")


def test_pyav_reads_as_what_it_begins_as_and_as_nothing_else(
    tmp_path: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_bytes(own["mp4"])
    monkeypatch.setattr(container_types, "begun_as", lambda head: container_types.MATROSKA)
    with pytest.raises((av.error.FFmpegError, VideoError)):
        OpenedRecording(tmp_path / "a.mp4")


def _gif(path: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> Path:
    from PIL import Image as Pillow

    path.parent.mkdir(exist_ok=True)
    frames = [Pillow.new("RGB", size, tuple(c - k for c in colour)) for k in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200)
    return path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "victim"),
    [("%d/session.gif", "1/session.gif"), ("Mallory/a%03d.gif", "Mallory/a001.gif"),
     ("Mallor?/session.gif", "Mallory/session.gif"), ("{a,b}/session.gif", "a/session.gif")],
)  # fmt: skip
def test_a_name_that_is_a_pattern_is_that_of_one_file(
    tmp_path: Path, decoding: DecodingProcess, name: str, victim: str, backend: str
) -> None:
    _gif(tmp_path / victim, VICTIM_SIZE, (230, 230, 20))
    path = _gif(tmp_path / name, (64, 48), (90, 90, 90))
    images, _ = shown(decoding, path, backend)
    assert_own(images)
    assert images or backend == "decord"  # which reads no GIF


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    ["concat:a|b.mp4", "http:x.ts", "-i.mp4", "a.m3u8", "a.sdp", "a.txt", "a.jpg", "a.mpd",
     "a.idx", "%03d.jpg", "subfile,,start,0,end,9,,:a.mp4"],
)  # fmt: skip
def test_a_name_says_nothing_to_a_decoder(
    tmp_path: Path, decoding: DecodingProcess, monkeypatch: pytest.MonkeyPatch,
    own: dict[str, bytes], name: str, backend: str,
) -> None:  # fmt: skip
    (tmp_path / name).write_bytes(own["mp4"])
    images, reason = shown(decoding, tmp_path / name, backend)
    assert reason == ""
    assert {image.shape for image in images} == {(48, 64, 3)}


@pytest.mark.parametrize("folder", ["/proc/self/fd", "/nowhere"])
def test_a_recording_is_handed_over_without_its_name(
    tmp_path: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """By its descriptor or, where the system names none, by a link."""
    monkeypatch.setattr(container_types, "DESCRIPTORS", folder)
    path = tmp_path / "a%03d.gif"
    path.write_bytes(own["mp4"])
    with opened(path) as (_, name):
        assert Path(name).is_absolute()
        assert Path(name).read_bytes() == own["mp4"]
        assert "." not in Path(name).name and "%" not in name
        if folder == "/proc/self/fd":
            path.rename(tmp_path / "gone")
            path.write_bytes(b"#EXTM3U\n")
            assert Path(name).read_bytes() == own["mp4"]
    assert not Path(name).exists()


ALLOWED = {
    "a.mp4": ("libx264", "yuv420p"), "a.m4v": ("libx264", "yuv420p"),
    "a.3gp": ("libx264", "yuv420p"), "a.mov": ("libx264", "yuv420p"),
    "a.mkv": ("libx264", "yuv420p"), "a.webm": ("libvpx", "yuv420p"),
    "a.avi": ("mpeg4", "yuv420p"), "a.flv": ("libx264", "yuv420p"),
    "a.ts": ("libx264", "yuv420p"), "a.m2ts": ("libx264", "yuv420p"),
    "a.mpg": ("mpeg2video", "yuv420p"), "a.m2v": ("mpeg2video", "yuv420p"),
    "a.wmv": ("wmv2", "yuv420p"), "a.gif": ("gif", "gray"),
}  # fmt: skip


NOT_BY_DECORD = (".gif", ".m2v", ".mpg")  # it finds no frame in them, or no time stamps


def _make(path: Path) -> Path:
    codec, pixels = ALLOWED[path.name]
    options = {"mpegts_m2ts_mode": "1"} if path.suffix == ".m2ts" else {}
    format_ = {".m2ts": "mpegts", ".m2v": "mpeg2video", ".m4v": "mp4"}.get(path.suffix)
    with av.open(str(path), "w", format=format_, options=options) as container:
        stream = container.add_stream(codec, rate=25, options=ONE_THREAD)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.bit_rate = 2_000_000
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(counting(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ALLOWED)
def test_every_allowed_container_is_read(
    tmp_path: Path, decoding: DecodingProcess, name: str
) -> None:
    path = _make(tmp_path / name)
    images, reason = shown(decoding, path, "pyav")
    assert reason == ""
    assert [number_in(image) for image in images] == [
        *(math.ceil(2.5 * k) for k in range(20)),
        0,
        12,
    ]
    if path.suffix not in NOT_BY_DECORD:
        images, reason = shown(decoding, path, "decord")
        assert reason == ""
        assert {image.shape for image in images} == {(48, 64, 3)}


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"\0\0\0\x20ftypisom", "mov"), (b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x20", "mov"),
        (b"\0\0\0\0mdat", "mov"), (b"\0\0\0\x08wide", "mov"), (b"\0\0\0\x14pnot", "mov"),
        (b"\x1a\x45\xdf\xa3\x01", "matroska"), (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"FLV\x01\x05", "flv"), (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "mpegts"),
        (bytes(4) + (b"G" + bytes(191)) * 3, "mpegts"), (b"\0\0\x01\xba", "mpeg"),
        (b"\0\0\x01\xb3", "mpegvideo"), (container_types.ASF, "asf"), (b"GIF89a", "gif"),
        (b"", None), (b"G", None), (b"G" * 3, None), (b"\0\0\0\x04ftyp", None), (b"OggS", None),
        (b"RIFF\0\0\0\0WAVE", None), (b"MLVI", None), (b" #EXTM3U", None), (b"\xff\xd8\xff", None),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"x" + bytes(187), None),
    ],
)  # fmt: skip
def test_what_a_file_begins_as(head: bytes, demuxer: str | None) -> None:
    found = begun_as(head)
    assert (found and found.demuxer) == demuxer


def test_what_cannot_be_opened_is_told(
    tmp_path: Path, own: dict[str, bytes], listener: tuple[int, list[str]]
) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, cause in (("empty", "is empty"), ("folder", "is not a file"),
                        ("pipe", "is not a file"), ("missing", "cannot be opened")):  # fmt: skip
        with pytest.raises(VideoError, match=cause), opened(tmp_path / f"{name}.mp4"):
            pass
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("empty", "folder", "pipe"):
        with pytest.raises(VideoError), opened(tmp_path / f"{name}.mp4"):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


@pytest.mark.parametrize("name", ["interview", "b.mp4.crdownload", "a.txt", "a.VOB"])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_recording_is_known_whatever_its_ending(
    tmp_path: Path, own: dict[str, bytes], name: str, kind: str
) -> None:
    (tmp_path / name).write_bytes(own[kind])
    assert container_of(tmp_path / name) is not None


def test_what_is_no_recording_is_known_for_that(tmp_path: Path, own: dict[str, bytes]) -> None:
    for name, data in (
        ("empty.mp4", b""), ("text.mp4", b"A letter.\n" * 200), ("noise.mp4", bytes(5000)),
        ("list.ts", lists(tmp_path, 1)["hls"].encode() + own["ts"]),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        assert container_of(tmp_path / name) is None, name
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("pipe.mp4", "missing.mp4", "."):
        assert container_of(tmp_path / name) is None, name


@pytest.mark.parametrize("suffix", ["mxf", "asf", "vob", "ogv"])
def test_less_usual_containers_are_read(
    tmp_path: Path, decoding: DecodingProcess, suffix: str
) -> None:
    codecs = {"mxf": "mpeg2video", "vob": "mpeg2video", "asf": "msmpeg4v3", "ogv": "libtheora"}
    path = tmp_path / f"a.{suffix}"
    try:
        with av.open(str(path), "w", format="ogg" if suffix == "ogv" else None) as container:
            stream = container.add_stream(codecs[suffix], rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(50):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except (ValueError, av.error.FFmpegError) as error:
        pytest.skip(f"this FFmpeg does not write {suffix} ({error})")
    path = path.rename(tmp_path / "interview")
    assert container_of(path) is not None
    _, items = decoding.sample(path, backend="auto", rate_hz=5, short_side_px=None)
    *batches, end = list(items)
    assert sum(len(batch) for batch in batches) == 10
    assert end.loss == ""
