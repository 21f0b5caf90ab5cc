"""What tests of the pages may ask for: Chromium, pages in it, and reports to open."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from poise.reports.locales import LANGUAGES
from poise.reports.pages.content import write_candidate_report, write_index
from poise.reports.pages.pdf import browser_options, find_browser
from poise.reports.report_types import RecordingReport
from poise.settings import Settings
from tests.factories import (
    PROVENANCE,
    make_answers,
    make_candidate,
    make_faceless,
    make_failed,
    make_recording,
)

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "Sample A" / "interview 1.mp4"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if find_browser() is None:
        pytest.skip("needs Chromium: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=browser_options()[1:]
        )
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
        for _ in range(1200):
            if self.value(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {script}")


@pytest.fixture(scope="module")
def idle_pages(chromium: Any) -> list[Any]:
    """Pages that wait for a report: each costs a process of the browser, many times a report."""
    return []


@pytest.fixture
def opened(chromium: Any, idle_pages: list[Any]) -> Iterator[Callable[..., Opened]]:
    contexts, used = [], []
    desktop = {"width": 1280, "height": 900}

    def a_page(viewport: dict[str, int] = desktop, **options: Any) -> Any:
        if options or not idle_pages:
            context = chromium.new_context(offline=True, viewport=viewport, **options)
            page = context.new_page()
        else:
            page = idle_pages.pop()
            page.set_viewport_size(viewport)
        if options:
            contexts.append(context)
        else:
            used.append(page)
        return page

    def open_page(path: Path, hash: str = "", **options: Any) -> Opened:
        page, faults = a_page(**options), []
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.goto(path.as_uri() + hash)
        return Opened(page, faults)

    yield open_page
    for context in contexts:
        context.close()
    for page in used:  # as they were
        page.emulate_media(media="null", color_scheme="null", reduced_motion="null")
        page.mouse.move(0, 0)
        page.goto("about:blank")
        idle_pages.append(page)


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
                       status="partial", code="partial"),
        make_faceless(),
        make_failed(),
    ]  # fmt: skip
    return written(directory, recordings, request.param)


@pytest.fixture(scope="module", params=LANGUAGES)
def interview(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one recording of ten minutes with six answers."""
    directory = tmp_path_factory.mktemp("interview")
    shutil.copy(SAMPLE, directory / "interview.mp4")
    recording = make_answers(
        make_recording(directory / "p", duration_s=600, seed=5, video="../interview.mp4",
                       size_px=(1280, 720), note="Self-introduction")
    )  # fmt: skip
    return written(directory, [recording], request.param) / "kim" / "report.html"


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A report beside the recording that it is about."""
    shutil.copy(SAMPLE, tmp_path / "interview #1.mp4")
    recording = make_recording(tmp_path / "p", duration_s=19, video="../interview%20%231.mp4")
    return written(tmp_path, [recording]) / "kim" / "report.html"
