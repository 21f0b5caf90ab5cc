"""The encoding process as its user sees it: stopped where it hangs, nothing left of what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import VideoError
from poise.media.transcode import Job, Transcoder
from poise.system.atomic_files import private
from tests.clips import counting_clip, pts_of


@pytest.fixture(scope="module")
def hevc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds that are never copied, as they lie in Matroska."""
    return counting_clip(tmp_path_factory.mktemp("source") / "a.mkv", range(0, 2000, 40))


def test_one_process_makes_one_video_after_the_other(hevc: Path, tmp_path: Path) -> None:
    with Transcoder() as transcoder, private():
        with pytest.raises(VideoError, match="cannot be opened"):
            (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
            transcoder.make(Job(source=tmp_path / "bad.mp4", stem=tmp_path / "out"))
        assert not (tmp_path / "out.mp4").exists()
        told: list[float] = []
        made = transcoder.make(Job(source=hevc, stem=tmp_path / "a. b"), progress=told.append)
    assert made.path == tmp_path / "a. b.mp4"
    assert (made.copied, made.detail) == (False, "")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert len(pts_of(made.path)) == 50
    assert told == sorted(told)


def test_one_that_hangs_is_stopped_and_another_begins(hevc: Path, tmp_path: Path) -> None:
    with Transcoder(stall_timeout_s=0.01) as transcoder:
        with pytest.raises(VideoError, match="no progress") as caught:
            transcoder.make(Job(source=hevc, stem=tmp_path / "a"))
        assert caught.value.path == str(hevc)
        assert list(tmp_path.iterdir()) == []
    with Transcoder() as transcoder:
        assert transcoder.make(Job(source=hevc, stem=tmp_path / "a")).path.is_file()


def test_what_cannot_be_written_is_said(hevc: Path, tmp_path: Path) -> None:
    with Transcoder() as transcoder, pytest.raises(VideoError, match="No such file"):
        transcoder.make(Job(source=hevc, stem=tmp_path / "gone" / "a"))


def test_what_is_damaged_is_made_as_far_as_it_goes(hevc: Path, tmp_path: Path) -> None:
    data = bytearray(hevc.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff" * 200
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    with Transcoder() as transcoder:
        made = transcoder.make(Job(source=broken, stem=tmp_path / "a"))
    assert made.detail
    assert 5 < len(pts_of(made.path)) <= 50
