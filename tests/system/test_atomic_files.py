"""Files that are whole or absent, and for the user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from poise.errors import DiskFullError, ReportError
from poise.system.atomic_files import (
    not_written,
    private,
    sha256,
    stamp_of,
    sweep_drafts,
    write_arrays,
    write_text,
    write_whole,
)


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "a.txt"
    write_text("한 줄\n", target)
    assert target.read_bytes() == "한 줄\n".encode()

    def half(draft: Path) -> None:
        draft.write_bytes(b"half")
        assert target.read_bytes() == "한 줄\n".encode()
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError):
        write_whole(target, half)
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]
    assert target.read_bytes() == "한 줄\n".encode()


def test_arrays_are_read_again(tmp_path: Path) -> None:
    import numpy as np

    write_arrays({"a": np.arange(3)}, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert found["a"].tolist() == [0, 1, 2]


def test_what_a_kill_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "kim").mkdir()
    for name in (".index.html.12.tmp", "kim/.report.html.7.tmp", "kim/report.html"):
        (tmp_path / name).touch()
    sweep_drafts(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["report.html"]


def test_files_are_for_the_user_alone_and_the_umask_comes_back(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with private():
            write_text("", tmp_path / "mine")
        with private(False):
            write_text("", tmp_path / "ours")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert modes == {"mine": 0o600, "ours": 0o644}


def test_a_failure_says_what_to_do(tmp_path: Path) -> None:
    error = not_written(OSError(13, "Permission denied"), tmp_path)
    assert type(error) is ReportError and "Permission denied" in error.cause and error.remedy


def test_hash_and_stamp_follow_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf")
    assert stamp_of(tmp_path / "a")[0] == 3
