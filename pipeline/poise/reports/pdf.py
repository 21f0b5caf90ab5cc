"""Reports on paper: a browser of this machine prints the page to PDF."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from poise.errors import ReportError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_PATIENCE_S = 120


def find_browser() -> str | None:
    """Chromium or one of its kind; `POISE_BROWSER` names another program."""
    names = [os.environ.get("POISE_BROWSER", ""), *BROWSERS]
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def print_pages(pages: Sequence[Path]) -> list[Path]:
    """Print pages to PDF, each beside itself.

    Args:
        pages: HTML files.

    Returns:
        The files written.

    Raises:
        ReportError: If there is no browser, or it fails.
    """
    browser = find_browser()
    if browser is None:
        raise ReportError(
            "no browser was found that prints to PDF",
            remedy="Install Chromium, or name a program like it in POISE_BROWSER.",
        )
    with TemporaryDirectory() as profile:
        return [_print(browser, page, Path(profile)) for page in pages]


def _print(browser: str, page: Path, profile: Path) -> Path:
    target = page.with_suffix(".pdf")
    draft = profile / "page.pdf"
    # Chromium's sandbox refuses to run as root; the page is our own and reaches no network.
    rootly = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    command = [
        browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-pdf-header-footer", *rootly,
        f"--user-data-dir={profile}", f"--print-to-pdf={draft}", page.absolute().as_uri(),
    ]  # fmt: skip
    try:
        subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True)
        shutil.move(draft, target)
    except (OSError, subprocess.SubprocessError) as error:
        raise ReportError(
            f"the browser did not print it ({error})",
            remedy=f"Open it in {Path(browser).name} and print it there.",
            path=page,
        ) from error
    return target
