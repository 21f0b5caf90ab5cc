"""What a container claims costs neither memory nor time in proportion."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from poise.errors import VideoError
from poise.media.audio import SoundEnd
from poise.media.container_claims import check_claims
from poise.media.container_types import opened
from poise.media.reader import DecodingProcess
from tests.clips import counting, counting_clip, write_clip
from tests.media.kit import BACKENDS, numbers_of, sampled
from tests.sounds import vowels, write_late, write_sounding


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def element(name: bytes, body: bytes) -> bytes:
    return name + (0x0800000000 | len(body)).to_bytes(5, "big") + body


def _more_tracks(data: bytes) -> bytes:
    """A million empty tracks, before the others."""
    at = data.index(b"moov")
    size = struct.unpack(">I", data[at - 4 : at])[0]
    more = box(b"trak", b"") * 1_000_000
    return data[: at - 4] + struct.pack(">I", size + len(more)) + b"moov" + more + data[at + 4 :]


def _more_edits(data: bytes) -> bytes:
    """An edit list of 3,000 entries in place of the one that is there, behind all else."""
    at = data.index(b"edts") - 4
    old = struct.unpack(">I", data[at : at + 4])[0]
    entries = struct.pack(">IiI", 1, 0, 65536) * 3000
    new = box(b"edts", box(b"elst", bytes(4) + struct.pack(">I", 3000) + entries))
    changed = bytearray(data[:at] + new + data[at + old :])
    for kind in (b"moov", b"trak"):
        size_at = changed.index(kind) - 4
        size = struct.unpack(">I", changed[size_at : size_at + 4])[0]
        changed[size_at : size_at + 4] = struct.pack(">I", size + len(new) - old)
    if changed.index(b"mdat") > at:  # what chunks there are has moved
        table = changed.index(b"stco") + 8
        for k in range(struct.unpack(">I", changed[table : table + 4])[0]):
            entry = table + 4 + 4 * k
            moved = struct.unpack(">I", changed[entry : entry + 4])[0] + len(new) - old
            changed[entry : entry + 4] = struct.pack(">I", moved)
    return bytes(changed)


def _more_samples(data: bytes) -> bytes:
    """400 million samples of eight bytes."""
    changed = bytearray(data)
    at = changed.index(b"stsz")
    changed[at + 8 : at + 16] = struct.pack(">II", 8, 400_000_000)
    return bytes(changed)


def _longer(data: bytes) -> bytes:
    """A length of a million million seconds, in Matroska's segment information."""
    at = data.index(b"\x44\x89\x88")
    return data[: at + 3] + struct.pack(">d", 1e15) + data[at + 11 :]


def _before_clusters(data: bytes, more: bytes) -> bytes:
    at = data.rindex(b"\x1f\x43\xb6\x75")
    segment = data.index(b"\x18\x53\x80\x67") + 4
    length = 9 - data[segment].bit_length()
    unknown = b"\x01" + b"\xff" * 7
    return data[:segment] + unknown + data[segment + length : at] + more + data[at:]


def _more_chapters(data: bytes) -> bytes:
    chapters = b"".join(
        element(b"\xb6", b"\x73\xc4\x84" + k.to_bytes(4, "big") + b"\x91\x81\x01")
        for k in range(1_000_000, 0, -1)
    )
    return _before_clusters(data, element(b"\x10\x43\xa7\x70", element(b"\x45\xb9", chapters)))


def _more_matroska_tracks(data: bytes) -> bytes:
    return _before_clusters(data, element(b"\x16\x54\xae\x6b", b"\xae\x83\xd7\x81\x05" * 1_000_000))


def _larger(data: bytes) -> bytes:
    """Frames of 65,500 x 65,500 pixels, as a JPEG picture claims."""
    changed, at = bytearray(data), 0
    while (at := changed.find(b"\xff\xc0\x00\x11\x08", at)) >= 0:
        changed[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
        at += 9
    return bytes(changed)


def _pictures(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for k in range(10):
            frame = av.VideoFrame.from_ndarray(counting(k), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _peaks_kb() -> list[int]:
    """The most memory that each child of this process took, in kB."""
    peaks = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            status = Path("/proc", child, "status").read_text(encoding="utf-8")
            peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    return peaks


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="memory is read as on Linux")
@pytest.mark.parametrize(
    ("suffix", "claim", "said"),
    [
        ("mp4", _more_tracks, "more than 100 tracks"),
        ("mkv", _more_matroska_tracks, "more than 100 tracks"),
        ("mkv", _more_chapters, "more than 5000 chapters"),
        ("mp4", _more_samples, "more than 20000000 frames"),
        ("mp4", _more_edits, ""),
        ("mkv", _longer, "claims to last 1,000,000,000,000 s"),
        ("avi", _larger, "not a single frame"),
        ("mkv", lambda data: data, ""),
    ],
    ids=["tracks", "Matroska tracks", "chapters", "samples", "edits", "length", "pixels", "none"],
)  # fmt: skip
def test_no_claim_costs_much(
    tmp_path: Path, suffix: str, claim: Callable[[bytes], bytes], said: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    if claim is _larger:
        _pictures(path)
    else:
        counting_clip(path, range(0, 2000, 40))
    path.write_bytes(claim(path.read_bytes()))
    started = time.monotonic()
    with DecodingProcess(stall_timeout_s=60) as process:
        try:
            told = sampled(process, path)[2]
        except VideoError as error:
            told = error.cause
        took_kb = max(_peaks_kb())
    assert said in told if said else told == ""
    assert time.monotonic() - started < 60
    assert took_kb < 60_000 + 300_000  # the first for what was loaded


def test_an_edit_list_without_end_is_not_followed_and_that_is_said(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = counting_clip(tmp_path / "a.mp4", range(0, 2000, 40))
    path.write_bytes(_more_edits(path.read_bytes()))
    _, items = decoding.sample(path, backend="auto", rate_hz=5, short_side_px=None)
    *batches, end = list(items)
    assert sum(len(batch) for batch in batches) == 10  # type: ignore[arg-type]
    assert [remark.code for remark in end.remarks] == ["odd_edits"]  # type: ignore[union-attr]


@pytest.mark.parametrize("years", [1, 100])
def test_time_that_leaps_by_years_is_left_out_and_that_is_said(
    decoding: DecodingProcess, tmp_path: Path, years: int
) -> None:
    leap_ms = years * 31_536_000_000
    times = [*range(0, 1000, 40), *range(leap_ms, leap_ms + 1000, 40)]
    path = write_clip(tmp_path / "a.mkv", (counting(k) for k in range(50)), times)
    info, batches, loss = sampled(decoding, path)
    assert sum(len(batch) for batch in batches) == 5
    assert f"its time leaps to {leap_ms // 1000:,} s" in loss
    assert info.duration_s is None


def test_one_time_stamp_that_leaps_costs_one_frame(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    def leaping(number: int) -> int:
        return 10_000_000 if number == 20 else 40 * number

    source = counting_clip(tmp_path / "source.mkv", range(0, 2000, 40))
    path = tmp_path / "a.mkv"
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for number, packet in enumerate(p for p in container.demux(stream) if p.size):
            packet.pts, packet.dts, packet.stream = leaping(number), number, copy
            output.mux(packet)
    _, batches, loss = sampled(decoding, path)
    assert sum(len(batch) for batch in batches) == 10
    assert "its time leaps to" in loss


@pytest.mark.parametrize("kind", ["mp4", "fragments", "mkv"])
def test_whether_an_mp4_comes_in_fragments(tmp_path: Path, kind: str) -> None:
    path = write_late(tmp_path, kind)
    with opened(path) as (container, name):
        claims = check_claims(container, name, path)
    assert claims.fragmented is (kind == "fragments")


def encrypted(path: Path) -> Path:
    """A recording as shops and streaming services give them (ISO/IEC 23001-7, AES-CTR)."""
    keys = {"encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    options = {"encryption_scheme": "cenc-aes-ctr", **keys}
    return write_sounding(path, [(0.0, vowels(1.0))], rate_hz=48_000, options=options)


def _encrypted_track(data: bytes) -> bytes:
    """A track of Matroska that says that it is encrypted (RFC 9559, 5.1.4.1.31)."""
    encryption = element(b"\x50\x35", element(b"\x47\xe1", b"\x05"))
    track = element(b"\xae", element(b"\x6d\x80", element(b"\x62\x40", encryption)))
    return _before_clusters(data, element(b"\x16\x54\xae\x6b", track))


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_encrypted_is_said_to_be_protected(
    tmp_path: Path, decoding: DecodingProcess, kind: str, backend: str
) -> None:
    if kind == "mp4":
        path = encrypted(tmp_path / "a.mp4")
    else:
        plain = counting_clip(tmp_path / "plain.mkv", range(0, 1000, 40))
        path = tmp_path / "a.mkv"
        path.write_bytes(_encrypted_track(plain.read_bytes()))
    with pytest.raises(VideoError, match="is protected against copying") as caught:
        sampled(decoding, path, backend)
    assert caught.value.code == "protected"


def test_pictures_without_protection_are_read_though_the_sound_is_protected(
    tmp_path: Path, decoding: DecodingProcess
) -> None:
    path = write_sounding(tmp_path / "a.mp4", [(0.0, vowels(1.0))])
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"enca", 1))
    _, batches, loss = sampled(decoding, path)
    assert (numbers_of(batches), loss) == ([0, 2, 4, 6, 8], "")
    end = list(decoding.listen(path))[-1]
    assert isinstance(end, SoundEnd)
    assert (end.status, end.detail) == ("broken", "its sound is protected against copying (DRM)")
