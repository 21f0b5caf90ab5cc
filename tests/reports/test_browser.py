"""The pages as people use them, in Chromium: opened from a folder, with no network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.reports.content import write_candidate_report, write_index
from poise.reports.locales import LANGUAGES
from poise.reports.pdf import find_browser, print_pages
from poise.reports.report_types import CandidateReport, RecordingReport
from poise.settings import Settings
from tests.factories import (
    PROVENANCE,
    make_candidate,
    make_faceless,
    make_failed,
    make_recording,
)

CHROMIUM = find_browser()
SAMPLE = Path(__file__).parents[2] / "sample_videos" / "Sample A" / "interview 1.mp4"
HOSTILE = "<script>alert(1)</script>\"'&</title><img src=x onerror=alert(2)>\u202e" + "ㅁ" * 160
PAGES = ("index.html", "kim/report.html", "kim/progress.html")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
    # Playwright's driver is told to go, and goes after Python has looked for leftovers.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, and what went wrong on it."""

    page: Any
    faults: list[str]

    def value(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        """Wait until a script says true; Playwright's own way is forbidden by the page's policy."""
        for _ in range(200):
            if self.value(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {script}")


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_page(path: Path, hash: str = "", **options: Any) -> Opened:
        context = chromium.new_context(
            offline=True, **({"viewport": {"width": 1280, "height": 900}} | options)
        )
        contexts.append(context)
        page, faults = context.new_page(), []
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.goto(path.as_uri() + hash)
        return Opened(page, faults)

    yield open_page
    for context in contexts:
        context.close()


def written(
    directory: Path, recordings: list[RecordingReport], language: str = "en", **names: Any
) -> Path:
    """A candidate's pages and an index below a directory."""
    report = make_candidate(recordings, **names)
    settings = Settings(
        language=language,
        centre_name="Myeongdong Centre",
        centre_colour="#7a1f5c",
        centre_note="Welcome.",
    )
    write_candidate_report(report, directory / "kim", settings)
    write_index([report], directory, settings, provenance=PROVENANCE)
    return directory


@pytest.fixture(scope="module", params=LANGUAGES)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a candidate with a recording of each kind."""
    directory = tmp_path_factory.mktemp("night")
    pictures = directory / "pictures"
    recordings = [
        make_recording(pictures, note="Self-introduction", other_people=2, video="gone.mp4"),
        make_recording(pictures, recording_id="kim/mock-2.mp4", duration_s=605, seed=2,
                       status="partial", message="the recording stops at 10:05."),
        make_faceless(),
        make_failed(),
    ]  # fmt: skip
    return written(directory, recordings, request.param)


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A report beside the recording that it is about."""
    shutil.copy(SAMPLE, tmp_path / "interview #1.mp4")
    recording = make_recording(tmp_path / "p", duration_s=19, video="../interview%20%231.mp4")
    return written(tmp_path, [recording]) / "kim" / "report.html"


@pytest.mark.parametrize("name", PAGES)
def test_opens_without_a_network_or_a_fault(
    night: Path, opened: Callable[..., Opened], name: str
) -> None:
    requests: list[str] = []
    there = opened(night / name)
    there.page.on("request", lambda request: requests.append(request.url))
    there.page.reload()
    there.page.wait_for_timeout(200)
    faults = [fault for fault in there.faults if "gone.mp4" not in fault]
    assert faults == [] or all("ERR_FILE_NOT_FOUND" in fault for fault in faults)
    own = {(night / name).as_uri(), (night / "kim" / "gone.mp4").as_uri()}
    assert {url for url in requests if not url.startswith("data:")} <= own


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_accessible(night: Path, opened: Callable[..., Opened], name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    there = opened(night / name, color_scheme=scheme)
    there.page.wait_for_timeout(200)
    there.value("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    results = Axe().run(there.page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width_px", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out(
    night: Path, opened: Callable[..., Opened], name: str, width_px: int
) -> None:
    there = opened(night / name, viewport={"width": width_px, "height": 800})
    there.value("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    there.page.wait_for_timeout(100)
    assert there.value("document.documentElement.scrollWidth") <= width_px


def test_an_episode_leads_to_its_moment(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    there.until("document.querySelector('video').readyState > 0")
    there.page.click("details.all-episodes summary")
    link = there.page.locator("table.episodes a").last
    wanted = float(re.search(r"t=([\d.]+)", link.get_attribute("href"))[1])  # type: ignore[index]
    assert wanted > 1
    link.click()
    there.until(f"Math.abs(document.querySelector('video').currentTime - {wanted}) < 0.05")
    assert there.value("location.hash") == f"#t={wanted:.1f}"
    there.page.locator(".moment a.time").last.click()
    moment = there.page.locator(".moment a.time").last.get_attribute("href")
    there.until(f"Math.abs(document.querySelector('video').currentTime - {moment[3:]}) < 0.05")
    assert there.faults == []


def test_a_link_opens_at_a_moment(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched, "#t=8.5")
    there.until("document.querySelector('video').currentTime === 8.5")
    assert there.value("document.querySelector('.plot').ariaValueNow") == "8.5"
    assert there.page.locator(".plot").evaluate("(plot) => plot === document.activeElement")


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
    recording = make_recording(tmp_path / "p", duration_s=3600)
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
        longest_ms.append(max(there.value("slow"), default=0))
    assert min(longest_ms) < 100


def test_the_categories_on_demand(watched: Path, opened: Callable[..., Opened]) -> None:
    there = opened(watched)
    before = there.page.locator(".plot").bounding_box()["height"]
    there.page.check("[data-show=emotions]")
    assert there.page.locator(".plot").bounding_box()["height"] > 2 * before
    there.page.uncheck("[data-show=emotions]")
    assert there.page.locator(".plot").bounding_box()["height"] == before


def test_without_scripts_a_still_picture_stands_in(
    watched: Path, opened: Callable[..., Opened]
) -> None:
    there = opened(watched, java_script_enabled=False)
    assert there.page.locator(".viewer").is_hidden()
    assert there.page.locator("svg.timeline").is_visible()
    moments = there.page.locator(".moment")
    neutral = there.page.locator(".moment:has(.chip .c-neutral)").count()
    assert 0 < neutral < moments.count()  # those have no map
    assert there.page.locator(".moment img").count() == 2 * moments.count() - neutral


def test_print_is_two_pages_of_a4_with_no_cut_chart(
    watched: Path, opened: Callable[..., Opened]
) -> None:
    (pdf,) = print_pages([watched])
    content = pdf.read_bytes()
    boxes = re.findall(rb"/MediaBox\s*\[([\d. ]+)\]", content)
    sizes = {tuple(round(float(v)) for v in box.split()[2:]) for box in boxes}
    assert sizes == {(595, 842)}
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 2
    # 297 mm less margins of 13 and 14 mm, 210 mm less twice 14 mm, at 96 pixels per inch.
    there = opened(watched, viewport={"width": 688, "height": 1020})
    there.page.emulate_media(media="print")
    assert there.page.locator(".viewer, button, input, video").filter(visible=True).count() == 0
    whole = there.value(
        "[...document.querySelectorAll('.chart, .moment')].map((e) =>"
        " [getComputedStyle(e).breakInside, e.getBoundingClientRect().height])"
    )
    assert whole and all(rule == "avoid" and height < 1020 for rule, height in whole)


def test_hostile_words_are_only_words(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    recordings = [
        make_recording(tmp_path / "p", recording_id=f"k/{HOSTILE}", note=HOSTILE, video=HOSTILE),
        make_recording(tmp_path / "p", recording_id=f"k2/{HOSTILE}", seed=2),
        replace(make_failed(HOSTILE), message=HOSTILE),
    ]
    written(tmp_path, recordings, display_name=HOSTILE)
    for name in PAGES:
        there = opened(tmp_path / name, viewport={"width": 360, "height": 800})
        there.page.wait_for_timeout(200)
        assert HOSTILE in there.value("document.querySelector('main').textContent + document.title")
        assert there.value("document.querySelectorAll('img[src=x], script:not([id])').length") == 1
        assert there.value("document.documentElement.scrollWidth") <= 360
        assert [fault for fault in there.faults if "ERR_FILE_NOT_FOUND" not in fault] == []


def test_weight_of_ten_minutes_with_twelve_moments(tmp_path: Path) -> None:
    pictures = tmp_path / "p"
    recording = make_recording(pictures, duration_s=600)
    noise = np.random.default_rng(0)
    frames = [replace(recording.frames[k % 4], pts_s=40.0 * k + 5) for k in range(12)]
    for path in pictures.iterdir():  # as heavy as photographs of this size are
        path.write_bytes(path.read_bytes() + noise.bytes(40_000 - path.stat().st_size))
    report: CandidateReport = make_candidate([replace(recording, frames=frames)])
    (page,) = write_candidate_report(report, tmp_path / "kim", Settings())
    assert 1_000_000 < page.stat().st_size <= 3_000_000


def test_index_searches_filters_and_sorts(tmp_path: Path, opened: Callable[..., Opened]) -> None:
    reports = [
        make_candidate(
            [make_recording(tmp_path / "p", recording_id=f"{name}/a.mp4", duration_s=60.0 * k,
                            seed=k)],
            candidate_id=name,
            display_name=name,
        )
        for k, name in enumerate(("이서연", "Ahn", "Zoë"), start=1)
    ]  # fmt: skip
    failed = make_candidate([make_failed("Bae/b.mp4")], candidate_id="Bae", display_name="Bae")
    there = opened(write_index([*reports, failed], tmp_path, Settings()))
    page = there.page

    def names() -> list[str]:
        return [text.strip() for text in page.locator("tbody tr:visible th a").all_text_contents()]

    assert names() == ["Ahn", "Bae", "Zoë", "이서연"]
    page.fill("[name=search]", "서연")
    assert names() == ["이서연"]
    assert page.locator("#shown").inner_text() == "1 of 4 recordings shown"
    page.fill("[name=search]", "")
    page.select_option("[name=status]", "failed")
    assert names() == ["Bae"]
    page.select_option("[name=status]", "")
    heading = page.locator("thead button", has_text="Length")
    heading.click()
    assert names() == ["Bae", "이서연", "Ahn", "Zoë"]
    heading.click()
    assert names() == ["Zoë", "Ahn", "이서연", "Bae"]
    assert there.faults == []
