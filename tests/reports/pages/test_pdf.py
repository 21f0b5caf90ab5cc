"""Reports on paper: printed by a browser that asks nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from poise.errors import ReportError
from poise.reports.pages import pdf
from poise.reports.pages.content import write_candidate_report
from poise.settings import Settings
from tests.factories import make_candidate, make_recording

PRINT = "import sys; from pathlib import Path; from poise.reports.pages.pdf import print_pages; "
PRINT += "print_pages([Path(sys.argv[1])])"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    recording = make_recording(tmp_path / "p", duration_s=60, moments=1)
    (page,) = write_candidate_report(make_candidate([recording]), tmp_path / "kim", Settings())
    return page


@pytest.mark.browser
@pytest.mark.parametrize("in_namespace", [True, False])
def test_nobody_is_asked_while_a_page_is_printed(
    page: Path, tmp_path: Path, in_namespace: bool
) -> None:
    """No name is looked up and no connection is opened, also without a namespace of its own.

    A UDP socket that is connected and never written to sends nothing: so Chromium sees whether
    there is a route for IPv6.
    """
    strace = shutil.which("strace")
    if strace is None or pdf.find_browser() is None:
        pytest.skip("needs strace and Chromium")
    trace = tmp_path / "trace"
    tools = tmp_path / "bin"  # a PATH without unshare
    tools.mkdir()
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            (tools / name).write_text(f'#!/bin/sh\nexec "{found}" "$@"\n')
            (tools / name).chmod(0o755)
    path = "/usr/bin:/bin" if in_namespace else str(tools)
    calls = "trace=connect,sendto,sendmsg,sendmmsg,write,writev,socket"
    subprocess.run(
        [strace, "-f", "-qq", "-yy", "-e", calls, "-o", trace, "env", f"PATH={tools}:{path}",
         sys.executable, "-c", PRINT, page],
        check=True, timeout=120,
    )  # fmt: skip
    assert page.with_suffix(".pdf").stat().st_size > 1000
    lines = trace.read_text(errors="replace").splitlines()
    outward = [line for line in lines if re.search(r"connect\(.*sa_family=AF_INET6?, ", line)]
    assert [line for line in outward if "<TCP" in line or "htons(53)" in line] == []
    spoken = [line for line in lines if re.search(r"(send\w+|writev?)\(\d+<(TCP|UDP)", line)]
    assert spoken == []


def test_without_a_browser_it_is_said_what_to_install(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("POISE_BROWSER", raising=False)
    with pytest.raises(ReportError, match="Install Chromium"):
        pdf.print_pages([page])


def test_a_browser_that_fails_is_a_clear_error(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("POISE_BROWSER", str(broken))
    with pytest.raises(ReportError, match=r"did not print.*Open it in browser"):
        pdf.print_pages([page])
    assert not page.with_suffix(".pdf").exists()
