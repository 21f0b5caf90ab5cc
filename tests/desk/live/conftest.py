"""A camera for Chromium that shows a face, and a desk for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from poise.reports.pages.pdf import browser_options, find_browser
from tests.clips import frames_at
from tests.conftest import SAMPLES

RESTING_S = (0.3, 2.7)  # of the sample, in which its face is neutral
CAMERA_PX = (400, 300)
CAMERA_HZ = 5


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows, over and over: a resting face, forwards and backwards.

    It is small and slow: the browser encodes every picture twice, for the mirror and for the
    recording.
    """
    times_s = np.arange(*RESTING_S, 1 / CAMERA_HZ)
    pictures = [
        cv2.cvtColor(cv2.resize(image, CAMERA_PX), cv2.COLOR_RGB2YUV_I420).tobytes()
        for image in frames_at(SAMPLES / "Sample A" / "interview 1.mp4", times_s.tolist())
    ]
    head = f"YUV4MPEG2 W{CAMERA_PX[0]} H{CAMERA_PX[1]} F{CAMERA_HZ}:1 Ip A1:1 C420jpeg\n"
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    frames = b"".join(b"FRAME\n" + picture for picture in [*pictures, *reversed(pictures)])
    path.write_bytes(head.encode() + frames)
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
