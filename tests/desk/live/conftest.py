"""A camera for Chromium that shows a face, and a desk for it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image as Pictures

from poise.reports.pages.pdf import browser_options, find_browser
from tests.conftest import SAMPLES

RESTING_S = (0.3, 2.7)  # of the sample, in which its face is neutral


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows, over and over: a resting face, forwards and backwards.

    It is small: the browser encodes every picture twice, for the mirror and for the recording.
    """
    pictures = []
    with av.open(str(SAMPLES / "Sample A" / "interview 1.mp4")) as container:
        for frame in container.decode(video=0):
            if frame.time >= RESTING_S[0]:
                held = io.BytesIO()
                shown = frame.to_ndarray(width=400, height=300, format="rgb24")
                Pictures.fromarray(shown).save(held, "JPEG", quality=88)
                pictures.append(held.getvalue())
            if frame.time > RESTING_S[1]:
                break
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    path.write_bytes(b"".join([*pictures, *reversed(pictures)]))
    return path


@pytest.fixture(scope="module")
def browse() -> Iterator[Callable[..., Any]]:
    """A browser, started with options such as `--use-fake-device-for-media-stream`."""
    if find_browser() is None:
        pytest.skip("needs Chromium: apt install chromium")
    from playwright.sync_api import sync_playwright

    own = [option for option in browser_options()[1:] if "resolver" not in option]
    own += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--mute-audio"]
    open_ones: dict[tuple[str, ...], Any] = {}
    with sync_playwright() as playwright:

        def started(*options: str) -> Any:
            if options not in open_ones:
                open_ones[options] = playwright.chromium.launch(
                    executable_path=find_browser(), args=[*own, *options]
                )
            return open_ones[options]

        yield started
        for browser in open_ones.values():
            browser.close()


@pytest.fixture(scope="module")
def with_camera(browse: Callable[..., Any], camera_file: Path) -> Any:
    """A browser with that camera, which asks nobody for leave."""
    return browse(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera_file}",
    )
