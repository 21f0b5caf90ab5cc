"""A reader that hangs for ever costs its recording the watchdog's time, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.chaos.kit import command, tables
from tests.clips import face_clip
from tests.conftest import SampleFaces
from tests.processes import HANG, misbehaving_readers

_WATCHDOG_S = 5.0


@pytest.mark.slow
def test_decord_that_hangs_holding_the_lock_is_replaced_by_pyav(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces
) -> None:
    images = sample_faces.images[:, ::2, ::2]
    for k, name in enumerate(("a", "b", "stuck", "c")):
        face_clip(tmp_path / "in" / f"{name}.mp4", images, seconds=1.0 + 0.4 * k)
    environment = misbehaving_readers(
        tmp_path / "site", "backend == 'decord' and 'stuck' in path.name", HANG
    )
    forced = ("--decoder", "decord", "--jobs", "2", "--json")
    run = command(tmp_path / "in", tmp_path / "out", model_dir, *forced,
                  "--stall-timeout-s", str(_WATCHDOG_S))  # fmt: skip
    done = subprocess.run(
        run, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    rows = {r["recording_id"]: r for r in json.loads(done.stdout)["recordings"]}
    assert {r["status"] for r in rows.values()} == {"done"}
    (log,) = (tmp_path / "out" / ".poise" / "logs").iterdir()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    warnings = {line["id"]: line["warnings"] for line in lines if line["event"] == "recording"}
    assert "pyav read it from 0.0 s on" in warnings.pop("stuck.mp4")[0]
    assert not any(warnings.values())
    others = max(r["seconds"] for name, r in rows.items() if name != "stuck.mp4")
    extra = rows["stuck.mp4"]["seconds"] - others
    assert extra < 2 * _WATCHDOG_S
    assert rows["stuck.mp4"]["seconds"] > _WATCHDOG_S

    whole = command(tmp_path / "in", tmp_path / "whole", model_dir, *forced)
    subprocess.run(whole, check=True, capture_output=True, timeout=300)
    salvaged, read = tables(tmp_path / "out"), tables(tmp_path / "whole")
    times = [
        pd.read_csv(tmp_path / run / "stuck" / "frames.csv")["pts_ms"].tolist()
        for run in ("out", "whole")
    ]
    assert times[0] == times[1]
    for name in ("stuck/frames.csv", "stuck/episodes.csv", "recordings.csv"):
        del salvaged[name], read[name]  # the two decoders differ in the last gray level
    assert salvaged == read
    print(
        f"watchdog {_WATCHDOG_S:.0f} s: the recording took {rows['stuck.mp4']['seconds']:.1f} s, "
        f"the slowest other {others:.1f} s; all done, the same samples as without the hang"
    )
