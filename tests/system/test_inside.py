"""Opening a file below a directory: nothing else is reached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from poise.system.inside import is_plain, open_inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "file").write_bytes(b"inside")
    (tmp_path / "file").write_bytes(b"outside")
    return tmp_path / "root"


def test_a_file_is_opened(root: Path) -> None:
    with open_inside(root, ["a", "file"]) as file:
        assert file.read() == b"inside"


@pytest.mark.parametrize(
    "steps",
    [[], [""], ["."], [".."], ["..", "file"], ["a", "..", "..", "file"], ["a/../../file"],
     ["/etc/passwd"], ["a"], ["a", "none"], ["a", "file", "x"], ["a\0"]],
)  # fmt: skip
def test_what_is_no_file_below_is_refused(root: Path, steps: list[str]) -> None:
    with pytest.raises(OSError):
        open_inside(root, steps)


def test_links_are_not_followed(root: Path) -> None:
    (root / "link").symlink_to(root / "a" / "file")
    (root / "folder").symlink_to(root / "a")
    for steps in (["link"], ["folder", "file"]):
        with pytest.raises(OSError):
            open_inside(root, steps)


def test_a_pipe_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(OSError):
        open_inside(root, ["pipe"])


def test_nothing_is_left_open(root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    open_inside(root, ["a", "file"]).close()
    for steps in (["a"], ["a", "none"], ["b", "file"]):
        with pytest.raises(OSError):
            open_inside(root, steps)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_names_are_single_steps() -> None:
    assert all(map(is_plain, ["a", "a b", "...", "한글.mp4", "-"]))
    assert not any(map(is_plain, ["", ".", "..", "a/b", "/", "a\0b"]))
