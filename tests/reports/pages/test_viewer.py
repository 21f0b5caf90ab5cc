"""The timeline in Chromium: in step with the recording, by mouse, touch and keyboard."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from poise.media.decoders.pyav import PyAVDecoder
from tests.clips import number_in
from tests.factories import make_answers, make_recording
from tests.reports.conftest import SAMPLE, Opened, written
from tests.sounds import vowels, write_late

pytestmark = [
    pytest.mark.browser,
    # Playwright's driver is told to go, and goes after Python has looked for leftovers.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_a_moment_is_played_from_a_second_before_and_stops_after_it(
    watched: Path, opened: Callable[..., Opened]
) -> None:
    there = opened(watched)
    there.until("document.querySelector('video').readyState > 0")
    there.value(
        "globalThis.times = []; globalThis.shown = [];"
        " const video = document.querySelector('video');"
        " video.muted = true; video.playbackRate = 4;"
        " for (const event of ['seeking', 'pause'])"
        "   video.addEventListener(event, () => times.push(video.currentTime));"
        " const watch = () => { if (!video.paused) shown.push(video.currentTime);"
        "   requestAnimationFrame(watch); }; watch()"
    )
    there.page.click("details.all-episodes summary")
    link = there.page.locator("table.episodes a").last
    found = re.search(r"t=([\d.]+),([\d.]+)", link.get_attribute("href"))
    assert found is not None
    start_s, end_s = map(float, found.groups())
    assert 1 < start_s < end_s
    link.click()
    there.until("times.length === 2")
    assert there.value("location.hash") == f"#t={start_s:.1f},{end_s:.1f}"
    began_s, ended_s = there.value("times")
    assert began_s == pytest.approx(start_s - 1, abs=0.3)
    assert ended_s >= end_s
    late = there.value(f"shown.filter((time_s) => time_s >= {end_s}).length")
    assert late <= 1  # a picture; how much of the recording that is depends on the machine
    there.page.click("button[data-do=play]")  # goes on, and is not stopped again
    there.until(f"document.querySelector('video').currentTime > Math.min(18, {ended_s} + 1)")
    assert there.faults == []


def test_an_answer_is_played_from_its_row(interview: Path, opened: Callable[..., Opened]) -> None:
    there = opened(interview)
    there.until("document.querySelector('video').hasAttribute('src')")
    row = there.page.locator(".answer").nth(0)
    row.locator("a.play").click()
    assert there.value("location.hash") == "#t=8.0,100.0"
    assert 7 <= there.value("Number(document.querySelector('.plot').ariaValueNow)") < 8
    assert there.page.locator(".opened").filter(visible=True).count() == 0
    row.locator("summary").click()
    assert row.locator(".opened").is_visible()


def test_a_link_unfolds_what_it_leads_to(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recordings = [
        make_recording(tmp_path / "p", duration_s=60, recording_id=f"kim/{k}.mp4", seed=k)
        for k in (1, 2)
    ]
    page = written(tmp_path, recordings) / "kim" / "report.html"
    first = "document.querySelector('#recording-1 details').open"
    there = opened(page)
    assert not there.value(first) and there.page.locator("canvas").count() == 1
    there = opened(page, "#recording-1")
    assert there.value(first)
    there.until("document.querySelectorAll('canvas').length === 2")
    there.page.click("a[href='#how']")
    assert there.value("document.querySelector('#how details').open")
    assert there.faults == []


def test_a_link_opens_at_a_moment(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched, "#t=8.5")
    there.until("document.querySelector('video').currentTime === 8.5")
    assert there.value("document.querySelector('.plot').ariaValueNow") == "8.5"
    assert there.page.locator(".plot").evaluate("(plot) => plot === document.activeElement")


def number_shown(there: Opened) -> int:
    """The number in the picture that the player shows."""
    there.value("document.querySelector('video').controls = false")
    there.page.wait_for_timeout(150)  # until it is painted
    shot = there.page.locator("video").screenshot()
    image = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    bright = np.flatnonzero(image.max(axis=(0, 2)) > 10)  # what is beside the picture is black
    return number_in(image[:, bright[0] : bright[-1] + 1])


@pytest.mark.parametrize("kind", ["mp4", "webm", "fragments"])
def test_a_moment_shows_the_picture_that_was_read_also_where_nothing_starts_at_zero(
    tmp_path: Path, opened: Callable[..., Opened], kind: str
) -> None:
    late = write_late(tmp_path, kind, [(5.0, vowels(15.0))], (5.0, 20.0))
    info = PyAVDecoder(late).info
    recording = make_recording(
        tmp_path / "p", duration_s=20, video=f"../{late.name.replace(' ', '%20')}",
        video_s=info.duration_s, size_px=(64, 48),
    )  # fmt: skip
    report = written(tmp_path, [recording]) / "kim" / "report.html"
    there = opened(report, "#t=18.25")  # further than Chromium believes some of these to go
    seen = {}
    for time_s in (18.25, 9.75, 5.05):
        there.value(f"location.hash = '#t={time_s}'")
        there.until(f"Math.abs(document.querySelector('video').currentTime - {time_s}) < 0.01")
        there.until("!document.querySelector('video').seeking")
        seen[time_s] = number_shown(there)
    (*read,) = map(number_in, PyAVDecoder(late).fetch(list(seen)))
    assert list(seen.values()) == read == [182, 97, 50]
    assert there.faults == []


def test_what_starts_late_is_known_again_by_its_length(
    tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    """Chromium does not count what comes before anything starts; Poise does."""
    late = write_late(tmp_path, "mp4", [(5.0, vowels(5.0))], (5.0, 10.0))
    assert PyAVDecoder(late).info.duration_s == pytest.approx(10, abs=0.1)
    there = opened(beside(tmp_path, video_s=10.0))
    there.page.wait_for_selector(".pick", state="visible")
    there.page.set_input_files(".pick input", late)
    there.page.wait_for_selector("video", state="visible")


def test_the_playhead_follows_the_recording(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    there.until("document.querySelector('video').readyState > 0")
    there.value("document.querySelector('video').muted = true")
    there.page.click("button[data-do=play]")
    there.until("Number(document.querySelector('.plot').ariaValueNow) > 0.4")
    there.page.click("button[data-do=play]")
    there.until("document.querySelector('video').paused")
    there.page.wait_for_timeout(100)
    times = there.value(
        "[document.querySelector('video').currentTime,"
        " Number(document.querySelector('.plot').ariaValueNow)]"
    )
    assert abs(times[0] - times[1]) < 0.2


def test_the_recording_may_be_elsewhere(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recording = make_recording(tmp_path / "p", duration_s=19, video="../moved.mp4")
    there = opened(written(tmp_path, [recording]) / "kim" / "report.html", "#t=5")
    there.page.wait_for_selector(".pick", state="visible")
    assert there.page.locator("video").is_hidden()
    there.page.set_input_files(".pick input", SAMPLE)
    there.page.wait_for_selector("video", state="visible")
    there.until("document.querySelector('video').currentTime === 5")
    assert there.page.locator(".pick").is_hidden()


def test_the_playhead_stays_where_it_is(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched, "#t=9.5")  # the middle of 19 s
    where = (
        "(() => { const head = document.querySelector('.playhead').getBoundingClientRect();"
        " const over = document.querySelector('.u-over').getBoundingClientRect();"
        " return (head.left - over.left) / over.width; })()"
    )
    there.until(f"Math.abs({where} - 0.5) < 0.01")
    there.page.check("[data-show=emotions]")
    there.until("document.querySelector('.u-over').clientHeight > 400")
    there.until(f"Math.abs({where} - 0.5) < 0.01")
    there.page.set_viewport_size({"width": 700, "height": 900})
    there.page.wait_for_timeout(300)
    there.until(f"Math.abs({where} - 0.5) < 0.01")


def test_everything_by_keyboard(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    there.until("document.querySelector('video').readyState > 0")
    wanted = there.value(
        "[...document.querySelectorAll('a[href], button, input, summary, .plot, video, select')]"
        ".filter((e) => e.checkVisibility()).length"
    )
    reached = 0
    for _ in range(wanted + 30):
        there.page.keyboard.press("Tab")
        reached += there.value(
            "(() => { const e = document.activeElement; if (e === document.body || e.dataset.seen)"
            " return 0; e.dataset.seen = 1; return 1; })()"
        )
    assert reached == wanted
    at = "Number(document.querySelector('.plot').ariaValueNow)"
    there.page.focus(".plot")
    for key, expected in (("ArrowRight", 1), ("PageUp", 11), ("ArrowLeft", 10), ("Home", 0)):
        there.page.keyboard.press(key)
        assert there.value(at) == expected
    there.page.keyboard.press("Space")
    there.until("!document.querySelector('video').paused")
    there.page.keyboard.press("Space")
    there.page.focus("details.all-episodes summary")
    there.page.keyboard.press("Enter")
    there.page.locator("table.episodes th button").nth(2).focus()
    there.page.keyboard.press("Enter")
    lengths = there.value(
        "[...document.querySelectorAll('table.episodes tbody tr')]"
        ".map((row) => Number(row.cells[2].dataset.value))"
    )
    assert lengths == sorted(lengths) and len(set(lengths)) > 2
    there.page.focus("input.fade")
    there.page.keyboard.press("End")
    assert there.value("getComputedStyle(document.querySelector('.moment .map')).opacity") == "1"
    assert there.faults == []


def test_zoom_and_pan_by_mouse(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    there.page.locator(".plot").scroll_into_view_if_needed()
    there.page.wait_for_timeout(200)
    box = there.page.locator(".u-over").bounding_box()
    there.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    at = "Number(document.querySelector('.plot').ariaValueNow)"

    def shown() -> tuple[float, float]:
        """The times at a tenth and at nine tenths of the picture, as clicks find them."""
        times = []
        for part in (0.1, 0.9):
            there.page.mouse.click(box["x"] + box["width"] * part, box["y"] + 40)
            times.append(there.value(at))
        there.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        return times[0], times[1]

    low, high = shown()
    assert (low, high) == (pytest.approx(1.9, abs=0.2), pytest.approx(17.1, abs=0.2))
    there.page.keyboard.down("Control")
    there.page.mouse.wheel(0, -200)
    there.page.wait_for_timeout(300)
    there.page.keyboard.up("Control")
    nearer = shown()
    assert low < nearer[0] < nearer[1] < high
    there.page.mouse.down()
    there.page.mouse.move(box["x"] + box["width"] / 2 + 100, box["y"] + 40, steps=5)
    there.page.mouse.up()
    panned = shown()
    assert panned[0] < nearer[0] - 0.3
    assert panned[1] - panned[0] == pytest.approx(nearer[1] - nearer[0], abs=0.2)
    there.page.click("button[data-do=whole]")
    assert shown() == (pytest.approx(low, abs=0.15), pytest.approx(high, abs=0.15))


def test_pinching_zooms(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched, has_touch=True, viewport={"width": 400, "height": 800})
    there.page.wait_for_timeout(200)
    there.page.locator(".plot").scroll_into_view_if_needed()
    box = there.page.locator(".u-over").bounding_box()
    session = there.page.context.new_cdp_session(there.page)
    middle, y = box["x"] + box["width"] / 2, box["y"] + 50

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": middle + d, "y": y, "id": k} for k, d in enumerate(apart)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -30, 30)
    for apart in (45, 60, 75, 90):
        touch("touchMove", -apart, apart)
    touch("touchEnd")
    there.page.mouse.click(box["x"] + 2, y)
    assert there.value("Number(document.querySelector('.plot').ariaValueNow)") > 4


def test_an_hour_pans_and_zooms_without_a_stutter(
    tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    """The best of three rounds counts: what another process takes away is no stutter of ours."""
    recording = make_answers(make_recording(tmp_path / "p", duration_s=3600), 24)
    there = opened(written(tmp_path, [recording]) / "kim" / "report.html")
    there.page.wait_for_timeout(1000)
    there.value(
        "globalThis.slow = []; new PerformanceObserver((list) => slow.push("
        "...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' })"
    )
    there.page.locator(".plot").scroll_into_view_if_needed()
    box = there.page.locator(".u-over").bounding_box()
    longest_ms = []
    while len(longest_ms) < 3 and min(longest_ms, default=100) >= 100:
        there.value("slow.length = 0")
        there.page.mouse.move(box["x"] + 300, box["y"] + 60)
        there.page.keyboard.down("Control")
        for _ in range(12):
            there.page.mouse.wheel(0, -60)
        there.page.keyboard.up("Control")
        there.page.mouse.down()
        there.page.mouse.move(box["x"] + 700, box["y"] + 60, steps=30)
        there.page.mouse.up()
        there.page.keyboard.down("Control")
        for _ in range(12):
            there.page.mouse.wheel(0, 60)
        there.page.keyboard.up("Control")
        there.page.wait_for_timeout(300)
        there.page.locator(".overview").click(position={"x": 200, "y": 20})
        there.page.locator(".answer summary").nth(3).click()
        there.page.locator(".answer summary").nth(3).click()
        there.page.locator(".plot").scroll_into_view_if_needed()
        there.page.wait_for_timeout(100)
        box = there.page.locator(".u-over").bounding_box()
        longest_ms.append(max(there.value("slow"), default=0))
    loops_ms = [
        there.value(
            "(() => { const began = performance.now(); let sum = 0;"
            " for (let k = 0; k < 1e7; k++) sum += Math.sqrt(k);"
            " return performance.now() - began + 0 * sum; })()"
        )
        for _ in range(3)
    ]
    slowness = max(1.0, min(loops_ms) / 25)  # on a usual machine it takes 15 ms
    assert min(longest_ms) < 100 * slowness


def test_an_overview_leads_to_its_minute(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recording = make_recording(tmp_path / "p", duration_s=3600)
    there = opened(written(tmp_path, [recording]) / "kim" / "report.html")
    overview = there.page.locator(".overview")
    assert there.page.locator(".window").is_hidden()
    width = overview.bounding_box()["width"]
    overview.click(position={"x": width / 2, "y": 20})
    assert there.value("Number(document.querySelector('.plot').ariaValueNow)") == pytest.approx(
        1800, abs=10
    )
    window = there.page.locator(".window").bounding_box()
    assert window["width"] == pytest.approx(width / 12, abs=5)  # five minutes of sixty
    middle = window["x"] + window["width"] / 2 - overview.bounding_box()["x"]
    assert middle == pytest.approx(width / 2, abs=3)


def test_a_row_without_episodes_is_small(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recording = make_recording(tmp_path / "p", duration_s=300)
    kept = [episode for episode in recording.episodes if episode.label == "neutral"]
    heights = []
    for name, episodes in (("full", recording.episodes), ("small", kept)):
        page = written(tmp_path / name, [replace(recording, episodes=episodes)])
        there = opened(page / "kim" / "report.html", "#t=3")
        there.until("document.querySelector('.plot canvas') !== null")
        heights.append(there.page.locator(".u-over").bounding_box()["height"])
        assert there.page.locator(".plot").bounding_box()["height"] < heights[-1] + 40
        assert there.faults == []
    assert heights[0] - heights[1] == pytest.approx(3 * (79 - 23), abs=2)


def test_the_categories_on_demand(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    before = there.page.locator(".plot").bounding_box()["height"]
    there.page.check("[data-show=emotions]")
    assert there.page.locator(".plot").bounding_box()["height"] > 2 * before
    there.page.uncheck("[data-show=emotions]")
    assert there.page.locator(".plot").bounding_box()["height"] == before


def beside(tmp_path: Path, **figures: object) -> Path:
    """A report whose recording is not where it was."""
    recording = make_recording(
        tmp_path / "p", duration_s=19, recording_id="kim/interview 1.mp4",
        video="../../in/interview%201.mp4", **figures,  # type: ignore[arg-type]
    )  # fmt: skip
    return written(tmp_path, [recording]) / "kim" / "report.html"


def sound_only(path: Path, length_s: float) -> Path:
    """What a browser sees of a recording in a codec that it does not know: sound, no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        stream.layout = "mono"
        for k in range(int(length_s * 48_000 / 1024)):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 48_000, 1024 * k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_recording_beside_the_report_is_found_by_its_name(
    tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    """As where both came in one mail, away from the folder of recordings."""
    report = beside(tmp_path, video_s=19.0)
    shutil.copy(SAMPLE, report.parent / "interview 1.mp4")
    there = opened(report, "#t=5")
    there.until("document.querySelector('video').currentTime === 5")
    assert there.page.locator("video").is_visible() and there.page.locator(".pick").is_hidden()


@pytest.mark.parametrize("by_hand", [False, True])
def test_another_recording_is_refused(
    tmp_path: Path, opened: Callable[..., Opened], by_hand: bool
) -> None:
    report = beside(tmp_path, video_s=754.0)
    if not by_hand:
        shutil.copy(SAMPLE, report.parent / "interview 1.mp4")
    there = opened(report)
    if by_hand:
        there.page.wait_for_selector(".pick", state="visible")
        there.page.set_input_files(".pick input", SAMPLE)
    there.until("document.querySelector('.pick p').textContent.includes('is another one')")
    words = there.page.locator(".pick p").inner_text()
    assert "00:19" in words and "12:34" in words
    assert there.page.locator("video").is_hidden()


def test_where_a_browser_shows_no_picture_it_is_said_what_to_do(
    tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    there = opened(beside(tmp_path, video_s=19.0))
    there.page.wait_for_selector(".pick", state="visible")
    there.page.set_input_files(".pick input", sound_only(tmp_path / "hevc.mp4", 19))
    there.until("document.querySelector('.pick p').textContent.includes('HEVC')")
    assert there.page.locator(".pick").is_visible() and there.page.locator("video").is_hidden()
    there.page.set_input_files(".pick input", SAMPLE)
    there.page.wait_for_selector("video", state="visible")


def test_a_link_to_a_later_recording_lands_on_it(
    tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    """It is unfolded; recordings above it come in afterwards and move nothing."""
    shutil.copy(SAMPLE, tmp_path / "a.mp4")
    pictures = tmp_path / "p"
    recordings = [
        make_recording(pictures, duration_s=19, recording_id=f"kim/{k}.mp4", seed=k,
                       video="../a.mp4", size_px=(640, 480))
        for k in range(1, 4)
    ]  # fmt: skip
    page = written(tmp_path, recordings) / "kim" / "report.html"
    there = opened(page, "#t=8.5&r=2", reduced_motion="reduce")
    there.value(
        # On a slow machine the top of the page is painted first: all of it leaves with the jump.
        "globalThis.moved = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) =>"
        " e.sources.some((one) => one.currentRect.height) && (moved += e.value)))"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    there.until("[...document.querySelectorAll('video[src]')].every((v) => v.videoWidth > 0)")
    there.page.wait_for_timeout(400)
    assert there.value("moved") < 0.02
    top = there.value("document.getElementById('viewer-2').getBoundingClientRect().top")
    assert -5 < top < 200
    assert there.value("document.querySelector('#viewer-2 video').currentTime") == 8.5
    assert there.value("document.querySelectorAll('video[src]').length") == 2  # none that is folded


def test_the_readout_speaks_in_words(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched, "#t=3.5")
    there.until("document.querySelector('.readout').textContent.startsWith('00:03')")
    said = there.page.locator(".readout").inner_text()
    assert re.search(r"\((clear|fairly clear|hard to tell)\)$", said)
    assert "%" not in said


def test_a_chart_of_years_has_its_ticks(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recording = make_recording(tmp_path / "p", duration_s=60)
    assert recording.series is not None
    pts_s = recording.series.pts_s.copy()
    pts_s[-1] = 3e9
    far = replace(recording, series=replace(recording.series, pts_s=pts_s))
    there = opened(written(tmp_path, [far]) / "kim" / "report.html", "#t=3")
    there.until("document.querySelector('.plot canvas') !== null")
    assert there.value("document.querySelector('.plot').ariaValueNow") == "3.0"
    assert there.faults == []
