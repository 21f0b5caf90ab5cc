"""A handout in Chromium: the originals gone, another folder, and nobody to ask."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from poise import handout
from tests.reports.conftest import Opened
from tests.reports_made import make_reports, of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
UNFOLD = "document.querySelectorAll('details.whole').forEach((fold) => (fold.open = true))"
SECONDS, STEP, RATE = 10, 24, 5  # each second is brighter than the one before


def _by_the_second(path: Path, codec: str, lines: int) -> Path:
    """A recording whose brightness says which second it shows; with a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = lines * 16 // 9, lines, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for k in range(RATE * SECONDS):
            image = np.full((lines, lines * 16 // 9, 3), STEP * (k // RATE), np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode())
        tone = np.sin(np.arange(48_000 * SECONDS) / 20).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The handout of two recordings, one in HEVC, as it lies on a USB stick: elsewhere, alone."""
    base = tmp_path_factory.mktemp("centre")
    root = base / "recordings"
    paths = [
        _by_the_second(root / "kim" / "first #1.mp4", "libx264", 360),
        _by_the_second(root / "kim" / "IMG 100%.MOV", "libx265", 720),
    ]
    reports = make_reports(base / "reports", [of(p, root) for p in paths], duration_s=SECONDS)
    done = handout(reports, "kim", base / "kim")
    assert done.is_complete, done.videos
    assert [video.how for video in done.videos] == ["copied", "converted"]
    away = tmp_path_factory.mktemp("stick") / "USB 스틱 #1"
    shutil.copytree(done.path, away)
    shutil.rmtree(base)
    return away


def _second_shown(there: Opened, number: int) -> int:
    """Which second the picture shows that is on the screen now."""
    there.page.wait_for_timeout(150)  # it is painted after it was sought
    shot = there.page.locator(f"#viewer-{number} video").screenshot()
    grey = np.asarray(Pillow.open(io.BytesIO(shot)).convert("L"), np.float64)
    height, width = grey.shape
    middle = grey[height // 3 : height // 2, width // 4 : width // 2]
    return round(float(middle.mean()) / STEP)


def test_both_videos_play_and_follow_the_timeline(
    stick: Path, opened: Callable[..., Opened]
) -> None:
    there = opened(stick / "report.html")
    there.value(UNFOLD)
    for number in (1, 2):
        video = f"document.querySelector('#viewer-{number} video')"
        there.until(f"{video}.readyState > 1")
        assert there.value(f"{video}.videoHeight") == {1: 360, 2: 540}[number]
        assert abs(there.value(f"{video}.duration") - SECONDS) < 0.1
        there.page.locator(f"#viewer-{number} video").scroll_into_view_if_needed()
        for second in (9, 2, 6):  # by the timeline: forwards and back
            there.value(f"location.hash = '#t={second}.5&r={number}'")
            there.until(f"{video}.currentTime === {second}.5 && !{video}.seeking")
            assert _second_shown(there, number) == second
        plot = f"document.querySelector('#viewer-{number} .plot')"
        there.value(f"{video}.currentTime = 3.5")  # by the video: the timeline follows
        there.until(f"Math.abs(Number({plot}.ariaValueNow) - 3.5) < 0.11")
        there.value(f"{video}.muted = true; {video}.play(); 0")
        there.until(f"{video}.currentTime > 3.9")
        there.until(f"Math.abs(Number({plot}.ariaValueNow) - {video}.currentTime) < 0.3")
        assert there.value(f"{video}.webkitAudioDecodedByteCount") > 0
        there.value(f"{video}.pause()")
    assert there.faults == []


def test_nothing_is_asked_for_outside_of_the_folder(
    stick: Path, opened: Callable[..., Opened]
) -> None:
    asked: list[str] = []
    there = opened(stick / "report.html")
    there.page.on("request", lambda request: asked.append(request.url))
    there.page.reload()
    there.value(UNFOLD)
    there.until("[...document.querySelectorAll('video')].every((v) => v.readyState > 0)")
    there.page.click("a[href^='progress']")
    there.page.wait_for_url("**/progress.html")
    there.page.click("a[href='report.html']")
    there.page.wait_for_url("**/report.html")
    links = there.value(
        "[...document.querySelectorAll('a[href]')].map((a) => a.href.split('#')[0])"
    )
    within = stick.as_uri() + "/"
    assert len(asked) > 4
    assert [url for url in [*asked, *links] if not url.startswith(within)] == []
    assert there.faults == []


def test_a_page_alone_with_its_videos_finds_them(
    stick: Path, tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    for name in ("report.html", "first _1.mp4"):
        shutil.copy(stick / name, tmp_path)
    there = opened(tmp_path / "report.html")
    there.value(UNFOLD)
    there.until("document.querySelector('#viewer-1 video').readyState > 0")
    there.page.locator("#viewer-2 .pick").wait_for(state="visible")


def test_the_pdf_leads_to_no_file(stick: Path) -> None:
    pdf = (stick / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"file:" not in pdf
