"""Lists of other files in the guise of a recording, or within one: nobody else is shown."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest

import poise.media.reader
from poise.errors import VideoError
from poise.media.container_types import begun_as
from poise.media.decoders.server import SampleEnd
from poise.media.reader import DecodingProcess
from tests.clips import counting_clip
from tests.conftest import ROOT
from tests.media.disguises import (
    BACKENDS,
    KINDS,
    LIST,
    OTHER,
    TIMES_MS,
    VICTIM_SIZE,
    assert_own,
    lists,
    shown,
)

_PYAV_DIES = """
import os
import poise.media.decoders.server as server
whole = server.open_decoder
def opening(path, backend, *more):
    if backend == "pyav":
        {end}
    return whole(path, backend, *more)
server.open_decoder = opening
server.main()
"""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_with_a_recording_behind_it_shows_nobody_else(
    victims: Path, own: dict[str, bytes], decoding: DecodingProcess,
    listener: tuple[int, list[str]], kind: str, backend: str,
) -> None:  # fmt: skip
    port, calls = listener
    text = lists(victims, port)[kind].encode()
    for suffix, behind in ((".ts", "ts"), (".mp4", "ts"), (".mp4", "mp4"), (".mkv", "mkv"),
                           (".mov", "mp4")):  # fmt: skip
        path = victims / "Mallory" / f"session{suffix}"
        path.write_bytes(text + b"\n" + own[behind])
        images, reason = shown(decoding, path, backend)
        assert_own(images)
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
    path.write_bytes(lists(victims, port)[kind].encode() + own["ts"])
    monkeypatch.setattr(poise.media.reader, "SERVER", _PYAV_DIES.format(end=end))
    with DecodingProcess(stall_timeout_s=1.5) as process:
        with pytest.raises(VideoError):
            process.sample(path, backend="auto", rate_hz=10, short_side_px=None)
        images, _ = shown(process, path, "auto")
    path.unlink()
    assert images == []
    assert calls == []


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
    images, reason = shown(decoding, path, backend)
    assert images == []
    assert LIST in reason


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_found_only_later_is_not_looked_for(
    tmp_path: Path, own: dict[str, bytes], decoding: DecodingProcess, backend: str
) -> None:
    path = tmp_path / "a.ts"
    for junk in (b"G", b"noise" * 40, bytes(188)):
        path.write_bytes(junk + own["ts"])
        images, reason = shown(decoding, path, backend)
        assert images == []
        assert OTHER in reason


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
    path.write_bytes(_with_subtitles(whole, lists(victims, port)[kind].encode()))
    images, _ = shown(decoding, path, backend)
    path.unlink()
    assert_own(images)
    assert calls == []


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
        "list.ts": lists(victims, 9)["hls"].encode() + own["ts"],
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


def test_a_list_costs_itself_alone(
    tmp_path: Path, victims: Path, own: dict[str, bytes], model_dir: Path, workers_closed: None
) -> None:
    from poise.batch.run import analyze
    from poise.settings import Settings

    shutil.copytree(victims, tmp_path / "in")
    (tmp_path / "in" / "Mallory" / "beside.ts").unlink()
    (tmp_path / "in" / "Victim" / "session.mp4").unlink()
    (tmp_path / "in" / "Mallory" / "session.mp4").write_bytes(
        lists(victims, 9)["hls"].encode() + own["ts"]
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
