"""The pages as people open them, in Chromium: from a folder, with no network, and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.reports.pages.content import write_candidate_report, write_index
from poise.reports.pages.pdf import print_pages
from poise.reports.report_types import CandidateReport
from poise.settings import Settings
from tests.factories import make_candidate, make_failed, make_recording
from tests.reports.conftest import Opened, written

HOSTILE = "<script>alert(1)</script>\"'&</title><img src=x onerror=alert(2)>\u202e" + "ㅁ" * 160
PAGES = ("index.html", "cohort.html", "kim/report.html", "kim/progress.html")

pytestmark = [
    pytest.mark.browser,
    # Playwright's driver is told to go, and goes after Python has looked for leftovers.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


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
    own = {(night / name).as_uri()}
    own |= {(night / "kim" / file).as_uri() for file in ("gone.mp4", "mock-1.mp4")}
    assert {url for url in requests if not url.startswith("data:")} <= own


def _is_accessible(there: Opened, *, contrast: bool = True) -> None:
    """By all rules; by that of contrast, in light and in dark colours, where that is asked for.

    Contrast takes longer than all else, and is the same in each language; answers are looked at
    where they are narrow, other pages where they are wide.
    """
    from axe_playwright_python.sync_playwright import Axe

    contrast = contrast and there.value("document.documentElement.lang") == "en"
    rules = {"light": {"rules": {"color-contrast": {"enabled": contrast}}}}
    if contrast:
        rules["dark"] = {"runOnly": ["color-contrast"]}
    for scheme, asked in rules.items():
        there.page.emulate_media(color_scheme=scheme)
        results = Axe().run(there.page, options={"resultTypes": ["violations"], **asked})
        assert results.violations_count == 0, f"{scheme}: {results.generate_report()}"


@pytest.mark.parametrize("name", PAGES)
def test_accessible_and_nothing_sticks_out(
    night: Path, opened: Callable[..., Opened], name: str
) -> None:
    there = opened(night / name)
    there.page.wait_for_timeout(200)
    there.value("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    _is_accessible(there)
    for width_px in (1280, 360):
        there.page.set_viewport_size({"width": width_px, "height": 800})
        there.page.wait_for_timeout(100)
        assert there.value("document.documentElement.scrollWidth") <= width_px


@pytest.mark.parametrize("width_px", [390, 1280])
def test_answers_are_accessible(
    interview: Path, opened: Callable[..., Opened], width_px: int
) -> None:
    there = opened(interview, viewport={"width": width_px, "height": 844})
    there.page.wait_for_timeout(200)
    for unfolded in (False, True):
        _is_accessible(there, contrast=unfolded and width_px == 390)
        assert there.value("document.documentElement.scrollWidth") <= width_px
        there.value("document.querySelectorAll('details').forEach((d) => (d.open = true))")


@pytest.mark.parametrize(("width_px", "most_px"), [(1280, 3600), (390, 5500)])
def test_ten_minutes_with_six_answers_are_about_three_screens(
    interview: Path, opened: Callable[..., Opened], width_px: int, most_px: int
) -> None:
    """Before anything is unfolded; the recording lies beside the report and is shown."""
    there = opened(interview, viewport={"width": width_px, "height": 900})
    there.page.wait_for_timeout(400)
    assert there.page.locator(".answer").count() == 6
    assert 1000 < there.value("document.documentElement.scrollHeight") <= most_px
    assert (
        there.page.locator(".opened, table.class-shares, .columns").filter(visible=True).count()
        == 0
    )


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
        replace(make_failed(HOSTILE), code=HOSTILE),
    ]
    written(tmp_path, recordings, display_name=HOSTILE)
    for name in set(PAGES) - {"cohort.html"}:  # which says no word of anybody's
        there = opened(tmp_path / name, viewport={"width": 360, "height": 800})
        there.page.wait_for_timeout(200)
        assert HOSTILE in there.value("document.querySelector('main').textContent + document.title")
        assert there.value("document.querySelectorAll('img[src=x], script:not([id])').length") == 2
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
