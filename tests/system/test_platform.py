"""What the operating system says of processors, memory and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poise.system import platform
from poise.system.platform import (
    available_memory_bytes,
    cores,
    is_running,
    kill,
    longest_path,
    may_have_gpu,
    memory_bytes,
    open_without_waiting,
    read_at,
    read_into,
    replace_file,
    sync,
)


def test_cores_and_memory_are_plausible() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    total, free = memory_bytes(), available_memory_bytes()
    assert total is not None and free is not None and 10**8 < free <= total


def test_paths_may_be_long_but_on_windows() -> None:
    assert (longest_path() is None) == (sys.platform != "win32")


def test_a_gpu_that_torch_finds_may_be_there() -> None:
    import torch

    assert may_have_gpu() or not torch.cuda.is_available()


@pytest.mark.skipif(sys.platform != "linux", reason="containers of Linux")
def test_a_container_limits_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text("100000 100000\n", encoding="ascii")
    (tmp_path / "memory.max").write_text("700000000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("200000000\n", encoding="ascii")
    assert (cores(), memory_bytes(), available_memory_bytes()) == (1, 700_000_000, 500_000_000)
    for name in ("cpu.max", "memory.max"):
        (tmp_path / name).write_text("max\n", encoding="ascii")
    assert (memory_bytes() or 0) > 700_000_000


def test_a_process_is_running_until_it_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(process.pid)
    kill(process.pid)
    process.communicate()
    assert not is_running(process.pid)
    kill(process.pid)


def test_files_are_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    descriptor = open_without_waiting(tmp_path / "a")
    assert read_at(descriptor, 3, 4) == b"456"
    buffer = bytearray(4)
    assert read_into(descriptor, memoryview(buffer)) == 4 and bytes(buffer) == b"0123"
    os.close(descriptor)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.close(open_without_waiting(tmp_path / "pipe"))


def test_files_and_directories_are_replaced_and_synced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new", encoding="utf-8")
    (tmp_path / "b").write_text("old", encoding="utf-8")
    sync(tmp_path / "a")
    replace_file(tmp_path / "a", tmp_path / "b")
    sync(tmp_path)
    assert [p.read_text(encoding="utf-8") for p in tmp_path.iterdir()] == ["new"]
    with pytest.raises(OSError, match="no such"):
        replace_file(tmp_path / "no such", tmp_path / "b")
