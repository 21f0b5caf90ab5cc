"""The mirror in Chromium: from the consent to the report, and all that may go wrong before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poise.batch.intake.discovery import discover
from poise.desk.batches import Batches
from poise.desk.live import socket
from poise.settings import Settings
from poise.storage.given_segments import with_segments
from poise.types import Baseline
from tests.clips import pts_of
from tests.desk.kit import Served, serving

pytestmark = [
    pytest.mark.browser,
    # Playwright's driver is told to go, and goes after Python has looked for leftovers.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Visit:
    """The page of live practice in a browser, and what went wrong on it.

    A page that was left is used again: each costs a process of the browser.
    """

    def __init__(self, browser: Any, there: Served) -> None:
        left = (page for context in browser.contexts for page in context.pages)
        self.page = next((page for page in left if page.url == "about:blank"), None)
        if self.page is None:
            self.page = browser.new_context().new_page()
            self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.set_viewport_size({"width": 1280, "height": 900})
        cookie = {"name": there.desk.cookie, "value": there.desk.secret}
        self.page.context.add_cookies([{**cookie, "url": f"http://{there.host}"}])
        self.faults, self.there = [], there
        self.page.on(
            "console",
            lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(f"http://{there.host}/live")

    def leave(self) -> None:
        self.page.goto("about:blank")

    def text(self, key: str) -> str:
        return self.there.desk.texts.entries[f"live.say.{key}"]

    def until(self, script: str, limit_s: float = 120.0) -> None:
        for _ in range(int(limit_s / 0.05)):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {script}; {self.faults} {self.page.inner_text('main')}")

    def shows(self, selector: str, text: str, limit_s: float = 120.0) -> None:
        self.until(f"document.querySelector({selector!r}).textContent === {text!r}", limit_s)

    def begin(self, questions: int = 1) -> None:
        """Give a name, choose the short set, and turn on the camera."""
        self.page.fill("[name=candidate]", "Kim Minji")
        self.page.select_option("[name=set]", str(questions))
        self.page.click("#begin button")

    def accessible(self) -> None:
        """By all rules; colours, which are those of each language, in English alone."""
        from axe_playwright_python.sync_playwright import Axe

        contrast = {"color-contrast": {"enabled": self.there.desk.texts.language == "en"}}
        options = {"resultTypes": ["violations"], "rules": contrast}
        found = Axe().run(self.page, options=options)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_from_consent_to_report(
    tmp_path: Path, model_dir: Path, with_camera: Any, language: str
) -> None:
    settings = Settings(model=str(model_dir), device="cpu", frames_per_class=0)
    file = tmp_path / "poise.toml"
    file.write_text(f'model = "{model_dir}"\nframes_per_class = 0\ndevice = "cpu"\n')
    with serving(
        tmp_path / "reports", tmp_path / "recordings",
        language=language, settings=settings, settings_file=file,
    ) as there:  # fmt: skip
        visit = Visit(with_camera, there)
        page = visit.page
        visit.accessible()
        visit.begin()
        visit.shows("#step", visit.text("sit"), 300)
        assert not page.is_visible("#question")
        page.click("#next")
        visit.shows("#step", visit.text("resting"))
        assert list(there.desk.recordings.rglob("*")) == []
        for _ in range(5):  # where all cores are busy, too few pictures may have been seen
            visit.until("state.phase !== 'resting'")
            if page.evaluate("state.phase === 'asking'"):
                break
            page.click("#next")
        assert page.evaluate("state.baseline.kind") == "given"
        first = page.inner_text("#question")
        visit.until("document.querySelector('#glass').dataset.cue === 'neutral'")
        assert page.inner_text("#word") == visit.text("neutral")
        visit.accessible()
        page.wait_for_timeout(1500)
        page.click("#next")
        second = page.inner_text("#question")
        page.wait_for_timeout(1500)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click("#next")
        page.wait_for_selector("#decide", state="visible")
        length_s = page.evaluate("state.asked.at(-1).end")
        assert page.evaluate("state.stream === null && state.socket === null")
        assert list(there.desk.recordings.rglob("*")) == []  # nothing is stored unless it is kept
        visit.accessible()
        page.click("#keep")
        page.wait_for_selector("#report", state="visible", timeout=300_000)
        told = there.desk.recordings
        (recording,), _ = with_segments(told, discover(told).recordings)
        assert recording.candidate_id == "Kim Minji" and recording.neutral_span_s is not None
        pts_s = pts_of(recording.path)  # the page's clock is that of the recording
        assert pts_s[0] < 0.5 and abs(pts_s[-1] - length_s) < 1.0
        span_s = recording.neutral_span_s
        assert 5 < span_s[1] - span_s[0] < 9
        assert [s.label for s in recording.segments or ()] == [first, second]
        assert (recording.segments or ())[0].start_s >= span_s[1]
        page.click("#report")
        visit.until("document.querySelector('h1') !== null && location.pathname.includes('report')")
        assert "Kim Minji" in page.inner_text("h1")
        assert first in page.inner_text("main")
        assert visit.faults == []
        visit.leave()


class Pretended:
    """An engine that sees a neutral face in every picture."""

    answer: dict[str, Any]
    baseline: dict[str, Any]

    def __init__(self, settings: Settings) -> None:
        self.answer = {"state": "read", "cue": "neutral", "others": 0, "flags": []}

    def load(self) -> list[str]:
        return ["positive", "neutral", "negative", "surprise"]

    def see(self, jpeg: bytes, time_s: float) -> dict[str, Any]:
        assert jpeg[:2] == b"\xff\xd8"
        return dict(Pretended.answer or self.answer)

    def rest(self) -> dict[str, Any]:
        return {}

    def rested(self) -> dict[str, Any]:
        return Pretended.baseline

    def use(self, baseline: Baseline) -> dict[str, Any]:
        return {}

    def end(self) -> None:
        pass


@pytest.fixture
def there(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """A desk with that engine, and without batches; in English, or in the language asked for."""
    monkeypatch.setattr(Batches, "start", lambda *_: None)
    Pretended.answer, Pretended.baseline = {}, {"kind": "none"}
    monkeypatch.setattr(socket, "EngineProcess", Pretended)
    language = getattr(request, "param", "en")
    with serving(tmp_path / "reports", tmp_path / "recordings", language=language) as served:
        yield served


HEARD = """
  window.spoken = [];
  for (const region of document.querySelectorAll('[role=status], [aria-live]')) {
    new MutationObserver(() => {
      const text = region.textContent.trim();
      if (text && region.ariaLive !== 'off') window.spoken.push(text);
    }).observe(region, { childList: true, characterData: true, subtree: true });
  }
"""
"""Keeps what a screen reader would say of its own accord."""

SET = """[[sets]]
language = "en"
title = "Two"
questions = ["Who are you?", "What can you do?"]
"""


def test_by_keyboard_alone(there: Served, with_camera: Any) -> None:
    """Nothing but keys; after each step the focus is seen, and stands where one goes on."""
    (there.desk.recordings / "questions.toml").write_text(SET, encoding="utf-8")
    Pretended.baseline = {"kind": "given", "level": 0, "spread": 1, "certainty": 1, "threshold": 0}
    visit = Visit(with_camera, there)
    page, keys = visit.page, visit.page.keyboard
    page.evaluate(HEARD)

    def at(selector: str, limit_s: float = 30.0) -> None:
        visit.until(f"document.activeElement.matches({selector!r})", limit_s)
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", (selector, style)

    def heard(*texts: str) -> None:
        page.wait_for_timeout(100)
        assert page.evaluate("spoken.splice(0)") == list(texts)

    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.name === 'candidate'"):
            break
    keys.type("Kim Minji")
    keys.press("Tab")
    at("[name=set]")
    keys.press("Tab")
    at("#begin button")
    keys.press("Enter")
    at("#next")
    heard(visit.text("sit"), visit.text("sit_hint"))
    keys.press("Enter")
    at("#step")
    assert page.inner_text("#step") == visit.text("resting")
    heard(visit.text("resting_hint"))
    at("#next")
    heard("Question 1 of 2", "Who are you?")
    page.wait_for_timeout(700)
    keys.press("Space")
    heard("Question 2 of 2", "What can you do?")
    at("#next")
    Pretended.answer = {"state": "no_face", "cue": "", "others": 0, "flags": []}
    visit.shows("#aloud", visit.text("no_face"))
    Pretended.answer = {"state": "read", "cue": "neutral", "others": 1, "flags": []}
    visit.shows("#hint", visit.text("others"))
    heard(visit.text("no_face"), visit.text("seen"), visit.text("others"))
    keys.press("Tab")
    at("#stop")
    keys.press("Enter")
    at("#after-title")
    for _ in range(20):
        keys.press("Tab")
        if page.evaluate("document.activeElement.id === 'keep'"):
            break
    at("#keep")
    keys.press("Enter")
    at("#outcome")
    assert page.inner_text("#outcome") == visit.text("kept")
    assert page.evaluate("spoken.filter((text) => text === words.kept).length") == 1
    told = there.desk.recordings
    (recording,), _ = with_segments(told, discover(told).recordings)
    assert [s.label for s in recording.segments or ()] == ["Who are you?", "What can you do?"]
    keys.press("Tab")
    at("#again")
    with page.expect_navigation():
        keys.press("Enter")
    assert page.is_visible("#welcome")
    assert visit.faults == []
    visit.leave()


@pytest.mark.parametrize("there", ["ko"], indirect=True)
def test_thrown_away_by_keyboard(there: Served, with_camera: Any) -> None:
    visit = Visit(with_camera, there)
    visit.accessible()
    visit.begin()
    visit.until("document.activeElement.id === 'next'")
    visit.page.keyboard.press("Enter")
    visit.shows("#hint", visit.text("rest_failed"))
    visit.until("document.activeElement.id === 'next'")  # to try again; behind it, to go on
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    visit.until("document.activeElement.id === 'next' && state.phase === 'asking'")
    visit.accessible()
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    visit.until("document.activeElement.id === 'after-title'")
    visit.accessible()
    visit.page.locator("#discard").focus()
    visit.page.keyboard.press("Enter")
    visit.shows("#outcome", visit.text("discarded"))
    assert visit.page.evaluate("document.activeElement.id") == "outcome"
    assert list(there.desk.recordings.rglob("*")) == [] and visit.faults == []
    visit.leave()


def test_without_a_resting_face_and_thrown_away(there: Served, with_camera: Any) -> None:
    visit = Visit(with_camera, there)
    visit.begin()
    visit.shows("#step", visit.text("sit"))
    visit.page.click("#next")
    visit.shows("#hint", visit.text("rest_failed"))
    visit.page.click("#skip")
    visit.shows("#hint", visit.text("no_rest"))
    Pretended.answer = {"state": "unreadable", "cue": "", "others": 0, "flags": ["turned_away"]}
    visit.shows("#word", visit.text("turned_away"))
    Pretended.answer = {"state": "no_face", "cue": "", "others": 0, "flags": []}
    visit.shows("#word", visit.text("no_face"))
    visit.page.click("#stop")
    visit.page.wait_for_selector("#decide", state="visible")
    visit.page.click("#discard")
    visit.shows("#outcome", visit.text("discarded"))
    assert visit.page.evaluate("state.kept === null && state.parts.length === 0")
    assert list(there.desk.recordings.rglob("*")) == [] and visit.faults == []
    visit.leave()


def test_a_hidden_page_and_an_unplugged_camera(there: Served, with_camera: Any) -> None:
    visit = Visit(with_camera, there)
    visit.begin()
    visit.shows("#step", visit.text("sit"))
    visit.page.click("#next")
    visit.shows("#step", visit.text("resting"))
    hide = (
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden,"
        " configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    )
    visit.page.evaluate(hide, True)
    visit.shows("#hint", visit.text("hidden_rest"))
    sent = visit.page.evaluate("state.number")
    visit.page.wait_for_timeout(500)
    assert visit.page.evaluate("state.number") <= sent + 1
    visit.page.evaluate(hide, False)
    visit.until(f"state.number > {sent} + 2")
    visit.page.click("#skip")
    visit.page.wait_for_selector("#question", state="visible")
    visit.page.wait_for_timeout(300)
    visit.page.evaluate("state.stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    visit.shows("#after-why", visit.text("unplugged"))
    assert visit.page.is_visible("#keep") and visit.faults == []
    visit.leave()


def test_a_second_window_is_told(there: Served, with_camera: Any) -> None:
    first, second = (Visit(with_camera, there) for _ in range(2))
    first.begin()
    first.shows("#step", first.text("sit"))
    second.begin()
    second.shows("#after-why", second.text("busy"))
    for visit in (first, second):
        visit.leave()


def test_no_camera(there: Served, browse: Callable[..., Any]) -> None:
    visit = Visit(browse(), there)
    visit.begin()
    visit.shows("#said", visit.text("no_camera"))
    assert visit.page.is_visible("#welcome")
    visit.leave()


def test_a_camera_that_is_refused(there: Served, browse: Callable[..., Any]) -> None:
    options = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    visit = Visit(browse(*options), there)
    visit.begin()
    visit.shows("#said", visit.text("refused"))
    visit.begin()  # and once more
    visit.shows("#said", visit.text("refused"))
    visit.leave()
