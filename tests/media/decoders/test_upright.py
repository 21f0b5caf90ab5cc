"""Frames upright: the whole display matrix, the shape of pixels, sizes that change."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from poise.media.decoders.protocol import View
from poise.media.decoders.upright import Orientation, believed_aspect, square_size
from poise.media.reader import DecodingProcess
from poise.types import Image
from tests.clips import counting, number_in, write_clip
from tests.media.kit import BACKENDS, numbers_of, sampled

WAYS = [
    Orientation(a, 0, 0, d) for a, d in product((1, -1), repeat=2)
] + [Orientation(0, b, c, 0) for b, c in product((1, -1), repeat=2)]  # fmt: skip


def picture() -> Image:
    """96 x 64, no two corners alike."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48], image[:32, 48:], image[32:, :48] = (230, 30, 30), (30, 230, 30), (30, 30, 230)
    return image


def with_matrix(path: Path, matrix: tuple[float, float, float, float]) -> Path:
    """Write a display matrix (a, b, c, d) into the track header of an MP4 file."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    a, b, c, d = (round(value * 65536) for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_way_goes_where_its_matrix_says(way: Orientation) -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    laid = way.apply(image)
    width, height = way.size(3, 2)
    assert laid.shape == (height, width, 3)
    for y, x in product(range(2), range(3)):
        to_x = way.a * x + way.c * y + (width - 1 if way.a + way.c < 0 else 0)
        to_y = way.b * x + way.d * y + (height - 1 if way.b + way.d < 0 else 0)
        assert laid[to_y, to_x, 0] == image[y, x, 0]
    np.testing.assert_array_equal(way.inverse.apply(laid), image)
    assert way.then(way.inverse) == Orientation()


def test_a_turn_after_a_mirror() -> None:
    mirror, turn = Orientation(-1, 0, 0, 1), Orientation.turned(90)
    image = picture()
    np.testing.assert_array_equal(mirror.then(turn).apply(image), np.rot90(image[:, ::-1], -1))
    assert (mirror.mirrored, turn.mirrored) == (True, False)
    assert [Orientation.turned(k).rotation_deg for k in (0, 90, 180, 270)] == [0, 90, 180, 270]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_display_matrix_is_undone(
    decoding: DecodingProcess, tmp_path: Path, way: Orientation, backend: str
) -> None:
    stored = np.ascontiguousarray(way.inverse.apply(picture()))
    path = write_clip(tmp_path / "a.mp4", [stored] * 5, range(0, 200, 40))
    with_matrix(path, (way.a, way.b, way.c, way.d))
    info, batches, loss = sampled(decoding, path, backend)
    assert (info.width_px, info.height_px, info.mirrored) == (96, 64, way.mirrored)
    assert loss == ""
    assert np.abs(batches[0].images[0].astype(int) - picture()).mean() < 6
    (fetched,) = decoding.fetch(path, backend=backend, pts_s=[0.0])
    assert np.abs(fetched.astype(int) - picture()).mean() < 6


def test_a_turn_that_key_frames_ask_for_holds_until_the_next(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """The stream itself asks for it (H.264's display orientation), not the container."""
    head_down = np.ascontiguousarray(picture()[::-1, ::-1])
    path = write_clip(tmp_path / "a.mp4", [head_down] * 20, range(0, 800, 40))
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        asking = BitStreamFilterContext(
            "h264_metadata=display_orientation=insert:rotate=180", source.streams.video[0]
        )
        for packet in source.demux(video=0):
            for changed in asking.filter(packet if packet.size else None):
                changed.stream = stream
                target.mux(changed)
    _, batches, _ = sampled(decoding, tmp_path / "b.mp4", "pyav")
    images = np.concatenate([batch.images for batch in batches]).astype(int)
    assert len(images) == 4 and np.abs(images - picture()).mean() < 6


@pytest.mark.parametrize(
    "matrix", [(0.87, 0.5, -0.5, 0.87), (-0.96, 0.3, 0.3, 0.96)], ids=["turned", "mirrored"]
)
def test_what_is_neither_turn_nor_mirror_is_said(
    decoding: DecodingProcess, tmp_path: Path, matrix: tuple[float, float, float, float]
) -> None:
    path = write_clip(tmp_path / "a.mp4", [picture()] * 5, range(0, 200, 40))
    with_matrix(path, matrix)
    _, items = decoding.sample(path, backend="auto", rate_hz=5, short_side_px=None)
    *batches, end = list(items)
    assert [remark.code for remark in end.remarks] == ["odd_matrix"]  # type: ignore[union-attr]
    assert batches[0].images.shape[1:] == (64, 96, 3)  # type: ignore[union-attr]


def _with_pixels(path: Path, aspect: Fraction, image: Image) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(2), (192, 64)), (Fraction(1, 2), (96, 128)),
                         (Fraction(4, 3), (128, 64)), (Fraction(1), (96, 64))],
)  # fmt: skip
def test_pixels_become_square(
    decoding: DecodingProcess, tmp_path: Path, suffix: str, backend: str,
    aspect: Fraction, size: tuple[int, int],
) -> None:  # fmt: skip
    path = _with_pixels(tmp_path / f"a.{suffix}", aspect, picture())
    info, batches, _ = sampled(decoding, path, backend)
    assert (info.width_px, info.height_px) == size
    assert batches[0].images.shape[1:] == (size[1], size[0], 3)
    assert info.pixel_aspect == pytest.approx(float(aspect))


def test_an_unlikely_shape_of_pixels_is_not_believed(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = _with_pixels(tmp_path / "a.mp4", Fraction(60), picture())
    info = decoding.describe(path, backend="auto")
    assert (info.width_px, info.height_px) == (96, 64)
    assert believed_aspect(Fraction(60)) == (1, False)
    assert believed_aspect(None) == (1, True)
    assert square_size(3, 4, Fraction(1, 3)) == (3, 12)


def _turned_half_way(path: Path, first: Image, then: Image) -> Path:
    """VP8, whose frames say their size themselves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=10, options={"crf": "4", "b": "2M"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        last = 0
        for images, begin in ((first, 0), (then, 10)):
            encoder = stream.codec_context
            if begin:
                encoder = av.CodecContext.create("libvpx", "w")
                encoder.height, encoder.width = images.shape[:2]
                encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 1000)
                encoder.bit_rate = 2_000_000
            frames = []
            for k in range(begin, begin + 10):
                frame = av.VideoFrame.from_ndarray(images, format="rgb24")
                frame.pts, frame.time_base = 100 * k, Fraction(1, 1000)
                frames.append(frame)
            for packet in (p for frame in [*frames, None] for p in encoder.encode(frame)):
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                last = packet.pts = packet.dts = max(last, packet.pts or 0)
                container.mux(packet)
    return path


def test_a_size_that_changes_keeps_the_shape_of_every_frame(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    tall = np.ascontiguousarray(np.rot90(picture()))
    path = _turned_half_way(tmp_path / "a.webm", picture(), tall)
    _, items = decoding.sample(path, backend="pyav", rate_hz=5, short_side_px=None)
    *_, end = list(items)
    assert end.wanted_canvas_px == (96, 96)  # type: ignore[union-attr]
    assert [remark.code for remark in end.remarks] == ["sizes_change"]  # type: ignore[union-attr]
    view = View(canvas_px=(96, 96))
    info, batches, _ = sampled(decoding, path, "pyav", view=view)
    images = np.concatenate([batch.images for batch in batches]).astype(int)
    assert (info.width_px, info.height_px) == (96, 96)
    assert np.abs(images[0, 16:80] - picture()).mean() < 12
    assert np.abs(images[-1, :, 16:80] - tall).mean() < 12
    assert images[0, :12].max() < 24 and images[-1, :, :12].max() < 24


def test_pixels_that_change_their_shape_keep_that_of_every_frame(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """As in broadcasts that go from 4:3 to 16:9: the size that is stored stays the same."""
    wide = picture().repeat(2, axis=1)
    parts = []
    for number, (image, aspect) in enumerate(((picture(), "1/1"), (wide[:, ::2], "2/1"))):
        options = {"x264-params": f"sar={aspect}:bframes=0"}
        times = range(1000 * number, 1000 * (number + 1), 100)
        path = write_clip(tmp_path / f"{number}.ts", [image] * 10, times, options=options)
        parts.append(path.read_bytes())
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    view = View(canvas_px=(192, 64))
    _, batches, _ = sampled(decoding, tmp_path / "a.ts", "pyav", view=view)
    images = np.concatenate([batch.images for batch in batches]).astype(int)
    assert np.abs(images[0, :, 48:144] - picture()).mean() < 12
    assert np.abs(images[-1] - wide).mean() < 12


def test_a_size_that_grows_in_its_shape_fills_the_frame(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """As where a call's bandwidth changes."""
    large = picture().repeat(2, axis=0).repeat(2, axis=1)
    path = _turned_half_way(tmp_path / "a.webm", picture(), large)
    _, batches, _ = sampled(decoding, path, "pyav", view=View(canvas_px=(192, 128)))
    images = np.concatenate([batch.images for batch in batches]).astype(int)
    for image in (images[0], images[-1]):
        assert np.abs(image - large).mean() < 12


def test_colours_that_cannot_be_converted_exactly_are_converted_nearly(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    """BT.2020 with constant luminance, number 10 of H.273, in the stream's own header."""
    path = write_clip(
        tmp_path / "a.mp4", [picture()] * 5, range(0, 200, 40),
        options={"x264-params": "colormatrix=bt2020c"},
    )  # fmt: skip
    decoding.warnings.clear()
    _, items = decoding.sample(path, backend="auto", rate_hz=5, short_side_px=32)
    *batches, end = list(items)
    assert [remark.code for remark in end.remarks] == ["odd_colours"]  # type: ignore[union-attr]
    assert batches[0].images[0, 4:12, 4:20, 0].mean() > 180  # type: ignore[union-attr]
    assert decoding.warnings == []


def interlaced(path: Path, codec: str, order: str) -> Path:
    """A recording whose frames hold two half pictures each, which show different numbers."""
    own = {"x264-params": f"{order}=1", "preset": "ultrafast"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"flags": "+ildct+ilme", **own})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(50):
            image = counting(number, (128, 96))
            image[1::2] = counting(255 - number, (128, 96))[1::2]  # of the lower field
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "codec", "order"),
    [("a.mp4", "libx264", "tff"), ("a.mkv", "libx264", "bff"), ("a.ts", "mpeg2video", "tff")],
)
@pytest.mark.parametrize("short_side_px", [None, 48, 72])
def test_of_interlaced_pictures_one_half_is_read_and_that_is_said(
    decoding: DecodingProcess, tmp_path: Path, name: str, codec: str, order: str, backend: str,
    short_side_px: int | None,
) -> None:  # fmt: skip
    path = interlaced(tmp_path / name, codec, order)
    _, items = decoding.sample(path, backend=backend, rate_hz=5, short_side_px=short_side_px)
    *batches, end = list(items)
    assert [r.code for r in end.remarks if r.code != "other_decoder"] == ["interlaced"]  # type: ignore[union-attr]
    assert numbers_of(batches) == list(range(0, 50, 5))  # type: ignore[arg-type]
    height = short_side_px or 96
    assert batches[0].images.shape[1:3] == (height, height * 4 // 3)  # type: ignore[union-attr]
    (image,) = decoding.fetch(path, backend=backend, pts_s=[1.0])
    assert (image.shape, number_in(image)) == ((96, 128, 3), 25)
