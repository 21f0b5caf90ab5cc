"""H and J10. Pages as Chromium shows them, and what it asks the network for while it prints."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from poise.reports.pages.pdf import browser_options, find_browser
from tests.drawn_people import Drawn, record
from tests.faults_before.cases import case
from tests.faults_before.inputs import people, plain
from tests.faults_before.sides import Side
from tests.reports.pages.test_viewer import sound_only

_SETTLED_MS = 3000


@case("H1", "a recording whose picture the browser cannot show: what the page says")
def _(side: Side) -> object:
    path = _one(side)
    sound_only(path, 6)
    return _said(side.out / "kim" / "report.html")


@case("H2", "a recording beside its report, away from the folder: what the page does")
def _(side: Side) -> object:
    path = _one(side)
    mailed = side.folder / "mailed"
    mailed.mkdir()
    shutil.copy(side.out / "kim" / "report.html", mailed)
    path.replace(mailed / "1.mp4")
    return _said(mailed / "report.html")


@case("H2 other", "another recording chosen by hand, 20 s for six: what the page says")
def _(side: Side) -> object:
    _one(side).unlink()
    other = record(side.folder / "other.mp4", 20, lambda t: [Drawn()])
    return _said(side.out / "kim" / "report.html", chosen=other)


@case("H3", "a link to a moment of the second of three recordings: pixels from the top to it")
def _(side: Side) -> object:
    for name in ("1", "2", "3"):
        side.add(f"kim/{name}.mp4", plain())
    side.analyze()
    with _opened(side.out / "kim" / "report.html", "#t=3&r=2") as page:
        return round(
            page.evaluate("document.getElementById('viewer-2').getBoundingClientRect().top")
        )


@case("J10", "--pdf: servers of the network that are asked for or connected to")
def _(side: Side) -> object:
    people(side, "kim/1.mp4")
    side.analyze()
    trace = side.folder / "trace"
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    subprocess.run(
        ["strace", "-f", "-qq", "-yy", "-e", calls, "-o", trace,
         *side.line("report", side.out, "--pdf")],
        env=side.environment, capture_output=True, check=False,
    )  # fmt: skip
    lines = trace.read_text(errors="replace").splitlines()
    asked = [line for line in lines if "htons(53)" in line or re.search(r"connect\(\d+<TCP", line)]
    return f"{len(asked)} calls" if asked else "none"


def _one(side: Side) -> Path:
    path = side.add("kim/1.mp4", plain())
    side.analyze()
    return path


def _said(report: Path, chosen: Path | None = None) -> str:
    """What is said where the recording belongs, or that it is shown."""
    with _opened(report) as page:
        if chosen:
            page.set_input_files(".pick input", chosen)
            page.wait_for_timeout(_SETTLED_MS)
        if page.locator(".pick").first.is_visible():
            return "“" + " ".join(page.locator(".pick p").first.inner_text().split())[:100] + "”"
        width = page.evaluate("document.querySelector('video').videoWidth")
        return "shows it" if width else "nothing: a box without a picture"


@contextmanager
def _opened(path: Path, fragment: str = "") -> Iterator[Any]:
    """A page in Chromium, three seconds later."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = {"executable_path": find_browser(), "args": browser_options()[1:]}
        browser = playwright.chromium.launch(**options)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri() + fragment)
        page.wait_for_timeout(_SETTLED_MS)
        yield page
        browser.close()
