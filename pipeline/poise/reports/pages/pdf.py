"""Reports on paper: a browser of this machine prints the page to PDF, and asks nobody.

Chromium's services (updates, variations, suggestions) are switched off, no name is looked up, and
where Linux allows it the browser runs in a network namespace of its own, in which there is nobody.
"""

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
# The last two are suggestions below the address bar: pages that nobody sees, yet each window has
# them, and they take a third of a core as long as it is open.
_SILENT = (
    "--disable-background-networking", "--disable-client-side-phishing-detection",
    "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability",
    "--disable-extensions", "--disable-sync", "--dns-prefetch-disable", "--metrics-recording-only",
    "--no-default-browser-check", "--no-first-run", "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider,Translate,"
    "AutofillServerCommunication,CertificateTransparencyComponentUpdater,AsyncDns,"
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


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
    apart = _network_namespace()
    with TemporaryDirectory() as profile:
        return [_print([*apart, browser], page, Path(profile)) for page in pages]


def browser_options() -> list[str]:
    """How every browser is started: without a window, and asking nobody."""
    # Chromium's sandbox refuses to run as root; the page is our own and reaches no network.
    rootly = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return ["--headless", "--disable-gpu", *_SILENT, *rootly]


def _network_namespace() -> list[str]:
    """What starts a program in a network of its own; empty where that is not possible."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    for alone in ([unshare, "--net"], [unshare, "--user", "--map-current-user", "--net"]):
        try:
            subprocess.run([*alone, "true"], capture_output=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return alone
    return []


def _print(browser: Sequence[str], page: Path, profile: Path) -> Path:
    target = page.with_suffix(".pdf")
    draft = profile / "page.pdf"
    command = [
        *browser, *browser_options(), "--no-pdf-header-footer", f"--user-data-dir={profile}",
        f"--print-to-pdf={draft}", page.absolute().as_uri(),
    ]  # fmt: skip
    try:
        subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True)
        shutil.move(draft, target)
    except (OSError, subprocess.SubprocessError) as error:
        raise ReportError(
            f"the browser did not print it ({error})",
            remedy=f"Open it in {Path(browser[-1]).name} and print it there.",
            path=page,
        ) from error
    return target
