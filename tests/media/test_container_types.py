"""Containers: a recording is one local file, whatever its bytes or its name say.

The victim's recording is yellow and of another size; no decoder may show it, however it is named.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import poise.media.reader
from poise.errors import PoiseError, VideoError
from poise.media import container_types
from poise.media.container_types import begun_as, container_of, names_others, opened
from poise.media.decoders.decord import format_found, opened_reader
from poise.media.decoders.server import SampleEnd
from poise.media.decoders.streams import OpenedRecording
from poise.media.reader import DecodingProcess
from poise.types import Image
from tests.clips import counting, counting_clip, number_in, write_clip
from tests.conftest import ROOT

BACKENDS = ("pyav", "decord")
LIST = "is a playlist or description that names other files, not a recording"
OTHER = "is not a kind of recording that Poise reads"
NUMBERS = range(10)
TIMES_MS = range(0, 1000, 100)
VICTIM_SIZE = (160, 120)
_PYAV_DIES = """
import os
import poise.media.decoders.server as server
whole = server.open_decoder
def opening(path, backend):
    if backend == "pyav":
        {end}
    return whole(path, backend)
server.open_decoder = opening
server.main()
"""


@pytest.fixture(scope="module")
def decoding() -> Iterator[DecodingProcess]:
    with DecodingProcess(stall_timeout_s=15) as process:
        yield process


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Mallory's own recording, in three containers."""
    folder = tmp_path_factory.mktemp("own")
    return {
        kind: counting_clip(folder / f"own.{kind}", TIMES_MS).read_bytes()
        for kind in ("ts", "mp4", "mkv")
    }


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with another person's recordings, `Victim`, and an empty one, `Mallory`."""
    root = tmp_path_factory.mktemp("victims")
    (root / "Mallory").mkdir()
    yellow = np.full((VICTIM_SIZE[1], VICTIM_SIZE[0], 3), (230, 230, 20), np.uint8)
    for suffix in (".ts", ".mp4"):
        write_clip(root / "Victim" / f"session{suffix}", [yellow] * 10, TIMES_MS)
    shutil.copy(root / "Victim" / "session.ts", root / "Mallory" / "beside.ts")
    return root


def _shown(decoding: DecodingProcess, path: Path, backend: str) -> tuple[list[Image], str]:
    """All pictures that anyone could get of a file, and why there are no more."""
    images: list[Image] = []
    reason = ""
    try:
        info = decoding.describe(path, backend=backend)
        assert (info.width_px, info.height_px) != VICTIM_SIZE
    except PoiseError as error:
        reason = str(error)
    try:
        _, items = decoding.sample(path, backend=backend, rate_hz=10, short_side_px=None)
        images += [image for item in items if not isinstance(item, SampleEnd)
                   for image in item.images]  # fmt: skip
    except PoiseError as error:
        reason = str(error)
    try:
        images += decoding.fetch(path, backend=backend, pts_s=[0.0, 0.5])
    except PoiseError as error:
        reason = str(error)
    return images, reason


def _assert_own(images: list[Image]) -> None:
    """None is the victim's."""
    for image in images:
        assert image.shape[:2] != VICTIM_SIZE[::-1]
        assert not (image[..., 0].mean() > 200 and image[..., 2].mean() < 90)


def _lists(victims: Path, port: int) -> dict[str, str]:
    """What names the victim's recordings and an address, in every way that FFmpeg might follow."""
    web = f"http://127.0.0.1:{port}/x.ts"
    file = f"file://{victims}/Victim/session.ts"
    segment = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "hls": segment.format("../Victim/session.ts"),
        "hls beside": segment.format("beside.ts"),
        "hls file": segment.format(file),
        "hls web": segment.format(web),
        "hls variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\n../Victim/session.ts\n",
        "ffconcat": "ffconcat version 1.0\nfile beside.ts\n",
        "ffconcat up": f"ffconcat version 1.0\nfile '../Victim/session.ts'\nfile '{file}'\n",
        "mpd": '<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        f"<BaseURL>{web}</BaseURL></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 33",
        "smil": f'<smil><body><video src="{file}"/></body></smil>',
        "ism": f'<SmoothStreamingMedia><c Url="{web}"/></SmoothStreamingMedia>',
        "rtsp": f"RTSPtext\nrtsp://127.0.0.1:{port}/x",
        "xspf": f'<playlist version="1"><location>{file}</location></playlist>',
        "cue": 'FILE "../Victim/session.ts" WAVE\n  TRACK 01 AUDIO\n',
        "asx": f'<asx version="3.0"><entry><ref href="{web}"/></entry></asx>',
        "pls": f"[playlist]\nFile1={file}\nNumberOfEntries=1\n",
        "reference": f"[Reference]\r\nRef1={web}\r\n",
        "vobsub": "# VobSub index file, v7\nid: en, index: 0\n",
    }  # fmt: skip


KINDS = list(_lists(Path(), 0))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_with_a_recording_behind_it_shows_nobody_else(
    victims: Path, own: dict[str, bytes], decoding: DecodingProcess,
    listener: tuple[int, list[str]], kind: str, backend: str,
) -> None:  # fmt: skip
    port, calls = listener
    text = _lists(victims, port)[kind].encode()
    for suffix, behind in ((".ts", "ts"), (".mp4", "ts"), (".mp4", "mp4"), (".mkv", "mkv"),
                           (".mov", "mp4")):  # fmt: skip
        path = victims / "Mallory" / f"session{suffix}"
        path.write_bytes(text + b"\n" + own[behind])
        images, reason = _shown(decoding, path, backend)
        _assert_own(images)
        assert LIST in reason
        path.unlink()
    assert calls == []


@pytest.mark.parametrize("end", ["os._exit(1)", "__import__('time').sleep(600)"])
@pytest.mark.parametrize("kind", ["hls", "hls file", "hls web"])
def test_where_pyav_dies_or_hangs_decord_shows_nobody_else(
    victims: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch,
    listener: tuple[int, list[str]], kind: str, end: str,
) -> None:  # fmt: skip
    port, calls = listener
    path = victims / "Mallory" / "session.mp4"
    path.write_bytes(_lists(victims, port)[kind].encode() + own["ts"])
    monkeypatch.setattr(poise.media.reader, "SERVER", _PYAV_DIES.format(end=end))
    with DecodingProcess(stall_timeout_s=1.5) as process:
        with pytest.raises(VideoError):
            process.sample(path, backend="auto", rate_hz=10, short_side_px=None)
        images, _ = _shown(process, path, "auto")
    path.unlink()
    assert images == []
    assert calls == []


# Lists within what begins as a container


def _null_packet(text: bytes) -> bytes:
    """A packet of a transport stream that players throw away, without a zero byte before a text."""
    return (b"\x47\x5f\xff\x1f" + text).ljust(188, b"\xff")


def _hidden(kind: str, own: dict[str, bytes], text: bytes) -> bytes:
    if kind == "ts":
        return _null_packet(text) + own["ts"]
    if kind == "m2ts":
        packets = [own["ts"][k : k + 188] for k in range(0, len(own["ts"]), 188)]
        return b"".join(b"\x7f\x7f\x7f\x7f" + packet for packet in [_null_packet(text), *packets])
    if kind == "mkv":  # a Void element, whose length has no zero byte, at the head of the file
        header, size = own["mkv"][:4], len(text) + 2
        rest = own["mkv"][5:] if own["mkv"][4] & 0x80 else own["mkv"][12:]
        length = own["mkv"][4] & 0x7F if own["mkv"][4] & 0x80 else own["mkv"][11]
        return (
            header
            + bytes([0x40, length + size])
            + b"\xec"
            + bytes([0x80 | len(text)])
            + text
            + rest
        )
    if kind == "mp4":  # the size of a `free` box, without a zero byte
        size = 0x01010101
        return size.to_bytes(4, "big") + b"free" + text.ljust(size - 8, b" ") + own["mp4"]
    raise ValueError(kind)


MPD = b'<MPD profiles="urn:mpeg:dash:profile:isoff-live:2011">'
SDP = b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 33\n"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", [MPD, SDP], ids=["mpd", "sdp"])
@pytest.mark.parametrize("kind", ["ts", "m2ts", "mkv", "mp4"])
def test_a_list_within_a_container_is_refused(
    tmp_path: Path, own: dict[str, bytes], decoding: DecodingProcess,
    kind: str, text: bytes, backend: str,
) -> None:  # fmt: skip
    path = tmp_path / "a.mp4"
    path.write_bytes(_hidden(kind, own, text))
    with path.open("rb") as file:
        assert begun_as(file.read(4096)) is not None
    images, reason = _shown(decoding, path, backend)
    assert images == []
    assert LIST in reason


def test_a_description_of_a_session_is_found_behind_zero_bytes() -> None:
    """As FFmpeg 4.1 finds it, which passes them on its way to the end of a line."""
    stream = (b"\x47\x1f\xff\x10" + bytes(184)) * 10
    assert not names_others(stream)
    assert names_others(stream + b"\nc=IN IP4 127.0.0.1\n")
    assert names_others(stream + b"\n\rc=IN IP4 127.0.0.1\n")
    assert not names_others(stream + b" c=IN IP4 127.0.0.1\n")


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_found_only_later_is_not_looked_for(
    tmp_path: Path, own: dict[str, bytes], decoding: DecodingProcess, backend: str
) -> None:
    path = tmp_path / "a.ts"
    for junk in (b"G", b"noise" * 40, bytes(188)):
        path.write_bytes(junk + own["ts"])
        images, reason = _shown(decoding, path, backend)
        assert images == []
        assert OTHER in reason


def test_decord_is_asked_what_it_would_take_a_file_for(
    tmp_path: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its FFmpeg's word counts even where nothing was found in the bytes before."""
    for kind, data in own.items():
        path = tmp_path / f"a.{kind}"
        path.write_bytes(data)
        with opened(path) as (container, name):
            assert container.is_called(format_found(name))
    path.write_bytes(_lists(tmp_path, 1)["hls"].encode() + own["ts"])
    assert format_found(str(path)) == "hls,applehttp"
    assert format_found(str(tmp_path / "%d.png")) == "image2"
    assert format_found(str(tmp_path / "missing")) is None
    monkeypatch.setattr(container_types, "names_others", lambda head: False)
    monkeypatch.setattr(container_types, "begun_as", lambda head: container_types.TRANSPORT_STREAM)
    with pytest.raises(VideoError, match="another kind of file than it begins as"):
        opened_reader(path)


def test_pyav_reads_as_what_it_begins_as_and_as_nothing_else(
    tmp_path: Path, own: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_bytes(own["mp4"])
    monkeypatch.setattr(container_types, "begun_as", lambda head: container_types.MATROSKA)
    with pytest.raises((av.error.FFmpegError, VideoError)):
        OpenedRecording(tmp_path / "a.mp4")


# Names


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
    images, _ = _shown(decoding, path, backend)
    _assert_own(images)
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
    images, reason = _shown(decoding, tmp_path / name, backend)
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


# Tracks kept in other files


def _with_reference(data: bytes, entry: bytes) -> bytes:
    """An MP4, its index at the end, whose first track refers to another file for its pictures."""
    changed = bytearray(data)
    start, end, way = 0, len(data), []
    for wanted in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        while data[start + 4 : start + 8] != wanted:
            start += int.from_bytes(data[start : start + 4], "big")
            assert start < end
        way.append(start)
        start += 8
    entries = start + 8
    length = int.from_bytes(data[entries : entries + 4], "big")
    changed[entries : entries + length] = entry
    for place in way:
        size = int.from_bytes(data[place : place + 4], "big") + len(entry) - length
        changed[place : place + 4] = size.to_bytes(4, "big")
    return bytes(changed)


def _alias(target: Path) -> bytes:
    """QuickTime's alias record of a file, with its absolute path."""
    name = str(target).encode()
    name += bytes(len(name) % 2)
    record = bytes(10) + b"\4disk".ljust(28, b"\0") + bytes(12)
    record += bytes([len(target.name)]) + target.name.encode().ljust(63, b"\0") + bytes(16)
    record += (1).to_bytes(2, "big") * 2 + bytes(16)
    record += (2).to_bytes(2, "big") + len(name).to_bytes(2, "big") + name + b"\xff\xff\0\0"
    return (12 + len(record)).to_bytes(4, "big") + b"alis" + bytes(4) + record


def _url(address: str) -> bytes:
    text = address.encode() + b"\0"
    return (12 + len(text)).to_bytes(4, "big") + b"url " + bytes(4) + text


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["alias", "alias web", "url file", "url web", "url up"])
def test_tracks_kept_in_other_files_are_not_looked_for(
    victims: Path, own: dict[str, bytes], decoding: DecodingProcess,
    listener: tuple[int, list[str]], kind: str, backend: str,
) -> None:  # fmt: skip
    port, calls = listener
    session = victims / "Victim" / "session.mp4"
    entry = {
        "alias": _alias(session),
        "alias web": _alias(Path(f"http://127.0.0.1:{port}/x.mp4")),
        "url file": _url(f"file://{session}"),
        "url web": _url(f"http://127.0.0.1:{port}/x.mp4"),
        "url up": _url("../Victim/session.mp4"),
    }[kind]
    path = victims / "Mallory" / "session.mp4"
    path.write_bytes(_with_reference(session.read_bytes(), entry))
    if kind == "alias":  # the file is made as it must be: who follows references finds the victim
        options = {"enable_drefs": "1", "use_absolute_path": "1"}
        with av.open(str(path), options=options) as container:
            assert next(container.decode(video=0)).width == VICTIM_SIZE[0]
    own_bytes = path.read_bytes()
    # Without the pictures: whatever is shown now comes from elsewhere.
    start = own_bytes.index(b"mdat") + 4
    size = int.from_bytes(own_bytes[start - 8 : start - 4], "big") - 8
    path.write_bytes(own_bytes[:start] + bytes(size) + own_bytes[start + size :])
    images, reason = [], ""
    try:
        _, items = decoding.sample(path, backend=backend, rate_hz=10, short_side_px=None)
        images = [i for item in items if not isinstance(item, SampleEnd) for i in item.images]
    except VideoError as error:
        reason = str(error)
    path.unlink()
    assert images == [] and reason
    assert calls == []


def _with_subtitles(data: bytes, text: bytes) -> bytes:
    """An AVI with a stream of subtitles, which are a file within the file."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)

    def grown(data: bytes, place: int, addition: bytes) -> bytes:
        """With a chunk at the end of a list."""
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        end = place + 8 + size
        size += len(addition)
        data = data[:end] + addition + data[end:]
        return data[: place + 4] + size.to_bytes(4, "little") + data[place + 8 :]

    header = b"txts" + bytes(16) + (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
    header = chunk(b"strh", header.ljust(56, b"\0")) + chunk(b"strf", b"")
    packet = b"GAB2\0\2\0" + (2).to_bytes(4, "little") + b"x\0" + b"\4\0"
    packet += len(text).to_bytes(4, "little") + text
    before = len(data)
    data = grown(data, data.index(b"movi") - 8, chunk(b"01tx", packet))
    data = grown(data, data.index(b"hdrl") - 8, chunk(b"LIST", b"strl" + header))
    size = int.from_bytes(data[4:8], "little") + len(data) - before
    return data[:4] + size.to_bytes(4, "little") + data[8:]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["hls file", "hls web", "ffconcat up", "mpd", "sdp"])
def test_subtitles_that_are_a_list_open_nothing(
    victims: Path, decoding: DecodingProcess, listener: tuple[int, list[str]],
    kind: str, backend: str,
) -> None:  # fmt: skip
    port, calls = listener
    path = counting_clip(victims / "Mallory" / "a.avi", TIMES_MS)
    whole = path.read_bytes()
    path.write_bytes(_with_subtitles(whole, b"1\n00:00:00,000 --> 00:00:01,000\nsaid\n\n"))
    with av.open(str(path)) as container:  # the file is made as it must be
        list(container.demux())
        assert [s.codec_context and s.codec_context.name for s in container.streams][1] in (
            "srt",
            "subrip",
        )
    path.write_bytes(_with_subtitles(whole, _lists(victims, port)[kind].encode()))
    images, _ = _shown(decoding, path, backend)
    path.unlink()
    _assert_own(images)
    assert calls == []


# What is asked of the system


def test_a_trace_shows_that_nothing_else_is_opened(
    victims: Path, own: dict[str, bytes], tmp_path: Path
) -> None:
    """Both decoders, on a list and on a file with a reference: no socket, no other recording."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log, folder = tmp_path / "trace", victims / "Mallory"
    session = victims / "Victim" / "session.mp4"
    paths = {
        "list.ts": _lists(victims, 9)["hls"].encode() + own["ts"],
        "plain.mp4": own["mp4"],
        "reference.mp4": _with_reference(session.read_bytes(), _alias(session)),
    }
    for name, data in paths.items():
        (folder / name).write_bytes(data)
    program = """
import sys
from pathlib import Path
from poise.media.decoders import open_decoder
from poise.errors import VideoError
for path in sys.argv[1:]:
    for backend in ("pyav", "decord"):
        try:
            decoder = open_decoder(Path(path), backend)
            list(decoder.sample(5, None))
            list(decoder.fetch([0.0]))
        except VideoError:
            pass
"""
    done = subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=openat,open,openat2,socket,connect", "-o", str(log),
         sys.executable, "-c", program, *(str(folder / name) for name in paths)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    for name in paths:
        (folder / name).unlink()
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("this system allows no traces")
    assert done.returncode == 0, done.stderr
    trace = log.read_text(encoding="utf-8", errors="replace")
    assert "Victim" not in trace and "beside.ts" not in trace
    assert "AF_INET" not in trace and "connect(" not in trace
    assert str(folder / "list.ts") in trace and "/fd/" in trace


# What is read


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
        stream = container.add_stream(codec, rate=25)
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
    images, reason = _shown(decoding, path, "pyav")
    assert reason == ""
    assert [number_in(image) for image in images] == [
        *(math.ceil(2.5 * k) for k in range(20)),
        0,
        12,
    ]
    if path.suffix not in NOT_BY_DECORD:
        images, reason = _shown(decoding, path, "decord")
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


def test_a_list_costs_itself_alone(
    tmp_path: Path, victims: Path, own: dict[str, bytes], model_dir: Path, workers_closed: None
) -> None:
    from poise.batch.run import analyze
    from poise.settings import Settings

    shutil.copytree(victims, tmp_path / "in")
    (tmp_path / "in" / "Mallory" / "beside.ts").unlink()
    (tmp_path / "in" / "Victim" / "session.mp4").unlink()
    (tmp_path / "in" / "Mallory" / "session.mp4").write_bytes(
        _lists(victims, 9)["hls"].encode() + own["ts"]
    )
    (tmp_path / "in" / "candidates.csv").write_text(
        "recording,consent\nVictim/session.ts,no\n", encoding="utf-8"
    )
    (tmp_path / "in" / "good.mp4").write_bytes(own["mp4"])
    settings = Settings(model=str(model_dir), device="cpu", jobs=1, decoder="decord")
    result = analyze(tmp_path / "in", tmp_path / "out", settings)
    assert result.exit_code == 3
    with (tmp_path / "out" / "recordings.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["recording_id"]: row for row in csv.DictReader(file)}
    assert LIST in rows["Mallory/session.mp4"]["error"]
    assert rows["good.mp4"]["error"] == ""


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
        ("list.ts", _lists(tmp_path, 1)["hls"].encode() + own["ts"]),
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
