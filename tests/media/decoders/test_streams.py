"""Opening a container: which stream is the recording, and where a player's time starts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from poise.errors import VideoError
from poise.media.decoders.protocol import View
from poise.media.decoders.server import SampleEnd
from poise.media.reader import DecodingProcess
from tests.clips import ONE_THREAD, counting, counting_clip, number_in, pts_of, quick
from tests.media.kit import BACKENDS, numbers_of, sampled, times_of
from tests.sounds import LATE, vowels, write_late, write_sounding


def clip(
    path: Path,
    tracks: Sequence[tuple[Sequence[int], int, Disposition]],
    *,
    sound_ms: tuple[int, int] | None = None,
    codec: str = "libx264",
) -> Path:
    """Write a recording of several tracks.

    Args:
        path: Its suffix says the container.
        tracks: Times of the frames in milliseconds, the number they show, and the disposition.
        sound_ms: From when to when there is sound.
        codec: Of the pictures.
    """
    with av.open(str(path), "w") as container:
        streams = []
        for _, _, disposition in tracks:
            options = ONE_THREAD if codec == "libx264" else quick(codec)
            stream = container.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            stream.disposition = disposition
            streams.append(stream)
        heard = "libopus" if codec == "libvpx" else "aac"
        sound = container.add_stream(heard, rate=48000, options=quick(heard))
        if sound_ms is None:
            sound_ms = (0, 0)
        packets: list[av.Packet] = []
        for stream, (times, number, _) in zip(streams, tracks, strict=True):
            for time_ms in times:
                frame = av.VideoFrame.from_ndarray(counting(number), format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                packets += stream.encode(frame)
            packets += stream.encode()
        for k in range(48 * sound_ms[0], 48 * sound_ms[1], 960):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, k
            packets += sound.encode(frame)
        packets += sound.encode()
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    return path


NONE, DEFAULT = Disposition(0), Disposition.default
ALL, ONE = range(0, 2000, 40), (0,)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    ("tracks", "chosen", "others"),
    [
        ([(ONE, 1, NONE), (ALL, 2, DEFAULT)], 1, ()),
        ([(ONE, 1, DEFAULT), (ALL, 2, NONE)], 1, ()),
        ([(ALL, 1, NONE), (ALL, 2, DEFAULT)], 1, (0,)),
        ([(range(0, 800, 40), 1, DEFAULT), (ALL, 2, NONE)], 1, ()),
        ([(ALL, 1, DEFAULT), (ONE, 2, NONE), (ALL, 3, NONE)], 0, (2,)),
    ],
    ids=["preview first", "preview default", "second default", "short one first", "three"],
)
def test_the_stream_that_is_the_recording_is_read(
    decoding: DecodingProcess, tmp_path: Path, suffix: str, backend: str,
    tracks: list[tuple[Sequence[int], int, Disposition]], chosen: int, others: tuple[int, ...],
) -> None:  # fmt: skip
    path = clip(tmp_path / f"a.{suffix}", tracks)
    info, items = decoding.sample(path, backend=backend, rate_hz=5, short_side_px=None)
    *batches, end = list(items)
    assert isinstance(end, SampleEnd)
    assert (info.stream, info.other_streams) == (chosen, others)
    assert number_in(batches[0].images[0]) == tracks[chosen][1]  # type: ignore[union-attr]
    (remark,) = [r for r in end.remarks if r.code == "stream_chosen"]
    assert remark.text == f"it holds {len(tracks)} video streams; stream {chosen} was read"


def test_a_stream_is_read_that_is_asked_for(decoding: DecodingProcess, tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", [(ALL, 1, DEFAULT), (ALL, 2, NONE)])
    info, batches, _ = sampled(decoding, path, view=View(stream=1))
    assert (info.stream, number_in(batches[0].images[0])) == (1, 2)
    (image,) = decoding.fetch(path, backend="auto", pts_s=[1.0], view=View(stream=1))
    assert number_in(image) == 2
    with pytest.raises(VideoError, match="no such video stream"):
        decoding.describe(path, backend="auto", view=View(stream=7))


def test_a_cover_picture_is_no_recording(decoding: DecodingProcess, tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", [(ALL, 1, NONE)], sound_ms=(0, 2000))
    data = path.read_bytes()
    only_cover = clip(
        tmp_path / "cover.mkv", [(ONE, 1, Disposition.attached_pic)], sound_ms=(0, 2000)
    )
    assert decoding.describe(path, backend="auto").stream == 0 and data
    with av.open(str(only_cover)) as container:
        if not container.streams.video[0].disposition & Disposition.attached_pic:
            pytest.skip("this FFmpeg does not write cover pictures")
    with pytest.raises(VideoError, match="no video stream"):
        decoding.describe(only_cover, backend="auto")


def test_an_unknown_codec_is_told(decoding: DecodingProcess, tmp_path: Path, even: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(even.read_bytes().replace(b"avc1", b"zzq1"))
    for backend in BACKENDS:
        with pytest.raises(VideoError, match="unknown codec"):
            decoding.describe(path, backend=backend)


# Where a player's time starts


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "flv"])
def test_time_counts_from_where_sound_starts(
    decoding: DecodingProcess, tmp_path: Path, suffix: str, backend: str
) -> None:
    path = clip(tmp_path / f"a.{suffix}", [(range(3000, 5000, 40), 1, DEFAULT)], sound_ms=(0, 5000))
    info, batches, loss = sampled(decoding, path, backend)
    assert info.start_offset_s == pytest.approx(3, abs=0.06)
    assert times_of(batches)[:3] == pytest.approx([3.0, 3.2, 3.4], abs=0.06)
    assert info.duration_s == pytest.approx(5, abs=0.1)
    assert loss == ""
    (image,) = decoding.fetch(path, backend=backend, pts_s=[times_of(batches)[3]])
    assert number_in(image) == 1


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_pictures_that_start_first_start_at_zero(
    decoding: DecodingProcess, tmp_path: Path, suffix: str
) -> None:
    path = clip(tmp_path / f"a.{suffix}", [(range(0, 2000, 40), 1, DEFAULT)], sound_ms=(1000, 2000))
    info, batches, _ = sampled(decoding, path)
    assert info.start_offset_s == 0
    assert times_of(batches)[:3] == pytest.approx([0, 0.2, 0.4], abs=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", LATE)
def test_time_counts_from_the_containers_zero_also_where_nothing_starts_there(
    decoding: DecodingProcess, tmp_path: Path, kind: str, backend: str
) -> None:
    """As Chromium counts; `tests/reports/pages/test_viewer.py` compares it with what that shows."""
    path = write_late(tmp_path, kind)
    info, batches, loss = sampled(decoding, path, backend)
    assert info.start_offset_s == pytest.approx(5, abs=1e-3)
    assert [round(10 * time_s) for time_s in times_of(batches)] == numbers_of(batches)
    assert times_of(batches)[:2] == pytest.approx([5, 5.2], abs=1e-3)
    assert info.duration_s == pytest.approx(8, abs=0.05)
    assert loss == ""
    (image,) = decoding.fetch(path, backend=backend, pts_s=[6.25])
    assert number_in(image) == 62


@pytest.mark.parametrize("kind", LATE)
def test_of_what_starts_late_it_is_said_where_the_picture_breaks_off(
    decoding: DecodingProcess, tmp_path: Path, kind: str
) -> None:
    path = write_late(tmp_path, kind, [(5.0, vowels(7.0))])
    assert sampled(decoding, path)[2] == "the picture breaks off at 8.0 s of 12.0 s"


def test_ogg_counts_from_its_zero(decoding: DecodingProcess, tmp_path: Path) -> None:
    info, batches, loss = sampled(decoding, write_late(tmp_path, "ogg"))
    assert (round(info.start_offset_s), loss) == (5, "")
    assert [round(10 * time_s) for time_s in times_of(batches)[1:]] == numbers_of(batches)[1:]


@pytest.mark.parametrize("kind", ["ts", "flv"])
def test_containers_that_may_start_anywhere_count_from_what_comes_first(
    decoding: DecodingProcess, tmp_path: Path, kind: str
) -> None:
    path = counting_clip(tmp_path / f"a.{kind}", range(5000, 7000, 40))
    info, batches, loss = sampled(decoding, path)
    assert (info.start_offset_s, loss) == (0, "")
    assert times_of(batches)[:2] == pytest.approx([0, 0.2], abs=1e-3)


def test_time_that_counts_from_1970_counts_from_what_comes_first(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = write_late(tmp_path, "fragments", [(1.6e9, vowels(3.0))], (1.6e9, 1.6e9 + 3))
    info, batches, loss = sampled(decoding, path)
    assert loss == ""
    assert times_of(batches)[:2] == pytest.approx([0, 0.2], abs=0.05)
    assert info.duration_s == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pictures_from_before_zero_are_not_shown(
    decoding: DecodingProcess, tmp_path: Path, backend: str
) -> None:
    path = write_sounding(
        tmp_path / "a.mp4", [(0.0, vowels(2.0))], pictures_s=(-0.4, 2.0), rate_hz=48_000,
        options={
            "movflags": "frag_keyframe+empty_moov+frag_discont", "avoid_negative_ts": "disabled",
        },
    )  # fmt: skip
    assert pts_of(path)[0] == pytest.approx(-0.4, abs=0.05)
    info, batches, _ = sampled(decoding, path, backend)
    assert 0 <= info.start_offset_s < 0.1
    assert numbers_of(batches)[:3] == [0, 2, 4]
    assert times_of(batches)[:3] == pytest.approx([0, 0.2, 0.4], abs=0.06)


def test_parts_of_a_recording_whose_picture_starts_late(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    from poise.media.decoders.sampling import SampleSpan

    path = clip(tmp_path / "a.mkv", [(range(3000, 6000, 40), 1, DEFAULT)], sound_ms=(0, 6000))
    _, whole, _ = sampled(decoding, path)
    times: list[float] = []
    for span in (SampleSpan(last=6), SampleSpan(first=6)):
        times += times_of(sampled(decoding, path, span=span)[1])
    assert times == times_of(whole)


# What a container promises


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("webm", "libvpx"),
                                               ("mkv", "libx264")])  # fmt: skip
def test_sound_that_outlasts_the_picture_is_said_alike(
    decoding: DecodingProcess, tmp_path: Path, suffix: str, codec: str
) -> None:
    path = clip(
        tmp_path / f"a.{suffix}", [(range(0, 3000, 40), 1, DEFAULT)], sound_ms=(0, 6000),
        codec=codec,
    )  # fmt: skip
    assert sampled(decoding, path)[2] == "the picture breaks off at 3.0 s of 6.0 s"


def test_sound_that_ends_a_moment_later_is_how_devices_record(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = clip(tmp_path / "a.mp4", [(range(0, 3000, 40), 1, DEFAULT)], sound_ms=(0, 3700))
    assert sampled(decoding, path)[2] == ""


def test_a_picture_in_five_seconds_is_whole(decoding: DecodingProcess, tmp_path: Path) -> None:
    path = counting_clip(tmp_path / "a.mkv", range(0, 60_000, 5000))
    _, batches, loss = sampled(decoding, path)
    assert (len(times_of(batches)), loss) == (12, "")
