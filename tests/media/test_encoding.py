"""What is made for browsers: upright, of 540 lines, and on the clock of the recording."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from poise.media.decoders.protocol import View
from poise.media.decoders.pyav import PyAVDecoder
from poise.media.encoding import carry_out
from poise.media.transcode import Job, Made
from tests.clips import counting, counting_clip, frames_at, number_in, pts_of, write_clip
from tests.media.decoders.test_upright import picture, with_matrix
from tests.sounds import LATE, vowels, write_late, write_sounding


def _made(source: Path, target: Path, **job: object) -> Made:
    job = {"view": View(), **job}
    return carry_out(Job(source=source, stem=target / "made", **job), lambda _: None)  # type: ignore[arg-type]


def _streams(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {stream.type: stream.codec_context.name for stream in container.streams}


def _loudness(path: Path) -> tuple[np.ndarray, int]:
    """Loudness of each hundredth of a second, from 0 on."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames])
    samples = np.concatenate([np.zeros(round(max(0.0, frames[0].time) * rate)), samples])
    step = rate // 100
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    return np.sqrt((whole**2).mean(axis=1)), rate


def test_large_hevc_becomes_h264_of_540_lines(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(10):
            image = counting(number, (1920, 1080))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    made = _made(source, tmp_path, may_copy=True)
    assert not made.copied
    assert _streams(made.path) == {"video": "h264"}
    images = frames_at(made.path, [k / 25 for k in range(10)])
    assert images.shape == (10, 540, 960, 3)
    assert [number_in(image) for image in images] == list(range(10))
    data = made.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, 1)])
def test_turned_and_mirrored_pictures_stand_upright(
    matrix: tuple[float, float, float, float], tmp_path: Path
) -> None:
    plain = write_clip(tmp_path / "a.mp4", [picture()] * 5, range(0, 200, 40))
    source = with_matrix(plain, matrix)
    upright = next(iter(PyAVDecoder(source).sample(5, None))).images[0]
    made = _made(source, tmp_path, may_copy=True)
    assert not made.copied
    (shown,) = frames_at(made.path, [0.0])
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 12
    assert PyAVDecoder(made.path).info.rotation_deg == 0


def test_a_turn_that_faces_asked_for_is_made(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", [picture()] * 5, range(0, 200, 40))
    made = _made(source, tmp_path, view=View(turn_deg=90))
    (shown,) = frames_at(made.path, [0.0])
    assert np.abs(shown.astype(int) - np.rot90(picture(), -1)).mean() < 12


def test_pixels_become_square(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        container.mux(stream.encode(av.VideoFrame.from_ndarray(counting(5), format="rgb24")))
        container.mux(stream.encode())
    made = _made(source, tmp_path, may_copy=True)
    assert not made.copied
    assert frames_at(made.path, [0.0]).shape[1:3] == (48, 128)


def test_every_frame_keeps_its_time(tmp_path: Path) -> None:
    times_ms = (0, 40, 80, 250, 290, 330, 800, 840, 1390, 1410, 1430, 1900, 1960, 2500)
    made = _made(counting_clip(tmp_path / "a.mkv", times_ms), tmp_path)
    assert np.abs(np.array(pts_of(made.path)) * 1000 - times_ms).max() < 1
    images = frames_at(made.path, [(ms + 1) / 1000 for ms in times_ms])
    assert [number_in(image) for image in images] == list(range(len(times_ms)))


def test_zero_is_what_a_player_shows_as_zero(tmp_path: Path) -> None:
    """The sound begins at 0, the pictures half a second later: so they stay."""
    source = write_sounding(tmp_path / "a.mkv", [(0.0, vowels(3.0))], pictures_s=(0.5, 3.0))
    made = _made(source, tmp_path)
    decoder = PyAVDecoder(source)
    assert decoder.info.start_offset_s == pytest.approx(0.5, abs=0.01)
    expected = [
        (float(time_s), number_in(image))
        for batch in decoder.sample(10, None)
        for time_s, image in zip(batch.pts_s, batch.images, strict=True)
    ]
    images = frames_at(made.path, [time_s + 0.001 for time_s, _ in expected])
    assert [number_in(image) for image in images] == [number for _, number in expected]
    (first,) = frames_at(made.path, [0.0])
    assert number_in(first) == expected[0][1]  # nothing else is there to be shown


@pytest.mark.parametrize("kind", LATE)
def test_what_starts_late_stays_where_it_is_and_shows_its_first_picture_before(
    tmp_path: Path, kind: str
) -> None:
    source = write_late(tmp_path, kind, [(5.5, vowels(2.5))])
    made = _made(source, tmp_path, may_copy=True)
    assert not made.copied
    images = frames_at(made.path, [0.0, 4.9, 5.05, 6.25, 7.85])
    assert [number_in(image) for image in images] == [50, 50, 50, 62, 78]
    loud, _ = _loudness(made.path)
    assert len(loud) == pytest.approx(800, abs=20)
    assert loud[:548].max() < 0.1 * loud[560:790].mean()
    clip = _made(source, tmp_path, span_s=(6.0, 7.0), may_copy=False)
    assert number_in(frames_at(clip.path, [0.25])[0]) == 62


def test_sound_that_starts_hours_late_is_kept_and_costs_no_hours_of_silence(tmp_path: Path) -> None:
    source = write_late(tmp_path, "fragments", [(9000.0, vowels(2.0))], (9000.0, 9002.0))
    made = _made(source, tmp_path)
    assert made.path.stat().st_size < 100_000
    with av.open(str(made.path)) as container:
        times = [frame.time for frame in container.decode(audio=0)]
    assert (times[0], times[-1]) == pytest.approx((9000, 9002), abs=0.1)


def test_sound_stays_with_the_pictures(tmp_path: Path) -> None:
    """Holes are silence: what is heard at 2.0 s is heard at 2.0 s."""
    pieces = [(0.5, vowels(0.5)), (2.0, vowels(0.5))]
    source = write_sounding(tmp_path / "a.mkv", pieces, pictures_s=(0.0, 3.0))
    made = _made(source, tmp_path)
    assert _streams(made.path) == {"video": "h264", "audio": "aac"}
    loud, rate = _loudness(made.path)
    assert rate == 48_000
    quiet = [loud[:48].max(), loud[110:196].max()]
    heard = [loud[52:98].mean(), loud[203:245].mean()]
    assert max(quiet) < 0.1 * min(heard)


def test_a_clip_is_what_it_is_cut_from(tmp_path: Path) -> None:
    pieces = [(0.0, np.zeros(16_000 * 4, np.float32)), (4.0, vowels(2.0))]
    source = write_sounding(tmp_path / "a.mp4", pieces, pictures_s=(0.0, 6.0))
    made = _made(source, tmp_path, span_s=(3.0, 5.0), may_copy=False)
    images = frames_at(made.path, [0.05, 0.55, 1.05, 1.85])
    assert [number_in(image) for image in images] == [30, 35, 40, 48]
    assert pts_of(made.path)[-1] == pytest.approx(1.9, abs=0.05)
    loud, _ = _loudness(made.path)
    assert loud[:95].max() < 0.1 * loud[105:190].mean()
    assert 1.9 < len(loud) / 100 < 2.3


def test_odd_sides_become_even(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "yuv420p"
        image = counting(9, (65, 49))
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    made = _made(source, tmp_path)
    images = frames_at(made.path, [0.0])
    assert images.shape[1:3] == (48, 64)
    assert number_in(images[0]) == 9
