"""One recording from file to result: what a person sees in a player is what is analysed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_parts, analyse_recording, observe_part
from poise.analysis.views import Look
from poise.media.decoders.sampling import SampleSpan
from poise.types import Image
from tests.analysis.kit import TIMES, Analyse, assert_as_the_control, codes_of
from tests.clips import write_clip


def test_the_control(analyse: Analyse, tmp_path: Path, images: list[Image]) -> None:
    analysis = analyse(write_clip(tmp_path / "a.mp4", images, TIMES))
    assert_as_the_control(analysis)
    assert codes_of(analysis) == [] and analysis.loss == ""
    assert analysis.info.start_offset_s == 0


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
    alive = [cv2.add(image, (6.0 * (k % 3),) * 3) for k, image in enumerate(images[::2])]
    analysis = analyse(write_clip(tmp_path / "a.mp4", alive, times))
    assert [episode.label for episode in analysis.episodes] == ["neutral", "positive"]
    assert analysis.episodes[-1].end_s == pytest.approx(20.4, abs=0.1)
    assert codes_of(analysis) == ["sparse"]


@pytest.mark.parametrize(
    ("span_s", "baseline", "told"),
    [((0.0, 1.9), "auto", []), ((5.0, 11.0), "auto", ["rest_unused"]), ((5.0, 11.0), "none", [])],
)
def test_a_span_named_for_the_resting_face_that_shows_none_is_told(
    context: AnalysisContext,
    tmp_path: Path,
    images: list[Image],
    span_s: tuple[float, float],
    baseline: str,
    told: list[str],
) -> None:
    settings = replace(context.settings, baseline=baseline)
    analysis = analyse_recording(
        write_clip(tmp_path / "a.mp4", images, TIMES),
        replace(context, settings=settings),
        tmp_path,
        neutral_span_s=span_s,
    )
    assert codes_of(analysis) == told
    assert (analysis.baseline.kind == "given") is (told == [] and baseline == "auto")


@pytest.mark.parametrize("sound", [True, False])
def test_which_sound_track_is_listened_to_is_said_where_one_is(
    context: AnalysisContext, tmp_path: Path, images: list[Image], sound: bool
) -> None:
    with (
        av.open(str(write_clip(tmp_path / "a.mp4", images, TIMES))) as source,
        av.open(str(tmp_path / "b.mkv"), "w") as target,
    ):
        stored = target.add_stream_from_template(source.streams.video[0])
        for _ in range(2):
            target.add_stream("aac", rate=16_000).layout = "mono"
        for packet in source.demux():
            if packet.size:
                packet.stream = stored
                target.mux(packet)
    context = replace(context, settings=replace(context.settings, sound=sound))
    analysis = analyse_recording(tmp_path / "b.mkv", context, tmp_path)
    assert codes_of(analysis) == (["sound_chosen"] if sound else [])


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
