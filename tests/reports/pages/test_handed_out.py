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
SECONDS, STEP, RATE = 6, 40, 5  # each second is brighter than the one before


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


def _open(there: Opened, number: int, second: float = 0.0) -> str:
    """Unfold a recording at a moment; what its video is in the page."""
    there.value(f"location.hash = '#t={second}&r={number}'")
    video = f"document.querySelector('#viewer-{number} video')"
    there.until(f"{video}.readyState > 1 && {video}.checkVisibility()")
    return video


def _second_shown(there: Opened, number: int) -> int:
    """Which second the picture shows that is on the screen now."""
    there.page.wait_for_timeout(150)  # it is painted after it was sought
    shot = there.page.locator(f"#viewer-{number} video").screenshot()
    grey = np.asarray(Pillow.open(io.BytesIO(shot)).convert("L"), np.float64)
    height, width = grey.shape
    middle = grey[height // 3 : height // 2, width // 4 : width // 2]
    return round(float(middle.mean()) / STEP)


@pytest.mark.parametrize(("number", "lines"), [(1, 360), (2, 540)])
def test_a_video_plays_and_follows_the_timeline(
    stick: Path, opened: Callable[..., Opened], number: int, lines: int
) -> None:
    there = opened(stick / "report.html")
    video = _open(there, number)
    assert there.value(f"{video}.videoHeight") == lines
    assert abs(there.value(f"{video}.duration") - SECONDS) < 0.1
    for second in (4, 1, 3):  # by the timeline: forwards and back
        _open(there, number, second + 0.5)
        there.until(f"{video}.currentTime === {second}.5 && !{video}.seeking")
        assert _second_shown(there, number) == second
    plot = f"document.querySelector('#viewer-{number} .plot')"
    there.value(f"{video}.currentTime = 2.5")  # by the video: the timeline follows
    there.until(f"Math.abs(Number({plot}.ariaValueNow) - 2.5) < 0.11")
    there.value(f"{video}.muted = true; {video}.play(); 0")
    there.until(f"{video}.currentTime > 2.9")
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
    for number in (1, 2):
        _open(there, number)
    links = there.value(
        "[...document.querySelectorAll('a[href]')].map((a) => a.href.split('#')[0])"
    )
    there.page.click("a[href^='progress']")
    there.page.wait_for_url("**/progress.html")
    there.page.click("a[href='report.html']")
    there.page.wait_for_url("**/report.html")
    within = stick.as_uri() + "/"
    assert len({url for url in asked if url.endswith(".mp4")}) == 2
    assert [url for url in [*asked, *links] if not url.startswith(within)] == []
    assert there.faults == []


def test_a_page_alone_with_a_video_finds_it(
    stick: Path, tmp_path: Path, opened: Callable[..., Opened]
) -> None:
    for name in ("report.html", "first _1.mp4"):
        shutil.copy(stick / name, tmp_path)
    there = opened(tmp_path / "report.html")
    _open(there, 1)
    there.value("location.hash = '#t=1&r=2'")
    there.page.locator("#viewer-2 .pick").wait_for(state="visible")


def test_the_pdf_leads_to_no_file(stick: Path) -> None:
    pdf = (stick / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"file:" not in pdf
