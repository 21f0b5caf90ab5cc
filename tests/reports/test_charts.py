"""The drawing of a timeline: well-formed, small, repeatable, and readable without colour."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from poise.reports.charts import _runs, _thinned, progress_svg, timeline_svg
from poise.reports.report_types import RecordingReport
from poise.types import Episode, Series
from tests.factories import make_faceless, make_recording

LABELS = {
    "positive": "긍정적 표정",
    "neutral": "Neutral",
    "negative": "Negative <b>&",
    "surprise": "Surprise-like",
}


@pytest.fixture
def recording(tmp_path: Path) -> RecordingReport:
    return make_recording(tmp_path, duration_s=3605)


def draw(recording: RecordingReport, ident: str = "a") -> str:
    return timeline_svg(
        recording, name=LABELS.__getitem__, ident=ident, title="T <1>", description="D & d"
    )


def test_an_hour_is_small_and_well_formed(recording: RecordingReport) -> None:
    svg = draw(recording)
    assert len(svg.encode()) < 120_000
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    texts = "".join(root.itertext())
    for word in ("T <1>", "D & d", "100%", "1:00:00", *LABELS.values()):
        assert word in texts


def test_text_stays_text_and_leaves_the_font_to_the_page(recording: RecordingReport) -> None:
    svg = draw(recording)
    assert "긍정적 표정" in svg
    assert "font-family" not in svg and "DejaVu" not in svg
    assert "@0@" not in svg


def test_colours_are_variables_with_a_fall_back(recording: RecordingReport) -> None:
    svg = draw(recording)
    for variable in ("--c-positive", "--c-neutral", "--c-negative", "--c-apart", "--chart-ink"):
        assert f"var({variable}, #" in svg
    assert not re.search(r"(?:fill|stroke): #", svg)


def test_rows_differ_in_line_style(recording: RecordingReport) -> None:
    assert len(set(re.findall(r"stroke-dasharray: ([\d., ]+)", draw(recording)))) >= 3


def test_repeatable_and_without_a_date(recording: RecordingReport) -> None:
    assert draw(recording) == draw(recording)
    assert not re.search(r"\b20\d\d-\d\d-\d\d|<metadata|Matplotlib", draw(recording))


def test_ids_of_two_drawings_never_meet(recording: RecordingReport) -> None:
    first, second = draw(recording, ident="a"), draw(recording, ident="b")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    for svg, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r'href="#([^"]+)"', svg)) <= own
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= own
        assert len(re.findall(r'\bid="', svg)) == len(own)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_moment_can_be_drawn(tmp_path: Path, frames: int) -> None:
    short = make_recording(tmp_path, duration_s=0.2 * frames)
    ElementTree.fromstring(draw(short))


def test_nothing_to_draw() -> None:
    assert draw(make_faceless()) == ""


def test_gaps_are_shaded_where_no_face_was_read(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    assert recording.series is not None
    unbroken = replace(recording.series, pts_s=np.arange(len(recording.series.pts_s)) * 0.5)
    assert "var(--chart-gap" in draw(recording)
    assert "var(--chart-gap" not in draw(replace(recording, series=unbroken))


def test_an_episode_of_one_frame_can_be_seen(tmp_path: Path) -> None:
    blink = Episode(label="surprise", start_s=10, end_s=10, peak_s=10, mean_posterior=0.6)
    svg = draw(replace(make_recording(tmp_path), episodes=[blink]))
    bar = re.search(r'PolyCollection_.*? d="([^"]+)"', svg, re.DOTALL)
    assert bar is not None
    columns = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", bar[1])]
    assert max(columns) - min(columns) >= 1.4


def _series(pts_s: list[float], values: list[float]) -> Series:
    smoothed = np.array(values, np.float32)[:, None]
    return Series(
        pts_s=np.array(pts_s), labels=("a",), smoothed=smoothed, emotions=("a",), emotion=smoothed
    )


def test_runs_end_at_gaps() -> None:
    runs = _runs(_series([0.0, 0.5, 3.0, 3.5], [0.25, 0.5, 0.75, 1.0]), 0)
    assert runs == [[(0.0, 0.25), (0.5, 0.5)], [(3.0, 0.75), (3.5, 1.0)]]


def test_a_long_timeline_is_reduced_and_keeps_its_mean() -> None:
    values = np.random.default_rng(0).random(18_000)
    (run,) = _runs(_series((np.arange(18_000) * 0.2).tolist(), values.tolist()), 0)
    assert 500 < len(run) <= 600
    assert np.mean([value for _, value in run]) == pytest.approx(values.mean(), abs=1e-4)


def test_thinning_keeps_what_can_be_seen() -> None:
    run = [(float(k), 0.9 if k == 50 else 0.1) for k in range(101)]
    assert _thinned(run, 1.0, 58.0, 0.3) == [
        (0.0, 0.1), (49.0, 0.1), (50.0, 0.9), (51.0, 0.1), (100.0, 0.1)
    ]  # fmt: skip


def test_shares_over_recordings_keep_their_scale_and_their_gaps() -> None:
    svg = progress_svg(
        [0.2, None, 0.4], label="negative", name="부정적 <b>", ident="p", description="D"
    )
    root = ElementTree.fromstring(svg)
    texts = "".join(root.itertext())
    assert "부정적 <b>" in texts and "100%" in texts and "D" in texts
    assert svg.count("<use") == 2  # a dot for each share that there is
    full = progress_svg([1.0, 0.0], label="negative", name="n", ident="p")
    heights = [float(y) for y in re.findall(r'<use[^>]* y="([\d.]+)"', full)]
    assert heights[1] - heights[0] == pytest.approx(120, abs=0.2)
