"""One recording from file to result: what a person sees in a player is what is analysed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from av.stream import Disposition

import poise.media.reader
from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_parts, analyse_recording, observe_part
from poise.analysis.views import Look
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.media.decoders.sampling import SampleSpan
from poise.media.reader import DecodingProcess
from poise.settings import Settings
from poise.types import Image, RecordingAnalysis
from tests.clips import write_clip
from tests.conftest import SampleFaces
from tests.media.test_upright import with_matrix

Analyse = Callable[[Path], RecordingAnalysis]


@pytest.fixture
def context(classifier: ExpressionClassifier, detector: FaceDetector) -> Iterator[AnalysisContext]:
    with DecodingProcess(stall_timeout_s=60) as decoding:
        yield AnalysisContext(
            Settings(device="cpu"), classifier=classifier, detector=detector, decoding=decoding
        )


@pytest.fixture
def analyse(context: AnalysisContext, tmp_path: Path) -> Analyse:
    def one(path: Path) -> RecordingAnalysis:
        return analyse_recording(path, context, tmp_path)

    return one


@pytest.fixture(scope="module")
def images(sample_faces: SampleFaces) -> list[Image]:
    """Two seconds of a neutral face, two of a smile, ten pictures a second."""
    neutral, smile = sample_faces.images[0], sample_faces.images[1]
    return [neutral] * 20 + [smile] * 20


TIMES = range(0, 4000, 100)


def _codes(analysis: RecordingAnalysis) -> list[str]:
    return [remark.code for remark in analysis.remarks]


def _as_the_control(analysis: RecordingAnalysis) -> None:
    assert analysis.statistics.coverage == 1
    assert analysis.statistics.shares["positive"] == pytest.approx(0.5, abs=0.06)
    neutral, smile = analysis.episodes
    assert (neutral.label, smile.label) == ("neutral", "positive")
    assert smile.start_s - neutral.start_s == pytest.approx(2.0, abs=0.21)


def test_the_control(analyse: Analyse, tmp_path: Path, images: list[Image]) -> None:
    analysis = analyse(write_clip(tmp_path / "a.mp4", images, TIMES))
    _as_the_control(analysis)
    assert _codes(analysis) == [] and analysis.loss == ""
    assert analysis.info.start_offset_s == 0


def test_a_mirrored_recording(analyse: Analyse, tmp_path: Path, images: list[Image]) -> None:
    stored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    path = with_matrix(write_clip(tmp_path / "a.mp4", stored, TIMES), (-1, 0, 0, 1))
    analysis = analyse(path)
    _as_the_control(analysis)
    assert analysis.info.mirrored


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_picture_that_lies_without_a_word_is_turned_and_that_is_said(
    analyse: Analyse, tmp_path: Path, images: list[Image], turn: int
) -> None:
    stored = [np.ascontiguousarray(np.rot90(image, turn)) for image in images]
    analysis = analyse(write_clip(tmp_path / "a.mp4", stored, TIMES))
    _as_the_control(analysis)
    (remark,) = analysis.remarks
    assert (remark.code, remark.values["degrees"]) == ("turned", 90 * turn)
    assert (analysis.info.width_px, analysis.info.height_px) == (640, 480)


def test_the_stream_with_a_face_is_read(
    analyse: Analyse, tmp_path: Path, images: list[Image]
) -> None:
    """A shared screen comes first, lasts as long, and is the default."""
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for disposition in (Disposition.default, Disposition(0)):
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
            stream.disposition = disposition
            streams.append(stream)
        white = np.full_like(images[0], 255)
        for image in images:
            for stream, shown in zip(streams, (white, image), strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    analysis = analyse(path)
    _as_the_control(analysis)
    assert analysis.info.stream == 1
    assert _codes(analysis) == ["stream_chosen"]


def test_a_hole_is_said_and_no_time(analyse: Analyse, tmp_path: Path, images: list[Image]) -> None:
    times = [*range(0, 2000, 100), *range(12_000, 14_000, 100)]
    analysis = analyse(write_clip(tmp_path / "a.mp4", images, times))
    assert analysis.remarks[0].text == "it shows no picture from 2.0 s to 12.0 s"
    assert analysis.statistics.duration_s == pytest.approx(4.0, abs=0.1)
    assert analysis.statistics.coverage == 1
    assert analysis.statistics.end_s == pytest.approx(14.0, abs=0.1)


def test_a_sparse_recording_has_episodes_and_says_that_it_is_sparse(
    analyse: Analyse, tmp_path: Path, images: list[Image]
) -> None:
    times = range(0, 1020 * 20, 1020)
    alive = [np.roll(image, 3 * (k % 3), axis=1) for k, image in enumerate(images[::2])]
    analysis = analyse(write_clip(tmp_path / "a.mp4", alive, times))
    assert [episode.label for episode in analysis.episodes] == ["neutral", "positive"]
    assert analysis.episodes[-1].end_s == pytest.approx(20.4, abs=0.1)
    assert _codes(analysis) == ["sparse"]


def test_where_reading_breaks_off_the_frames_before_are_not_lost(
    analyse: Analyse, tmp_path: Path, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both decoders crash at 3 s, when frames still wait for the next key frame."""
    server = """
import os
import poise.media.decoders.server as server
send = server.send
def sending(connection, item):
    pts_s = getattr(item, "pts_s", None)
    if pts_s is not None and pts_s[-1] > 3.0:
        os._exit(1)
    send(connection, item)
server.send = sending
server.main()
"""
    path = write_clip(tmp_path / "a.mp4", images, TIMES)
    monkeypatch.setattr(poise.media.reader, "SERVER", server)
    analysis = analyse(path)
    assert len(analysis.frames.pts_s) >= 10
    assert analysis.statistics.coverage == 1
    assert "crashed" in analysis.loss


def test_parts_say_the_seconds_of_all(
    context: AnalysisContext, tmp_path: Path, images: list[Image]
) -> None:
    path = write_clip(tmp_path / "a.mp4", images, TIMES)
    whole = analyse_recording(path, context, tmp_path)
    look, folders = Look(short_side_px=360), []
    for number, span in enumerate((SampleSpan(last=10), SampleSpan(first=10))):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        observe_part(path, context, span, look, folders[-1])
    joined = analyse_parts(path, context, folders, tmp_path)
    for stage in ("decode", "detect", "align", "classify"):
        assert joined.stages[stage] > 0
    np.testing.assert_array_equal(joined.frames.pts_s, whole.frames.pts_s)
    assert joined.episodes == whole.episodes
