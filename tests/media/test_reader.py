"""Decoding: both backends, whole and damaged recordings, and decoders that hang or die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import poise.media.reader
from poise.errors import VideoError
from poise.media.decoders import open_decoder
from poise.media.decoders.protocol import describe_end
from poise.media.decoders.sampling import SampleClock, SampleSpan
from poise.media.decoders.server import SampleEnd
from poise.media.decoders.sizes import frames_per_batch, reduced_size
from poise.media.reader import DecodingProcess
from poise.types import FrameBatch, VideoInfo
from tests.clips import (
    copy,
    counting,
    counting_clip,
    cut_off,
    damaged,
    frames_at,
    number_in,
    pts_of,
    write_audio,
    write_clip,
)
from tests.conftest import SAMPLES

BACKENDS = ("pyav", "decord")
UNEVEN_MS = (0, 40, 80, 250, 290, 330, 800, 840, 1390, 1410, 1430, 1900, 1960, 2500)
EVEN_MS = range(0, 2000, 40)
ROTATED = SAMPLES / "표본 B.mp4"


@pytest.fixture(scope="module")
def decoding() -> Iterator[DecodingProcess]:
    """One process for the whole module, as in a batch."""
    with DecodingProcess(stall_timeout_s=30) as process:
        yield process


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 frames per second, with sound, the index at the front."""
    return counting_clip(tmp_path_factory.mktemp("even") / "even.mp4", EVEN_MS, audio=True)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variable frame rate."""
    return counting_clip(tmp_path_factory.mktemp("uneven") / "uneven.mp4", UNEVEN_MS)


def _sample(
    decoding: DecodingProcess,
    path: Path,
    backend: str = "auto",
    rate_hz: float = 5.0,
    short_side_px: int | None = None,
    **options: Any,
) -> tuple[VideoInfo, list[FrameBatch], str]:
    info, items = decoding.sample(
        path, backend=backend, rate_hz=rate_hz, short_side_px=short_side_px, **options
    )
    *batches, end = list(items)
    assert isinstance(end, SampleEnd)
    assert all(isinstance(batch, FrameBatch) for batch in batches)
    return info, batches, end.loss  # type: ignore[return-value]


def _times(batches: list[FrameBatch]) -> list[float]:
    return [round(float(t), 6) for batch in batches for t in batch.pts_s]


def _numbers(batches: list[FrameBatch]) -> list[int]:
    return [number_in(image) for batch in batches for image in batch.images]


# Which frames are sampled


def test_the_clock_takes_the_first_frame_at_or_after_each_multiple() -> None:
    clock = SampleClock(5.0)
    taken = [ms for ms in UNEVEN_MS if clock.takes(ms / 1000)]
    assert taken == [0, 250, 800, 1390, 1410, 1900, 2500]


def test_the_clock_does_not_drift() -> None:
    clock = SampleClock(5.0)
    taken = [k for k in range(30 * 600) if clock.takes(k / 29.97)]
    assert len(taken) == pytest.approx(30 * 600 / 29.97 * 5, abs=1)
    assert max(np.diff(taken)) <= 6


def test_the_clock_counts_from_the_first_frame() -> None:
    clock = SampleClock(5.0)
    assert [t for t in (0.0, 0.07, 0.17, 0.2, 0.37, 0.41) if clock.takes(t)] == [0.0, 0.2, 0.41]


def test_a_rate_above_that_of_the_recording_takes_every_frame() -> None:
    clock = SampleClock(60)
    assert all(clock.takes(k / 25) for k in range(100))


@pytest.mark.parametrize(
    ("size", "short", "expected"),
    [
        ((1920, 1080), 360, (640, 360)),
        ((1080, 1920), 360, (360, 640)),
        ((640, 360), 360, (640, 360)),
        ((320, 240), 360, (320, 240)),
        ((1920, 1080), None, (1920, 1080)),
        ((1, 1), 360, (1, 1)),
        ((10000, 4), 2, (5000, 2)),
    ],
)
def test_frames_are_reduced_and_never_enlarged(
    size: tuple[int, int], short: int | None, expected: tuple[int, int]
) -> None:
    assert reduced_size(*size, short) == expected


def test_what_was_lost_is_said_in_words() -> None:
    assert describe_end(9.9, 10.0, 0) == ""
    assert describe_end(5.0, None, 0) == ""
    assert "breaks off at 4.0 s of 10.0 s" in describe_end(4.0, 10.0, 0)
    assert "3 damaged" in describe_end(9.9, 10.0, 3)
    assert "starts again at 7.0 s" in describe_end(9.9, 10.0, 0, 7.0)


# Whole recordings, both backends


def test_what_comes_after_time_starts_again_is_said_to_be_lost(tmp_path: Path) -> None:
    images = np.zeros((30, 48, 64, 3), np.uint8)
    part = write_clip(tmp_path / "part.ts", images, [40 * k for k in range(30)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    decoder = open_decoder(joined, "pyav")
    times = np.concatenate([batch.pts_s for batch in decoder.sample(5.0, None)])
    assert (np.diff(times) > 0).all()
    assert decoder.loss.startswith("its time starts again at 1.2 s")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_even_recording(decoding: DecodingProcess, even: Path, backend: str) -> None:
    info, batches, loss = _sample(decoding, even, backend)
    assert (info.width_px, info.height_px) == (64, 48)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    assert info.frame_rate_hz == pytest.approx(25, rel=0.02)
    assert _times(batches) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]
    assert [int(i) for batch in batches for i in batch.frame_index] == list(range(0, 50, 5))
    assert _numbers(batches) == list(range(0, 50, 5))
    assert loss == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_stamps_of_a_variable_frame_rate_are_the_containers(
    decoding: DecodingProcess, uneven: Path, backend: str
) -> None:
    _, batches, _ = _sample(decoding, uneven, backend, rate_hz=60)
    assert _times(batches) == pytest.approx(pts_of(uneven), abs=1e-6)
    assert pts_of(uneven) == pytest.approx([ms / 1000 for ms in UNEVEN_MS], abs=1e-6)
    assert _numbers(batches) == list(range(len(UNEVEN_MS)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_variable_frame_rate_is_sampled_by_time(
    decoding: DecodingProcess, uneven: Path, backend: str
) -> None:
    _, batches, _ = _sample(decoding, uneven, backend)
    assert _times(batches) == pytest.approx([0, 0.25, 0.8, 1.39, 1.41, 1.9, 2.5], abs=1e-6)
    assert _numbers(batches) == [0, 3, 6, 8, 9, 11, 13]


@pytest.mark.parametrize(
    "sample", ["Sample A/interview 1.mp4", "표본 B.mp4"], ids=["even", "turned and uneven"]
)
def test_both_backends_see_the_same(decoding: DecodingProcess, sample: str) -> None:
    ours = [_sample(decoding, SAMPLES / sample, b, 1.0, 240)[:2] for b in BACKENDS]
    (info, batches), (other_info, other) = ours
    assert (info.width_px, info.height_px) == (other_info.width_px, other_info.height_px)
    assert _times(batches) == pytest.approx(_times(other), abs=1e-6)
    for a, b in zip(batches, other, strict=True):
        assert a.images.shape == b.images.shape
        np.testing.assert_array_equal(a.frame_index, b.frame_index)
        difference = np.abs(a.images.astype(int) - b.images.astype(int))
        assert difference.mean() < 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_reduced_frames_keep_their_shape_and_say_their_scale(
    decoding: DecodingProcess, backend: str
) -> None:
    path = SAMPLES / "Sample A" / "interview 1.mp4"
    info, batches, _ = _sample(decoding, path, backend, 0.2, 120)
    assert (info.width_px, info.height_px) == (640, 480)
    assert batches[0].images.shape[1:] == (120, 160, 3)
    assert batches[0].scale == 0.25


def test_reduction_does_not_alias(decoding: DecodingProcess, tmp_path: Path) -> None:
    y, x = np.mgrid[:480, :640]
    stripes = np.repeat(((x // 2 + y // 2) % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    path = write_clip(tmp_path / "fine.mp4", [stripes] * 3, (0, 40, 80), options={"crf": "1"})
    _, batches, _ = _sample(decoding, path, short_side_px=120)
    assert batches[0].images[:, 4:-4, 4:-4].std() < 12


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("libx264", "yuv420p"), ("libx264", "yuvj420p"), ("libx264", "yuv422p"),
        ("libx264", "yuv444p"), ("libx264", "yuv420p10le"), ("ffv1", "gray"), ("ffv1", "bgr0"),
        ("gif", "rgb8"),
    ],
)  # fmt: skip
def test_every_kind_of_pixels_shows_the_same(
    decoding: DecodingProcess, tmp_path: Path, codec: str, pixels: str
) -> None:
    row = np.linspace(20, 235, 320, dtype=np.uint8)
    image = np.stack([row, row, row], axis=1)[None].repeat(240, axis=0)
    path = tmp_path / ("a.gif" if codec == "gif" else "a.mkv")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, pixels
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    for short_side_px in (None, 120):
        _, batches, _ = _sample(decoding, path, "pyav", short_side_px=short_side_px)
        shown = batches[0].images[0]
        expected = cv2.resize(image, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        steps = 20 if pixels == "rgb8" else 3
        assert np.abs(shown.astype(int) - expected).mean() < steps


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_turned_recording_is_upright(decoding: DecodingProcess, backend: str) -> None:
    info, batches, _ = _sample(decoding, ROTATED, backend, 0.2)
    stored = frames_at(ROTATED, (0.0,))[0]
    assert stored.shape == (480, 640, 3)
    assert (info.width_px, info.height_px) == (480, 640)
    upright = np.rot90(stored, -1).astype(int)
    assert np.abs(batches[0].images[0].astype(int) - upright).mean() < 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_every_quarter_turn(
    decoding: DecodingProcess, tmp_path: Path, backend: str, rotation: int
) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:24, :36] = (230, 30, 30)  # red in the upper left corner
    stored = np.rot90(upright, -rotation // 90)
    path = write_clip(tmp_path / "turned.mp4", [stored] * 5, range(0, 200, 40), rotation=rotation)
    info, batches, _ = _sample(decoding, path, backend)
    assert (info.width_px, info.height_px) == (96, 64)
    image = batches[0].images[0].astype(int)
    assert image[4:20, 4:30, 0].mean() > 180
    assert image[32:, :, 0].mean() < 40
    assert image[:, 48:, 0].mean() < 40


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_are_small(decoding: DecodingProcess, even: Path, backend: str) -> None:
    _, batches, _ = _sample(decoding, even, backend, rate_hz=60)
    assert max(len(batch) for batch in batches) <= 16
    assert sum(len(batch) for batch in batches) == 50


def test_long_recordings_are_read_no_further_than_asked(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """The one that reads sets the pace: what waits for it in the pipe is a batch or two."""
    path = counting_clip(tmp_path / "long.mp4", range(0, 60_000, 40))
    _, items = decoding.sample(path, backend="pyav", rate_hz=25, short_side_px=None)
    first = next(items)
    assert isinstance(first, FrameBatch) and len(first) == 16
    items.close()  # type: ignore[attr-defined]
    assert _sample(decoding, path, rate_hz=0.1)[2] == ""


@pytest.mark.parametrize("container", ["mov", "mkv", "avi", "ts"])
def test_other_containers(decoding: DecodingProcess, tmp_path: Path, container: str) -> None:
    path = counting_clip(tmp_path / f"a.{container}", EVEN_MS)
    _, batches, loss = _sample(decoding, path)
    assert _numbers(batches) == list(range(0, 50, 5))
    assert loss == ""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_times_are_counted_from_the_first_frame(
    decoding: DecodingProcess, tmp_path: Path, container: str, backend: str
) -> None:
    path = counting_clip(tmp_path / f"late.{container}", range(5000, 7000, 40))
    _, batches, loss = _sample(decoding, path, backend)
    assert _times(batches)[:3] == pytest.approx([0, 0.2, 0.4], abs=1e-3)
    assert loss == ""


# Single frames


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_single_frames_come_in_order_and_full_size(
    decoding: DecodingProcess, even: Path, backend: str
) -> None:
    images = list(decoding.fetch(even, backend=backend, pts_s=[0.4, 1.8, 0.0, 1.04]))
    assert [number_in(image) for image in images] == [10, 45, 0, 26]
    assert all(image.shape == (48, 64, 3) for image in images)


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_frames_of_a_variable_frame_rate(
    decoding: DecodingProcess, uneven: Path, backend: str
) -> None:
    images = list(decoding.fetch(uneven, backend=backend, pts_s=[0.8, 1.39, 1.41, 0.25]))
    assert [number_in(image) for image in images] == [6, 8, 9, 3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_frames_are_upright(decoding: DecodingProcess, backend: str) -> None:
    (image,) = decoding.fetch(ROTATED, backend=backend, pts_s=[4.0])
    assert image.shape == (640, 480, 3)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts", "avi", "mov"])
@pytest.mark.parametrize("start_ms", [0, 5000])
def test_what_is_fetched_is_what_was_sampled(
    decoding: DecodingProcess, tmp_path: Path, container: str, start_ms: int
) -> None:
    path = counting_clip(
        tmp_path / f"a.{container}", range(start_ms, start_ms + 4000, 40), options={"g": "25"}
    )
    _, batches, _ = _sample(decoding, path)
    times, numbers = _times(batches), _numbers(batches)
    wanted = [1, 7, len(times) - 2]
    images = list(decoding.fetch(path, backend="auto", pts_s=[times[k] for k in wanted]))
    assert [number_in(image) for image in images] == [numbers[k] for k in wanted]


def test_no_single_frames(decoding: DecodingProcess, even: Path) -> None:
    assert list(decoding.fetch(even, backend="auto", pts_s=[])) == []


# What cannot be read, or not whole


def test_a_cut_off_recording_is_read_as_far_as_possible(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    source = SAMPLES / "Sample A" / "interview 1.mp4"  # index at the front
    path = cut_off(source, tmp_path / "cut.mp4", 0.5)
    info, batches, loss = _sample(decoding, path, short_side_px=120)
    last_s = _times(batches)[-1]
    assert info.duration_s == pytest.approx(19, abs=0.1)
    assert 5 < last_s < 15
    assert f"breaks off at {last_s:.1f}"[:-2] in loss
    assert "of 19.0 s" in loss


def test_a_recording_damaged_in_the_middle_is_read_past_the_damage(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = damaged(SAMPLES / "Sample A" / "interview 1.mp4", tmp_path / "noise.mp4")
    _, batches, loss = _sample(decoding, path, "pyav", short_side_px=120)
    times = _times(batches)
    assert times == sorted(times)
    assert times[0] == 0 and times[-1] > 18
    assert len(times) > 60
    assert "damaged" in loss


@pytest.mark.parametrize("backend", BACKENDS)
def test_damage_never_hangs_or_kills_the_next(
    decoding: DecodingProcess, tmp_path: Path, even: Path, backend: str
) -> None:
    for start in (0.02, 0.3, 0.9):
        path = damaged(ROTATED, tmp_path / f"{start}.mp4", start=start, share=0.05)
        try:
            _sample(decoding, path, backend, 1.0, 120)
        except VideoError as error:
            assert error.remedy
    assert _numbers(_sample(decoding, even, backend)[1])[:2] == [0, 5]


def _no_videos(folder: Path) -> dict[str, Path]:
    whole = SAMPLES / "표본 B.mp4"
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "random.mp4").write_bytes(np.random.default_rng(0).bytes(20_000))
    (folder / "text.mp4").write_text("This is a letter.\n" * 200, encoding="utf-8")
    (folder / "folder.mp4").mkdir()
    data = whole.read_bytes()
    (folder / "no_index.mp4").write_bytes(data[:40] + data[len(data) // 2 :])
    return {
        "empty": folder / "empty.mp4",
        "random": folder / "random.mp4",
        "text": folder / "text.mp4",
        "audio": write_audio(folder / "audio.mp4"),
        "folder": folder / "folder.mp4",
        "no index": folder / "no_index.mp4",
        "missing": folder / "missing.mp4",
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "kind", ["empty", "random", "text", "audio", "folder", "no index", "missing"]
)
def test_what_is_no_video_is_a_clear_error(
    decoding: DecodingProcess, tmp_path: Path, kind: str, backend: str
) -> None:
    path = _no_videos(tmp_path)[kind]
    with pytest.raises(VideoError) as caught:
        _sample(decoding, path, backend)
    assert caught.value.path == str(path)
    assert caught.value.cause and caught.value.remedy
    assert "Error" not in caught.value.cause


def test_an_unknown_codec_is_told(decoding: DecodingProcess, tmp_path: Path, even: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(even.read_bytes().replace(b"avc1", b"zzq1"))
    for backend in BACKENDS:
        with pytest.raises(VideoError, match="unknown codec"):
            decoding.describe(path, backend=backend)


def test_no_video_does_not_cost_the_next_one(
    decoding: DecodingProcess, tmp_path: Path, even: Path
) -> None:
    for path in _no_videos(tmp_path).values():
        with pytest.raises(VideoError):
            _sample(decoding, path)
        assert _numbers(_sample(decoding, even)[1])[:2] == [0, 5]


@pytest.mark.parametrize("side", [2, 16])
def test_a_picture_of_a_few_pixels(decoding: DecodingProcess, tmp_path: Path, side: int) -> None:
    tiny = np.full((side, side, 3), 90, np.uint8)
    path = write_clip(tmp_path / "tiny.mp4", [tiny] * 3, (0, 200, 400))
    info, batches, _ = _sample(decoding, path, short_side_px=360)
    assert (info.width_px, info.height_px) == (side, side)
    assert batches[0].images.shape == (3, side, side, 3)


def test_a_single_pixel(decoding: DecodingProcess, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    frames = [Pillow.new("RGB", (1, 1), (k, 0, 0)) for k in (0, 90, 200)]
    path = tmp_path / "one.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200)
    _, batches, _ = _sample(decoding, path)
    assert batches[0].images.shape[1:] == (1, 1, 3)


def test_a_single_frame(decoding: DecodingProcess, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "one.mp4", [counting(3)], (0,))
    for backend in BACKENDS:
        _, batches, loss = _sample(decoding, path, backend)
        assert _times(batches) == [0.0]
        assert loss == ""


@pytest.mark.parametrize("name", ["한 글 (1) #2 %20.mp4", 'quote\'d "x".mp4', "-dash.mp4"])
def test_names(decoding: DecodingProcess, tmp_path: Path, even: Path, name: str) -> None:
    path = copy(even, tmp_path / name)
    for backend in BACKENDS:
        assert _times(_sample(decoding, path, backend)[1])[:2] == [0.0, 0.2]


# Decoders that hang, die or fall silent

_SLEEPS = """
import sys, time
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
connection.recv()
time.sleep(600)
"""
_STOPS_AFTER_A_BATCH = """
import ctypes, os, sys, time
import poise.media.decoders.server as server
answer = server._answer
class Counting:
    def __init__(self, connection):
        self.connection, self.sent = connection, 0
    def send(self, item):
        self.connection.send(item)
        self.count()
    def count(self):
        self.sent += 1
        if self.sent == {after}:
            {end}
send = server.send
def counted(connection, item):
    if not isinstance(connection, Counting):
        return send(connection, item)
    send(connection.connection, item)
    connection.count()
server.send = counted
def stopping(connection, request):
    stops = request.backend in {backends}
    answer(Counting(connection) if stops else connection, request)
server._answer = stopping
if {after} == 0:
    open_decoder = server.open_decoder
    def opening(path, backend):
        if backend in {backends}:
            {end}
        return open_decoder(path, backend)
    server.open_decoder = opening
server.main()
"""
_HOLDS_THE_LOCK = "ctypes.PyDLL(None).sleep(600)"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_decoder_that_hangs_is_killed_and_the_next_recording_works(
    monkeypatch: pytest.MonkeyPatch, even: Path
) -> None:
    serve = poise.media.reader.SERVER
    monkeypatch.setattr(poise.media.reader, "SERVER", _SLEEPS)
    with DecodingProcess(stall_timeout_s=1.0) as process:
        started = time.monotonic()
        with pytest.raises(VideoError, match=r"no progress for 1 s"):
            _sample(process, even)
        assert time.monotonic() - started < 10
        monkeypatch.setattr(poise.media.reader, "SERVER", serve)
        process.stall_timeout_s = 30
        assert _numbers(_sample(process, even)[1])[:2] == [0, 5]


@pytest.mark.parametrize(("backend", "after"), [("pyav", 0), ("decord", 3)])
def test_where_a_decoder_hangs_holding_the_lock_the_other_goes_on(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess, backend: str, after: int
) -> None:
    """It hangs before it says anything, or after some batches."""
    _, whole, _ = _sample(decoding, even, "pyav", 60.0)
    monkeypatch.setattr(
        poise.media.reader, "SERVER",
        _STOPS_AFTER_A_BATCH.format(end=_HOLDS_THE_LOCK, after=after, backends=[backend]),
    )  # fmt: skip
    with DecodingProcess(stall_timeout_s=2.0) as process:
        started = time.monotonic()
        _, batches, loss = _sample(process, even, backend, 60.0)
        assert time.monotonic() - started < 2.0 + 8
        (warning,) = process.warnings
    assert loss == ""
    assert _times(batches) == _times(whole)
    assert _numbers(batches) == _numbers(whole)
    index = [int(i) for batch in batches for i in batch.frame_index]
    assert index == [int(i) for batch in whole for i in batch.frame_index]
    assert warning.startswith(f"{backend}: the decoder made no progress for 2 s")
    assert " 0.0 s" in warning if after == 0 else " 0.0 s" not in warning


def test_a_decoder_that_dies_is_replaced_at_once(
    monkeypatch: pytest.MonkeyPatch, even: Path, decoding: DecodingProcess
) -> None:
    _, whole, _ = _sample(decoding, even, "pyav", 60.0)
    monkeypatch.setattr(
        poise.media.reader, "SERVER",
        _STOPS_AFTER_A_BATCH.format(end="os._exit(1)", after=2, backends=["pyav"]),
    )  # fmt: skip
    with DecodingProcess(stall_timeout_s=60.0) as process:
        _, batches, _ = _sample(process, even, "pyav", 60.0)
        assert "died" in process.warnings[0]
    assert _times(batches) == _times(whole)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        pytest.param(_HOLDS_THE_LOCK, "no progress", id="hang", marks=pytest.mark.slow),
        pytest.param("os._exit(1)", "died", id="die"),
    ],
)
def test_where_both_decoders_stop_what_they_had_is_given(
    monkeypatch: pytest.MonkeyPatch, even: Path, end: str, cause: str
) -> None:
    monkeypatch.setattr(
        poise.media.reader, "SERVER",
        _STOPS_AFTER_A_BATCH.format(end=end, after=2, backends=BACKENDS),
    )  # fmt: skip
    with DecodingProcess(stall_timeout_s=2.0) as process:
        _, items = process.sample(even, backend="pyav", rate_hz=60, short_side_px=None)
        seen = [next(items), next(items)]
        assert all(isinstance(item, FrameBatch) for item in seen)
        times = _times(seen)  # type: ignore[arg-type]
        assert times == sorted(set(times))
        with pytest.raises(VideoError, match=cause):
            next(items)


def test_a_fetching_decoder_that_hangs_is_replaced_by_the_other(
    monkeypatch: pytest.MonkeyPatch, even: Path
) -> None:
    hangs_on_pyav = """
import sys, time
import poise.media.decoders.server as server
whole = server.open_decoder
def opened(path, backend):
    if backend == "pyav":
        time.sleep(600)
    return whole(path, backend)
server.open_decoder = opened
server.main()
"""
    monkeypatch.setattr(poise.media.reader, "SERVER", hangs_on_pyav)
    with DecodingProcess(stall_timeout_s=4.0) as process:
        images = list(process.fetch(even, backend="auto", pts_s=[0.4]))
    assert [number_in(image) for image in images] == [10]


def test_a_decoder_that_died_while_idle_is_replaced(even: Path) -> None:
    with DecodingProcess(stall_timeout_s=30) as process:
        _sample(process, even)
        assert process._process is not None
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.wait()
        assert _numbers(_sample(process, even)[1])[:2] == [0, 5]


def test_no_process_is_left_behind(even: Path) -> None:
    with DecodingProcess(stall_timeout_s=30) as process:
        _sample(process, even)
        assert process._process is not None
        pid = process._process.pid
    assert not _alive(pid)


def test_a_recording_left_in_the_middle_does_not_answer_for_the_next(
    decoding: DecodingProcess, even: Path, uneven: Path
) -> None:
    _, items = decoding.sample(even, backend="pyav", rate_hz=60, short_side_px=None)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert len(_times(_sample(decoding, uneven, rate_hz=60)[1])) == len(UNEVEN_MS)


def test_nothing_starts_before_it_is_needed() -> None:
    with DecodingProcess() as process:
        assert process._process is None


# Parts of recordings, and frames that are not decoded


@pytest.fixture(scope="module")
def with_b_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at 25 frames per second, key frames every second, B-frames between."""
    options = {"preset": "fast", "bf": "2", "g": "25", "b_strategy": "0"}
    path = tmp_path_factory.mktemp("b") / "b.mp4"
    return counting_clip(path, range(0, 6000, 40), options=options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cuts", [(7,), (5, 13, 14, 30), (40,)])
def test_parts_make_up_the_whole(
    decoding: DecodingProcess, with_b_frames: Path, backend: str, cuts: tuple[int, ...]
) -> None:
    options: dict[str, Any] = {"backend": backend, "rate_hz": 5.0, "short_side_px": None}
    _, whole, _ = _sample(decoding, with_b_frames, backend)
    times, index, numbers, passed = [], [], [], 0
    for first, last in pairwise((0, *cuts, None)):
        span = SampleSpan(first=first or 0, last=last)
        _, items = decoding.sample(with_b_frames, span=span, **options)
        *batches, end = list(items)
        times += _times(batches)
        numbers += _numbers(batches)
        index += [int(i) + passed for batch in batches for i in batch.frame_index]
        passed += end.span_frames
    assert times == _times(whole)
    assert index == [int(i) for batch in whole for i in batch.frame_index] == numbers
    assert passed == 150


def test_parts_of_an_uneven_recording(decoding: DecodingProcess, uneven: Path) -> None:
    times = []
    for first, last in pairwise((0, 1, 5, 6, 11, None)):
        _, batches, _ = _sample(decoding, uneven, span=SampleSpan(first=first or 0, last=last))
        times += _times(batches)
    assert times == _times(_sample(decoding, uneven)[1])


def test_skipping_moves_samples_by_little_and_keeps_their_own_time(
    decoding: DecodingProcess, with_b_frames: Path
) -> None:
    _, batches, _ = _sample(decoding, with_b_frames, skip_frames=True)
    _, every, _ = _sample(decoding, with_b_frames)
    shift = np.array(_times(batches)) - np.array(_times(every))
    assert shift.max() > 0  # it did skip
    assert ((shift >= 0) & (shift <= 0.1)).all()
    index = [int(i) for batch in batches for i in batch.frame_index]
    assert index == _numbers(batches) == [round(t * 25) for t in _times(batches)]


def test_nothing_is_skipped_where_samples_would_move_too_far(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    options = {"preset": "fast", "bf": "8", "b_strategy": "0", "b-pyramid": "none"}
    path = counting_clip(tmp_path / "b.mp4", range(0, 4000, 40), options=options)
    _, skipping, _ = _sample(decoding, path, skip_frames=True)
    assert _times(skipping) == _times(_sample(decoding, path)[1])


def test_nothing_is_skipped_where_every_frame_is_referred_to(
    decoding: DecodingProcess, even: Path
) -> None:
    _, skipping, _ = _sample(decoding, even, skip_frames=True)
    assert _times(skipping) == _times(_sample(decoding, even)[1])


def test_large_frames_come_in_small_batches() -> None:
    assert frames_per_batch((640, 360)) == 8
    assert frames_per_batch((64, 48)) == 16
    assert frames_per_batch((1920, 1080)) == 1
    assert frames_per_batch((7680, 4320)) == 1


def test_fetching_that_is_left_in_the_middle_leaves_nothing_behind(
    decoding: DecodingProcess, even: Path
) -> None:
    images = decoding.fetch(even, backend="auto", pts_s=[0.4, 1.8, 1.04])
    assert number_in(next(images)) == 10
    images.close()  # type: ignore[attr-defined]
    (image,) = decoding.fetch(even, backend="auto", pts_s=[1.8])
    assert number_in(image) == 45


def test_a_folder_named_as_the_package_is_not_taken_for_it(
    even: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "pipeline" / "decoders"
    other.mkdir(parents=True)
    for folder in (other.parent, other):
        (folder / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with DecodingProcess(stall_timeout_s=30) as process:
        assert process.describe(even, backend="auto").width_px == 64


def test_frames_are_fetched_without_decord(
    decoding: DecodingProcess, even: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    request = decoding._request
    monkeypatch.setattr(
        decoding, "_request", lambda what: (asked.append(what.backend), request(what))
    )
    assert number_in(next(decoding.fetch(even, backend="auto", pts_s=[0.4]))) == 10
    assert asked == ["pyav"]
