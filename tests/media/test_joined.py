"""Two recordings in one file: the first is read, and that there is another is said."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from poise.errors import VideoError
from poise.media.container_types import container_of
from poise.media.decoders import open_decoder
from poise.media.joined import second_recording
from tests.clips import quick

# By ending: codec, and options of the container.
_KINDS = {
    "mp4": ("mpeg4", {}), "start.mp4": ("mpeg4", {"movflags": "faststart"}),
    "mov": ("mpeg4", {}), "mkv": ("mpeg4", {}), "webm": ("libvpx", {}), "avi": ("mpeg4", {}),
    "flv": ("flv", {}), "wmv": ("wmv2", {}), "gif": ("gif", {}), "m2v": ("mpeg2video", {}),
}  # fmt: skip
# Where nothing but time tells.
_BY_TIME = {
    "fragments.mp4": ("mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
    "live.mkv": ("mpeg4", {"live": "1"}), "ts": ("mpeg2video", {}), "mpg": ("mpeg2video", {}),
    "ogv": ("libvpx", {}),
}  # fmt: skip
_ALL = _KINDS | _BY_TIME
_FORMATS = {"ogv": "ogg", "wmv": "asf", "m2v": "mpeg2video"}
_SAID = "another recording begins behind it in the same file, and was not read"


def _clip(path: Path, kind: str, frames: int, gray: int) -> Path:
    codec, options = _ALL[kind]
    name = _FORMATS.get(kind)
    with av.open(str(path), "w", format=name, options=options) as container:
        stream = container.add_stream(codec, rate=25, options=quick(codec))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for number in range(frames):
            image = np.full((48, 64, 3), gray, np.uint8)
            image[:, : number % 64] = 255 - gray
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def _read(path: Path) -> tuple[list[float], str]:
    decoder = open_decoder(path, "pyav")
    return [t for batch in decoder.sample(5.0, None) for t in batch.pts_s.tolist()], decoder.loss


@pytest.mark.parametrize("kind", sorted(_ALL))
def test_the_first_of_two_is_read_and_the_other_is_told(tmp_path: Path, kind: str) -> None:
    first = _clip(tmp_path / f"first.{kind}", kind, 50, 40)
    other = _clip(tmp_path / f"other.{kind}", kind, 75, 200)
    joined = tmp_path / f"joined.{kind}"
    joined.write_bytes(first.read_bytes() + other.read_bytes())
    alone, loss = _read(first)
    assert loss == "" and alone[-1] == pytest.approx(1.8, abs=0.05)
    times, loss = _read(joined)
    assert times == pytest.approx(alone)  # nothing of the other, longer one
    if kind in _KINDS:
        assert loss.startswith(_SAID)
        container = container_of(joined)
        assert container is not None
        assert second_recording(container, str(joined)) == first.stat().st_size
    else:
        assert loss.startswith("its time starts again at 2.0 s; frames were left out")


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_what_lies_behind_a_recording_and_is_none_is_no_loss(tmp_path: Path, kind: str) -> None:
    path = _clip(tmp_path / f"padded.{kind}", kind, 50, 40)
    alone, _ = _read(path)
    with path.open("ab") as file:
        file.write(bytes(1000) + b"\0\0\0\x10freeGPS data")
    assert _read(path) == (alone, "")


def test_pictures_in_several_boxes_and_a_spare_index_are_one_recording(tmp_path: Path) -> None:
    def box(kind: bytes, size: int) -> bytes:
        return (8 + size).to_bytes(4, "big") + kind + bytes(size)

    for kinds in ("ftyp free mdat mdat moov", "ftyp moov mdat moov", "ftyp moov mdat free mdat",
                  "ftyp moov moof mdat ftyp moov moof mdat"):  # fmt: skip
        path = tmp_path / "a.mp4"
        path.write_bytes(b"".join(box(kind.encode(), 100) for kind in kinds.split()))
        container = container_of(path)
        assert container is not None and second_recording(container, str(path)) is None, kinds
    old = [box(kind, 100) for kind in (b"wide", b"mdat", b"moov")]  # QuickTime without ftyp
    path.write_bytes(b"".join(old * 2))
    assert second_recording(container, str(path)) == 5 * 108


def test_an_avi_of_several_gigabytes_goes_on(tmp_path: Path) -> None:
    def riff(form: bytes) -> bytes:
        return b"RIFF" + (104).to_bytes(4, "little") + form + bytes(100)

    path = tmp_path / "a.avi"
    for forms, found in (((b"AVI ", b"AVIX", b"AVIX"), None), ((b"AVI ", b"AVIX", b"AVI "), 224)):
        path.write_bytes(b"".join(map(riff, forms)))
        container = container_of(path)
        assert container is not None and second_recording(container, str(path)) == found


def test_mpeg_video_is_searched_by_the_time_codes_of_its_groups(tmp_path: Path) -> None:
    """They go on, return to the first one behind a sequence's header, or say nothing."""
    sequence, path = b"\0\0\x01\xb3" + bytes(8), tmp_path / "a.m2v"
    path.write_bytes(sequence * 30)
    container = container_of(path)
    assert container is not None

    def group(seconds: int) -> bytes:
        return b"\0\0\x01\xb8" + ((seconds // 60 << 13 | seconds % 60 << 6) << 7).to_bytes(4, "big")

    for seconds, at in (
        ((0, 1, 2, 59, 60, 61), None), ((0, 1, 2, 0, 1), 3), ((5, 6, 5, 6), 2), ((0, 0, 0), None),
        ((5, 6, 3, 4), None),
    ):  # fmt: skip
        part = sequence + group(0) + bytes(2**19 - 5)  # blocks of a megabyte end within headers
        path.write_bytes(b"".join(part.replace(group(0), group(s), 1) for s in seconds))
        found = second_recording(container, str(path))
        assert found == (None if at is None else at * len(part)), seconds
    path.write_bytes(sequence + b"".join(map(group, (0, 1, 0, 1))))  # a cut, no other recording
    assert second_recording(container, str(path)) is None


def test_decord_which_would_read_both_as_one_is_not_asked(tmp_path: Path) -> None:
    pytest.importorskip("decord")
    path = _clip(tmp_path / "a.avi", "avi", 50, 40)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(VideoError, match="decord cannot read it faithfully"):
        open_decoder(path, "decord")
