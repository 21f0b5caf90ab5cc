"""Decoding engines of GPUs: their contract, held by software in their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import poise.media.reader
from poise.media.decoders.protocol import View
from poise.media.decoders.pyav import PyAVDecoder
from poise.media.decoders.sampling import SampleSpan
from poise.media.decoders.server import SampleEnd
from poise.media.engines.slots import EngineSlots
from poise.media.engines.sources import CUVID, Engine, EngineError, EngineFrames
from poise.media.reader import DecodingProcess
from poise.types import FrameBatch
from tests.clips import ONE_THREAD, counting_clip
from tests.conftest import SAMPLES
from tests.media.decoders.test_upright import interlaced

STAND_IN = Engine({codec: codec for codec in CUVID})
SAMPLE = SAMPLES / "Sample A" / "interview 1.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with frames that no other frame refers to."""
    path = tmp_path_factory.mktemp("engines") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options=ONE_THREAD | {"bf": "3", "g": "40"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        rng = np.random.default_rng(0)
        for number in range(90):
            image = np.full((240, 320, 3), number, np.uint8)
            image[::4] = rng.integers(0, 255, (60, 320, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    return path


def _all(decoder: PyAVDecoder, **options: Any) -> list[FrameBatch]:
    return list(decoder.sample(30.0, 120, **options))


def _times(batches: Sequence[FrameBatch]) -> list[float]:
    return np.concatenate([batch.pts_s for batch in batches]).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("span", [SampleSpan(), SampleSpan(first=45, last=75)])
def test_frames_and_time_stamps_are_those_of_software(
    clip: Path, skip: bool, span: SampleSpan
) -> None:
    software, engine = PyAVDecoder(clip), PyAVDecoder(clip, engine=STAND_IN)
    expected = _all(software, skip_frames=skip, span=span)
    found = _all(engine, skip_frames=skip, span=span)
    assert _times(found) == _times(expected)
    assert engine.span_frames == software.span_frames and engine.loss == software.loss == ""
    for one, other in zip(found, expected, strict=True):
        assert (one.frame_index == other.frame_index).all()
        np.testing.assert_array_equal(one.images, other.images)


def test_what_no_frame_refers_to_is_not_even_given_to_an_engine(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        source = STAND_IN.opened(stream, (160, 120))
        frames = [f for packet in container.demux(stream) for f in source.decode(packet, True)]
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        expected = [frame.pts for frame in container.decode(stream)]
    assert source.dropped > 10
    assert [frame.pts for frame in frames] == expected


def test_turned_pictures_stand_upright() -> None:
    view = View(turn_deg=90)
    expected = _all(PyAVDecoder(SAMPLE, view), span=SampleSpan(last=6))
    found = _all(PyAVDecoder(SAMPLE, view, engine=STAND_IN), span=SampleSpan(last=6))
    np.testing.assert_array_equal(found[0].images, expected[0].images)


class _Odd:
    """A decoder whose frames have other time stamps."""

    coded_width, coded_height = 320, 240

    def __init__(self, change: str) -> None:
        self._change = change
        self._real = av.CodecContext.create("h264", "r")
        self.extradata = b""

    def decode(self, packet: Any) -> list[Any]:
        self._real.extradata = self.extradata or self._real.extradata
        frames: list[Any] = self._real.decode(packet)
        for frame in frames:
            frame.pts = None if self._change == "none" else frame.pts + 7
        if self._change == "size" and frames:
            self.coded_width += 16
            frames[0].pts -= 7
        return [] if self._change == "silence" else frames


def _read(clip: Path, change: str) -> list[int]:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context: Any = _Odd(change)
        context.extradata = stream.codec_context.extradata
        source = EngineFrames(context, "h264", 4)
        return [f.pts for packet in container.demux(stream) for f in source.decode(packet, False)]


def test_frames_without_time_stamps_get_those_of_their_packets(clip: Path) -> None:
    with av.open(str(clip)) as container:
        expected = [frame.pts for frame in container.decode(video=0)]
    assert _read(clip, "none") == expected


@pytest.mark.parametrize(
    ("change", "cause"),
    [("other", "no packet has"), ("size", "change their size"), ("silence", "gives no frames")],
)
def test_an_engine_that_cannot_be_trusted_is_given_up(clip: Path, change: str, cause: str) -> None:
    with pytest.raises(EngineError, match=cause):
        _read(clip, change)


def test_what_engines_do_not_take_is_not_given_to_them(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "ten.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p10le")))
        out.mux(stream.encode())
    with pytest.raises(EngineError, match="10le"):
        _all(PyAVDecoder(path, engine=STAND_IN))
    with pytest.raises(EngineError, match="does not decode"):
        _all(PyAVDecoder(clip, engine=Engine({})))
    with pytest.raises(EngineError, match="fitted"):
        _all(PyAVDecoder(clip, View(canvas_px=(500, 500)), engine=STAND_IN))
    with pytest.raises(EngineError, match="interlaced"):
        _all(PyAVDecoder(interlaced(tmp_path / "i.mp4", "libx264", "tff"), engine=STAND_IN))
    with pytest.raises(EngineError, match="cannot be opened"):
        _all(PyAVDecoder(clip, engine=Engine({"h264": "no such decoder"})))


def test_without_a_gpu_nvidia_s_decoders_fail_as_engines_do(clip: Path) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError):
        _all(PyAVDecoder(clip, engine=Engine(CUVID, 0)))


# Through the decoding process

_SERVER = """
import os
import poise.media.engines.sources as engines
import poise.media.decoders.server as server
engines.CUVID = {"h264": "h264"}
given = engines.EngineFrames.decode
count = 0
def decode(self, packet, skips):
    global count
    count += 1
    if count == %(after)d:
        %(end)s
    return given(self, packet, skips)
engines.EngineFrames.decode = decode
server.main()
"""


@pytest.mark.parametrize(
    ("after", "end", "told"),
    [
        pytest.param(-1, "pass", "", id="well"),
        pytest.param(1, "raise engines.EngineError('no engine')", "no engine", id="none"),
        pytest.param(60, "raise engines.EngineError('pulled away')", "pulled away", id="middle"),
        pytest.param(60, "os._exit(1)", "crashed", id="crash"),
    ],
)
def test_whatever_an_engine_does_the_recording_is_read_once_and_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int, end: str, told: str
) -> None:
    path = counting_clip(tmp_path / "a.mp4", [40 * k for k in range(120)])
    monkeypatch.setattr(poise.media.reader, "SERVER", _SERVER % {"after": after, "end": end})
    slots = EngineSlots([0], 1, tmp_path / "slots")
    with DecodingProcess(engines=slots) as process:
        _, items = process.sample(path, backend="auto", rate_hz=25, short_side_px=None)
        with slots.taken() as gpu:
            assert gpu is None  # it is held while the recording is read
        *batches, last = list(items)
        assert isinstance(last, SampleEnd) and not last.loss and not last.remarks
        assert [told in warning for warning in process.warnings] == ([True] if told else [])
        with slots.taken() as gpu:
            assert gpu == 0
    times = np.concatenate([b.pts_s for b in batches if isinstance(b, FrameBatch)])
    np.testing.assert_allclose(times, np.arange(120) * 0.04, atol=1e-6)


def test_without_a_free_engine_software_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path
) -> None:
    fails = _SERVER % {"after": 1, "end": "raise engines.EngineError('was asked')"}
    monkeypatch.setattr(poise.media.reader, "SERVER", fails)
    slots = EngineSlots([0], 1, tmp_path / "slots")
    with slots.taken(), DecodingProcess(engines=slots) as process:
        _, items = process.sample(clip, backend="auto", rate_hz=5, short_side_px=None)
        assert isinstance(list(items)[-1], SampleEnd)
        assert process.warnings == []
