"""PyAV and decord on whole and damaged recordings: both give the same."""

from __future__ import annotations

import gc
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from poise.errors import VideoError
from poise.media.decoders import open_decoder
from poise.media.decoders.sampling import SampleSpan
from poise.media.reader import DecodingProcess
from tests.clips import (
    ONE_THREAD,
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
from tests.media.kit import BACKENDS, EVEN_MS, UNEVEN_MS, numbers_of, sampled, times_of

ROTATED = SAMPLES / "표본 B.mp4"


# Whole recordings, both backends


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_even_recording(decoding: DecodingProcess, even: Path, backend: str) -> None:
    info, batches, loss = sampled(decoding, even, backend)
    assert (info.width_px, info.height_px) == (64, 48)
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    assert info.frame_rate_hz == pytest.approx(25, rel=0.02)
    assert times_of(batches) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]
    assert [int(i) for batch in batches for i in batch.frame_index] == list(range(0, 50, 5))
    assert numbers_of(batches) == list(range(0, 50, 5))
    assert loss == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_stamps_of_a_variable_frame_rate_are_the_containers(
    decoding: DecodingProcess, uneven: Path, backend: str
) -> None:
    _, batches, _ = sampled(decoding, uneven, backend, rate_hz=60)
    assert times_of(batches) == pytest.approx(pts_of(uneven), abs=1e-6)
    assert pts_of(uneven) == pytest.approx([ms / 1000 for ms in UNEVEN_MS], abs=1e-6)
    assert numbers_of(batches) == list(range(len(UNEVEN_MS)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_variable_frame_rate_is_sampled_by_time(
    decoding: DecodingProcess, uneven: Path, backend: str
) -> None:
    _, batches, _ = sampled(decoding, uneven, backend)
    assert times_of(batches) == pytest.approx([0, 0.25, 0.8, 1.39, 1.41, 1.9, 2.5], abs=1e-6)
    assert numbers_of(batches) == [0, 3, 6, 8, 9, 11, 13]


@pytest.mark.parametrize(
    "sample", ["Sample A/interview 1.mp4", "표본 B.mp4"], ids=["even", "turned and uneven"]
)
def test_both_backends_see_the_same(decoding: DecodingProcess, sample: str) -> None:
    ours = [sampled(decoding, SAMPLES / sample, b, 1.0, 240)[:2] for b in BACKENDS]
    (info, batches), (other_info, other) = ours
    assert (info.width_px, info.height_px) == (other_info.width_px, other_info.height_px)
    assert times_of(batches) == pytest.approx(times_of(other), abs=1e-6)
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
    info, batches, _ = sampled(decoding, path, backend, 0.2, 120)
    assert (info.width_px, info.height_px) == (640, 480)
    assert batches[0].images.shape[1:] == (120, 160, 3)
    assert batches[0].scale == 0.25


def test_reduction_does_not_alias(decoding: DecodingProcess, tmp_path: Path) -> None:
    y, x = np.mgrid[:480, :640]
    stripes = np.repeat(((x // 2 + y // 2) % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    path = write_clip(tmp_path / "fine.mp4", [stripes] * 3, (0, 40, 80), options={"crf": "1"})
    _, batches, _ = sampled(decoding, path, short_side_px=120)
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
        stream = container.add_stream(codec, rate=10, options=ONE_THREAD)
        stream.width, stream.height, stream.pix_fmt = 320, 240, pixels
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    for short_side_px in (None, 120):
        _, batches, _ = sampled(decoding, path, "pyav", short_side_px=short_side_px)
        shown = batches[0].images[0]
        expected = cv2.resize(image, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        steps = 20 if pixels == "rgb8" else 3
        assert np.abs(shown.astype(int) - expected).mean() < steps


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_turned_recording_is_upright(decoding: DecodingProcess, backend: str) -> None:
    info, batches, _ = sampled(decoding, ROTATED, backend, 0.2)
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
    info, batches, _ = sampled(decoding, path, backend)
    assert (info.width_px, info.height_px) == (96, 64)
    image = batches[0].images[0].astype(int)
    assert image[4:20, 4:30, 0].mean() > 180
    assert image[32:, :, 0].mean() < 40
    assert image[:, 48:, 0].mean() < 40


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_are_small(decoding: DecodingProcess, even: Path, backend: str) -> None:
    _, batches, _ = sampled(decoding, even, backend, rate_hz=60)
    assert max(len(batch) for batch in batches) <= 16
    assert sum(len(batch) for batch in batches) == 50


@pytest.mark.parametrize("name", ["plain", "turned"])
def test_frames_are_given_back_as_reading_goes_on(even: Path, name: str) -> None:
    """Not when Python next looks for garbage: by then hundreds of megabytes may lie there."""
    decoder = open_decoder(ROTATED if name == "turned" else even, "pyav")
    gc.collect()
    gc.disable()
    try:
        for _ in decoder.sample(25, None):
            held = sum(type(item) is av.VideoFrame for item in gc.get_objects(generation=0))
            assert held <= 4
    finally:
        gc.enable()


@pytest.mark.parametrize("container", ["mov", "mkv", "avi", "ts"])
def test_other_containers(decoding: DecodingProcess, tmp_path: Path, container: str) -> None:
    path = counting_clip(tmp_path / f"a.{container}", EVEN_MS)
    _, batches, loss = sampled(decoding, path)
    assert numbers_of(batches) == list(range(0, 50, 5))
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
    _, batches, _ = sampled(decoding, path)
    times, numbers = times_of(batches), numbers_of(batches)
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
    info, batches, loss = sampled(decoding, path, short_side_px=120)
    last_s = times_of(batches)[-1]
    assert info.duration_s == pytest.approx(19, abs=0.1)
    assert 5 < last_s < 15
    assert f"breaks off at {last_s:.1f}"[:-2] in loss
    assert "of 19.0 s" in loss


def test_pictures_that_a_decoder_made_only_in_part_are_said(tmp_path: Path) -> None:
    """FFmpeg mends what it can, and shows it without an error."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    large = picture.repeat(8, axis=0).repeat(8, axis=1)
    moving = [np.roll(large, 2 * k, axis=1) for k in range(50)]
    options = {"crf": "12", "g": "25"}
    path = write_clip(tmp_path / "a.mkv", moving, range(0, 2000, 40), options=options)
    data, chance = bytearray(path.read_bytes()), np.random.default_rng(1)
    for at in chance.integers(len(data) // 2, len(data) * 3 // 4, 12):
        data[at] ^= 1 << int(chance.integers(8))
    path.write_bytes(data)
    decoder = open_decoder(path, "pyav")
    assert len([t for batch in decoder.sample(5.0, None) for t in batch.pts_s]) == 10
    assert "damaged, and those behind may be wrong, too" in decoder.loss


def test_what_a_transport_stream_lost_on_its_way_is_said(tmp_path: Path) -> None:
    """Whole pictures, which a decoder does not miss, are seen by the numbers of their packets, but
    for where a part begins."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    large = picture.repeat(8, axis=0).repeat(8, axis=1)
    moving = [np.roll(large, 2 * k, axis=1) for k in range(50)]
    options = {"crf": "12", "g": "25"}
    path = write_clip(tmp_path / "a.ts", moving, range(0, 2000, 40), options=options)
    data = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188).copy()
    of_picture = np.flatnonzero(((data[:, 1] & 31) == 1) & (data[:, 2] == 0))
    adapts = (data[of_picture, 3] & 32 > 0) & (data[of_picture, 4] > 0)
    _, second_key = of_picture[adapts & (data[of_picture, 5] & 64 > 0)]
    starts = of_picture[(data[of_picture, 1] & 64 > 0) & (of_picture > second_key)]

    path.write_bytes(np.delete(data, np.s_[starts[4] : starts[7]], axis=0).tobytes())
    for skip in (False, True):
        torn = open_decoder(path, "pyav")
        found = torn.sample(5.0, None, skip_frames=skip)
        assert len([t for batch in found for t in batch.pts_s]) == 10
        assert "damaged, and those behind may be wrong, too" in torn.loss

    numbers = data[of_picture[of_picture >= second_key], 3]
    data[of_picture[of_picture >= second_key], 3] = (numbers & 0xF0) | ((numbers + 5) & 0x0F)
    path.write_bytes(data.tobytes())
    joined = open_decoder(path, "pyav")
    assert len([t for batch in joined.sample(5.0, None) for t in batch.pts_s]) == 10
    assert joined.loss == ""


def test_a_recording_damaged_in_the_middle_is_read_past_the_damage(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = damaged(SAMPLES / "Sample A" / "interview 1.mp4", tmp_path / "noise.mp4")
    _, batches, loss = sampled(decoding, path, "pyav", short_side_px=120)
    times = times_of(batches)
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
            sampled(decoding, path, backend, 1.0, 120)
        except VideoError as error:
            assert error.remedy
    assert numbers_of(sampled(decoding, even, backend)[1])[:2] == [0, 5]


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
        sampled(decoding, path, backend)
    assert caught.value.path == str(path)
    assert caught.value.cause and caught.value.remedy
    assert "Error" not in caught.value.cause


def test_no_video_does_not_cost_the_next_one(
    decoding: DecodingProcess, tmp_path: Path, even: Path
) -> None:
    for path in _no_videos(tmp_path).values():
        with pytest.raises(VideoError):
            sampled(decoding, path)
        assert numbers_of(sampled(decoding, even)[1])[:2] == [0, 5]


@pytest.mark.parametrize("side", [2, 16])
def test_a_picture_of_a_few_pixels(decoding: DecodingProcess, tmp_path: Path, side: int) -> None:
    tiny = np.full((side, side, 3), 90, np.uint8)
    path = write_clip(tmp_path / "tiny.mp4", [tiny] * 3, (0, 200, 400))
    info, batches, _ = sampled(decoding, path, short_side_px=360)
    assert (info.width_px, info.height_px) == (side, side)
    assert batches[0].images.shape == (3, side, side, 3)


def test_a_single_pixel(decoding: DecodingProcess, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    frames = [Pillow.new("RGB", (1, 1), (k, 0, 0)) for k in (0, 90, 200)]
    path = tmp_path / "one.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200)
    _, batches, _ = sampled(decoding, path)
    assert batches[0].images.shape[1:] == (1, 1, 3)


def test_a_single_frame(decoding: DecodingProcess, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "one.mp4", [counting(3)], (0,))
    for backend in BACKENDS:
        _, batches, loss = sampled(decoding, path, backend)
        assert times_of(batches) == [0.0]
        assert loss == ""


@pytest.mark.parametrize("name", ["한 글 (1) #2 %20.mp4", 'quote\'d "x".mp4', "-dash.mp4"])
def test_names(decoding: DecodingProcess, tmp_path: Path, even: Path, name: str) -> None:
    path = copy(even, tmp_path / name)
    for backend in BACKENDS:
        assert times_of(sampled(decoding, path, backend)[1])[:2] == [0.0, 0.2]


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
    _, whole, _ = sampled(decoding, with_b_frames, backend)
    times, index, numbers, passed = [], [], [], 0
    for first, last in pairwise((0, *cuts, None)):
        span = SampleSpan(first=first or 0, last=last)
        _, items = decoding.sample(with_b_frames, span=span, **options)
        *batches, end = list(items)
        times += times_of(batches)
        numbers += numbers_of(batches)
        index += [int(i) + passed for batch in batches for i in batch.frame_index]
        passed += end.span_frames
    assert times == times_of(whole)
    assert index == [int(i) for batch in whole for i in batch.frame_index] == numbers
    assert passed == 150


def test_parts_of_an_uneven_recording(decoding: DecodingProcess, uneven: Path) -> None:
    times = []
    for first, last in pairwise((0, 1, 5, 6, 11, None)):
        _, batches, _ = sampled(decoding, uneven, span=SampleSpan(first=first or 0, last=last))
        times += times_of(batches)
    assert times == times_of(sampled(decoding, uneven)[1])


def test_what_comes_after_time_starts_again_is_said_to_be_lost(tmp_path: Path) -> None:
    images = np.zeros((30, 48, 64, 3), np.uint8)
    part = write_clip(tmp_path / "part.ts", images, [40 * k for k in range(30)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    decoder = open_decoder(joined, "pyav")
    times = np.concatenate([batch.pts_s for batch in decoder.sample(5.0, None)])
    assert (np.diff(times) > 0).all()
    assert decoder.loss.startswith("its time starts again at 1.2 s")
