"""The disk fills up in the middle of a batch."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.outcomes import Listener
from poise.batch.run import analyze
from poise.batch.status import look_up
from poise.settings import Settings
from tests.chaos.kit import tables, tiny_clips
from tests.conftest import SampleFaces

_DISK_BYTES = 120_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory; skips where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here ({error})")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(disk: Path) -> Path:
    """Leave not a byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1_000_000)):
            pass
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"0"):
            pass
    return filler


def _check_whole(output: Path) -> None:
    assert not list(output.rglob("*.tmp"))
    assert not list((output / ".poise" / "unfinished").glob("*/*"))
    for page in output.rglob("*.html"):
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>"), page
    for table in output.rglob("*.csv"):
        assert table.read_bytes().endswith(b"\r\n"), table
    for result in (output / ".poise" / "results").iterdir():
        assert {"result.json", "frames.npz"} <= {path.name for path in result.iterdir()}


@pytest.mark.parametrize(
    ("count", "jobs", "when"),
    [(4, 1, 1), pytest.param(12, 2, 3, marks=pytest.mark.slow)],
    ids=["a few", "many"],
)
def test_a_disk_that_fills_up_costs_no_more_than_a_repetition(
    small_disk: Path,
    tmp_path: Path,
    model_dir: Path,
    sample_faces: SampleFaces,
    workers_closed: None,
    count: int,
    jobs: int,
    when: int,
) -> None:
    recordings = tiny_clips(tmp_path / "in", sample_faces.images, count)
    settings = Settings(model=str(model_dir), device="cpu", jobs=jobs)
    output = small_disk / "out"
    finished = 0

    def fill(outcome: object) -> None:
        nonlocal finished
        finished += 1
        if finished == when:
            _fill(small_disk)

    result = analyze(recordings, output, settings, listener=Listener(finished=fill))
    assert result.exit_code == 3
    assert result.problem is not None and "disk is full" in str(result.problem)
    assert result.index is not None
    _check_whole(output)
    rows = pd.read_csv(output / "recordings.csv")
    assert len(rows) == count
    assert set(rows["status"]) == {"done", "pending"}
    pending = rows.loc[rows["status"] == "pending", "error"]
    assert len(pending) >= count - when - jobs and pending.str.contains("disk was full").all()
    assert look_up(output).counts()["done"] >= when - 1

    (small_disk / "filler").unlink()
    again = analyze(recordings, output, settings)
    assert (again.exit_code, again.problem) == (0, None)
    assert sum(o.reused for o in again.outcomes) >= when - 1
    _check_whole(output)
    analyze(recordings, tmp_path / "whole", settings)
    assert tables(output) == tables(tmp_path / "whole")


def test_a_disk_too_small_for_the_batch_is_said_before_it_starts(
    small_disk: Path, tmp_path: Path, model_dir: Path, sample_faces: SampleFaces
) -> None:
    from poise.errors import DiskFullError

    recordings = tiny_clips(tmp_path / "in", sample_faces.images, 2)
    filler = _fill(small_disk)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - 20_000_000)
    with pytest.raises(DiskFullError, match=r"only 1\d MB are free, and the batch may need 6"):
        analyze(recordings, small_disk / "out", Settings(model=str(model_dir), device="cpu"))
    assert not (small_disk / "out" / "recordings.csv").exists()
