"""The drawing of a timeline: well-formed, small, repeatable, and readable without colour."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from poise.labels import display_class
from poise.reports.drawing.charts import overview_svg, progress_svg, strip_svg, timeline_svg
from poise.reports.report_types import RecordingReport
from poise.types import Episode
from tests.conftest import ROOT
from tests.factories import make_answers, make_faceless, make_recording

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
    for word in ("T <1>", "D & d", "0%", "50%", "100%", "1:00:00", *LABELS.values()):
        assert word in texts


def test_text_stays_text_and_leaves_the_font_to_the_page(recording: RecordingReport) -> None:
    svg = draw(recording)
    assert "긍정적 표정" in svg
    assert "font-family" not in svg


def test_colours_are_variables_with_a_fall_back(recording: RecordingReport) -> None:
    svg = draw(recording)
    for variable in ("--c-positive", "--c-neutral", "--c-negative", "--c-apart", "--chart-ink"):
        assert f"var({variable}, #" in svg
    assert not re.search(r"(?:fill|stroke)[=:]\"? ?#", svg)


def test_rows_differ_in_line_style(recording: RecordingReport) -> None:
    assert len(set(re.findall(r"stroke-dasharray=\"([\d., ]+)", draw(recording)))) >= 3


def test_repeatable_and_without_a_date(recording: RecordingReport) -> None:
    assert draw(recording) == draw(recording)
    assert not re.search(r"\b20\d\d-\d\d-\d\d|<metadata", draw(recording))


def test_ids_of_two_drawings_never_meet(recording: RecordingReport) -> None:
    first, second = draw(recording, ident="a"), draw(recording, ident="b")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    for svg, own in zip((first, second), ids, strict=True):
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
    count = len(recording.series.pts_s)
    unbroken = replace(recording.series, pts_s=np.linspace(0, 754, count))
    assert draw(recording).count('fill="url(#a-gap)"') == 2 * len(LABELS)
    assert 'fill="url(#a-gap)"' not in draw(replace(recording, series=unbroken))


def test_an_episode_of_one_frame_can_be_seen(tmp_path: Path) -> None:
    blink = Episode(label="surprise", start_s=10, end_s=10, peak_s=10, mean_posterior=0.6)
    svg = draw(replace(make_recording(tmp_path), episodes=[blink]))
    bars = re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="5" fill="var', svg)
    assert [float(width) for width in bars] == [1.5]


def test_shares_over_recordings_keep_their_scale_and_their_gaps() -> None:
    svg = progress_svg(
        [0.2, None, 0.4], label="negative", name="부정적 <b>", ident="p", description="D"
    )
    root = ElementTree.fromstring(svg)
    texts = "".join(root.itertext())
    assert "부정적 <b>" in texts and "100%" in texts and "D" in texts
    assert svg.count("<circle") == 2  # a dot for each share that there is
    full = progress_svg([1.0, 0.0], label="negative", name="n", ident="p")
    heights = [float(y) for y in re.findall(r'<circle[^>]* cy="([\d.]+)"', full)]
    assert heights[1] - heights[0] == pytest.approx(120, abs=0.2)


@pytest.mark.parametrize("years", [1, 100, 100_000])
def test_a_claim_of_years_takes_no_more_than_minutes_do(tmp_path: Path, years: int) -> None:
    """A gap in the time stamps: neither ticks nor anything else grow with what is claimed."""
    recording = make_recording(tmp_path, duration_s=60)
    series, statistics = recording.series, recording.statistics
    assert series is not None and statistics is not None
    far_s = years * 365.25 * 86_400
    pts_s = np.where(np.arange(len(series.pts_s)) < 100, series.pts_s, series.pts_s + far_s)
    claimed = replace(
        recording,
        series=replace(series, pts_s=pts_s),
        statistics=replace(statistics, duration_s=far_s),
        episodes=[replace(recording.episodes[-1], end_s=far_s)],
        unseen=[(20.0, far_s)],
    )
    started = time.process_time()
    svg, strip, overview = draw(claimed), strip_svg(claimed), overview_svg(claimed)
    assert time.process_time() - started < 1
    assert len(overview) < 10_000
    ElementTree.fromstring(svg)
    assert len(svg) < len(draw(recording)) + 5000 and len(strip) < 10_000
    assert 3 <= svg.count('text-anchor="middle"') + svg.count("v4") <= 30


def test_names_from_a_model_are_only_words(recording: RecordingReport) -> None:
    attack = '</text><script>alert(1)</script><meta http-equiv="refresh">'
    for svg in (
        timeline_svg(recording, name=lambda _: attack, ident="a", title=attack, description=attack),
        progress_svg([0.1, 0.2], label=attack, name=attack, ident="p", description=attack),
    ):
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert not names & {"script", "meta"}


def test_a_strip_tells_no_face_from_no_episode(tmp_path: Path) -> None:
    """Stripes where no face could be used; where nothing prevails, the plain ground alone."""
    bare = replace(make_faceless(duration_s=100), unseen=[(20.0, 40.0)])
    strip = strip_svg(bare)
    (ground,) = re.findall(r'class="s-ground" d="M(\d+) 0H(\d+)V10', strip)
    assert ground == ("200", "400")
    stripes = re.findall(r"M(\d+) 0H(\d+)V", strip.partition("s-gap")[2])
    assert len(stripes) > 5 and all(200 <= int(a) < int(b) <= 400 for a, b in stripes)
    assert "s-gap" not in strip_svg(replace(bare, unseen=[]))


def test_what_is_left_out_is_one_dark_stretch_in_every_drawing(tmp_path: Path) -> None:
    bare = replace(make_faceless(duration_s=100), unseen=[], excluded=((20.0, 40.0),))
    assert '<path class="s-gap" d="M200 0H400V10H200z"/>' in strip_svg(bare)
    assert "s-ground" not in strip_svg(bare)
    recording = make_recording(tmp_path, duration_s=300)
    plain, left_out = (
        timeline_svg(replace(recording, excluded=spans)) for spans in ((), ((90.0, 100.0),))
    )
    assert left_out.count("<rect") - plain.count("<rect") == 4  # one in the row of each expression
    columns = overview_svg(replace(recording, excluded=((60.0, 90.0),)))
    assert '<path class="s-gap" d="M1 0H2V50.0H1z"/>' in columns
    assert "s-gap" not in overview_svg(recording)


def test_strips_and_legend_have_the_same_colours() -> None:
    style = (ROOT / "templates" / "style.css").read_text(encoding="utf-8")
    for label in ("positive", "neutral", "negative", "surprise"):
        look = display_class(label)
        rule = re.search(rf"\.s-{look} {{ fill: (.+?); background: (.+?); }}", style)
        assert rule is not None and rule[1] == rule[2] == f"var(--c-{look})"


def test_a_strip_of_an_answer_shows_its_part_alone(tmp_path: Path) -> None:
    def episode(start_s: float, end_s: float) -> Episode:
        return Episode(label="positive", start_s=start_s, end_s=end_s, peak_s=start_s,
                       mean_posterior=0.9)  # fmt: skip

    recording = replace(
        make_faceless(duration_s=100),
        episodes=[episode(5, 15), episode(30, 35), episode(48, 70), episode(80, 90)],
        unseen=[(0.0, 22.0), (60.0, 70.0)],
    )
    strip = strip_svg(recording, 50.0, 20.0)
    (path,) = re.findall(r'class="s-positive" d="([^"]+)"', strip)
    assert re.findall(r"M(\d+) 0H(\d+)", path) == [("333", "500"), ("933", "1000")]
    (ground,) = re.findall(r'class="s-ground" d="([^"]+)"', strip)
    assert re.findall(r"M(\d+) 0H(\d+)", ground) == [("0", "67")]


def test_an_expression_without_episodes_takes_little_room_and_says_so(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, duration_s=300)
    kept = [episode for episode in recording.episodes if episode.label != "surprise"]
    full, small = (
        timeline_svg(replace(recording, episodes=e), empty="no episode") for e in
        (recording.episodes, kept)
    )  # fmt: skip
    assert "no episode" in small and "no episode" not in full
    tall, less = (float(re.findall(r'viewBox="0 0 920 (\d+)', svg)[0]) for svg in (full, small))
    assert less < tall - 40 and small.count(">100%<") == 3


def test_an_overview_leaves_free_what_shows_no_face(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, duration_s=3600)
    overview = overview_svg(recording)
    root = ElementTree.fromstring(overview)
    assert root.get("viewBox") == "0 0 60 100" and root.get("aria-hidden") == "true"
    tops: dict[str, float] = {}
    for left, top in re.findall(r"M(\d+) [\d.]+H[\d.]+V([\d.-]+)", overview):
        tops[left] = min(tops.get(left, 100), float(top))
    assert len(tops) == 58 and min(tops.values()) == 0  # in two no face is seen at all
    assert max(tops.values()) > 20
    assert overview_svg(make_faceless()) == ""


def test_answers_are_numbered_below_the_rows(tmp_path: Path) -> None:
    recording = make_answers(make_recording(tmp_path, duration_s=600))
    texts = [element.text or "" for element in ElementTree.fromstring(draw(recording)).iter()]
    numbers = [text for text in texts if re.fullmatch(r"\d", text)]
    assert numbers == list("123456")
