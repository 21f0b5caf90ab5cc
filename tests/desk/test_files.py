"""Files: by ranges, of two folders alone, and reports under a policy that lets them work."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from poise.desk.files import address_of
from tests.desk.kit import Served, serving
from tests.factories import make_recording
from tests.reports.conftest import written


@pytest.fixture
def video(served: Served) -> Path:
    path = served.desk.recordings / "김민지" / "a #1.mp4"
    path.parent.mkdir()
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def _address(served: Served, path: Path) -> str:
    address = address_of(served.desk, path)
    assert address is not None
    return address


def test_a_recording_comes_whole_or_by_ranges(served: Served, video: Path) -> None:
    content, address = video.read_bytes(), _address(served, video)
    whole = served.ask(address)
    assert (whole.code, whole.body) == (200, content)
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("video/mp4", "bytes")
    size = len(content)
    for asked, first, last in (
        ("0-0", 0, 0), ("5-300", 5, 300), (f"{size - 2}-", size - 2, size - 1),
        ("-7", size - 7, size - 1), ("1000-99999999", 1000, size - 1),
    ):  # fmt: skip
        part = served.ask(address, headers={**served.headers(), "Range": f"bytes={asked}"})
        assert (part.code, part.body) == (206, content[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=5-2"])
def test_a_range_beyond_the_end_is_none(served: Served, video: Path, asked: str) -> None:
    answer = served.ask(_address(served, video), headers={**served.headers(), "Range": asked})
    assert answer.code == 416


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=a-b", "lines=1-2", "bytes=-"])
def test_what_is_no_single_range_gives_the_whole(served: Served, video: Path, asked: str) -> None:
    answer = served.ask(_address(served, video), headers={**served.headers(), "Range": asked})
    assert (answer.code, len(answer.body)) == (200, video.stat().st_size)


def test_only_the_head_when_that_is_asked(served: Served, video: Path) -> None:
    answer = served.ask(_address(served, video), "HEAD")
    assert (answer.code, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(video.stat().st_size)


def test_of_the_two_folders_only_what_is_to_be_shown(served: Served) -> None:
    desk = served.desk
    hidden = [
        desk.reports / ".poise" / "ledger.html", desk.reports / "kim" / "secret.json",
        desk.reports / ".hidden.html", desk.recordings / "candidates.csv",
        desk.recordings / "kim" / "notes.html", desk.recordings / ".a.mp4",
        desk.reports.parent / "beside.html",
    ]  # fmt: skip
    for path in hidden:
        path.parent.mkdir(exist_ok=True)
        path.write_text("not to be read", encoding="utf-8")
        steps = path.relative_to(desk.reports.parent).as_posix()
        assert served.ask(f"/files/{quote(steps)}").code == 404, path
    assert address_of(desk, desk.reports.parent / "beside.html") is None


def test_a_pipe_is_no_file(served: Served) -> None:
    os.mkfifo(served.desk.recordings / "a.mp4")
    assert served.ask("/files/recordings/a.mp4").code == 404


def test_a_folder_that_is_exchanged_for_a_link_leads_nowhere(served: Served, video: Path) -> None:
    address = _address(served, video)
    moved = served.desk.reports.parent / "moved"
    video.parent.rename(moved)
    video.parent.symlink_to(moved)
    assert served.ask(address).code == 404


def test_tables_are_saved_and_pages_shown(served: Served) -> None:
    folder = served.desk.reports / "kim"
    folder.mkdir()
    (folder / "frames.csv").write_text("a,b", encoding="utf-8")
    (folder / "report.html").write_text("<p>", encoding="utf-8")
    table = served.ask("/files/reports/kim/frames.csv")
    assert table.headers["content-disposition"].startswith("attachment")
    assert "content-disposition" not in served.ask("/files/reports/kim/report.html").headers


def test_a_report_may_run_its_own_scripts_and_no_others(tmp_path: Path) -> None:
    written(tmp_path / "reports", [make_recording(tmp_path / "p")])
    with serving(tmp_path / "reports", tmp_path / "recordings") as there:
        answer = there.ask("/files/reports/kim/report.html")
    told = answer.headers["content-security-policy"]
    own = re.search(rb'Content-Security-Policy" content="([^"]*)"', answer.body)
    assert own is not None
    scripts = set(re.findall(r"sha256-[\w+/=]+", own[1].decode().replace("&#39;", "'")))
    assert scripts and scripts <= set(re.findall(r"sha256-[\w+/=]+", told))
    script = next(part for part in told.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in script and "self" not in script
    assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(
        told.split("; ")
    )
