"""A thousand recordings in one batch: memory, the index, and a kill on the way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest

from poise.batch.status import look_up
from tests.chaos.kit import Zygote, tiny_clips
from tests.conftest import SampleFaces

pytestmark = pytest.mark.slow

_COUNT = int(os.environ.get("POISE_CHAOS_RECORDINGS", "1000"))


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _follow(
    zygote: Zygote, output: Path, until: int, began: list[float]
) -> list[tuple[int, float]]:
    """Results there and memory of the parent, again and again, until so many results are there."""
    measured = []
    results = output / ".poise" / "results"
    before = len(list(results.iterdir())) if results.is_dir() else 0
    started = time.monotonic()
    count = before
    while count < until:
        time.sleep(0.5)
        memory = _memory_mb(zygote.running)
        count = len(list(results.iterdir())) if results.is_dir() else 0
        if count > before and not began:
            began.append(time.monotonic() - started)
        if memory:
            measured.append((count, memory))
        assert time.monotonic() - started < 3000
    return measured


def test_a_thousand_recordings(tmp_path: Path, model_dir: Path, sample_faces: SampleFaces) -> None:
    recordings = tiny_clips(tmp_path / "in", sample_faces.images, _COUNT)
    output = tmp_path / "out"
    with Zygote(model_dir) as zygote:
        started = time.monotonic()
        zygote.start(recordings, output, 2)
        measured = _follow(zygote, output, _COUNT * 7 // 10, [])
        assert zygote.kill()
        there = len(list((output / ".poise" / "results").iterdir()))
        began: list[float] = []
        zygote.start(recordings, output, 2)
        _follow(zygote, output, there + 5, began)
        assert zygote.wait() == 0
        whole_s = time.monotonic() - started
        started = time.monotonic()
        zygote.start(recordings, output, 2)
        assert zygote.wait() == 0
        nothing_s = time.monotonic() - started
    state = look_up(output)
    assert state.counts() == {"done": _COUNT}
    rows = pd.read_csv(output / "recordings.csv")
    assert len(rows) == _COUNT and (rows["status"] == "done").all()
    early = max(memory for count, memory in measured if count <= _COUNT // 5)
    late = max(memory for count, memory in measured)
    index = (output / "index.html").read_text(encoding="utf-8")
    assert index.count("/report.html") >= _COUNT // 2
    print(
        f"{_COUNT} recordings in {whole_s:.0f} s, killed after {there}; memory of the parent "
        f"{early:.0f} MB after a fifth, {late:.0f} MB at most; the first new result "
        f"{began[0]:.1f} s after the start of the resumed run; a run with nothing to do "
        f"{nothing_s:.1f} s; index {len(index) / 1e6:.2f} MB"
    )
    assert late < early + 0.05 * _COUNT
    assert len(index) < 8_000 * _COUNT  # of half a second it is not sure who it shows: with faces
    assert began[0] < 30
    assert nothing_s < 60
