"""Killed at random moments, a batch that is started again ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from poise.batch.status import look_up
from tests.chaos.kit import Zygote, command, tables, tiny_clips
from tests.conftest import SampleFaces

_KILLS = int(os.environ.get("POISE_CHAOS_KILLS", "200"))
_KILLS_OF_A_TRIAL = 4


def _check_whole(output: Path, undisturbed: dict[str, bytes]) -> None:
    assert tables(output) == undisturbed
    assert not any((output / ".poise" / "unfinished").iterdir())
    assert not list(output.rglob("*.tmp"))
    assert not list((output / ".poise").glob("ledger.sqlite3.damaged-*"))
    state = look_up(output)
    assert state.ended is not None and set(state.counts()) == {"done"}


def _trials(folder: Path, model: Path, images: object, *, count: int, kills: int, seed: int) -> str:
    """Kill so often, and compare after each trial; what happened, in words."""
    recordings = tiny_clips(folder / "in", images, count)  # type: ignore[arg-type]
    chance = random.Random(seed)
    with Zygote(model) as zygote:
        zygote.start(recordings, folder / "whole", 2)
        assert zygote.wait() == 0
        undisturbed = tables(folder / "whole")
        started = time.monotonic()
        zygote.start(recordings, folder / "again", 2)
        assert zygote.wait() == 0
        length_s = time.monotonic() - started
        killed = trials = missed = 0
        stood: list[int] = []
        while killed < kills:
            trials += 1
            output = folder / f"trial-{trials}"
            for _ in range(_KILLS_OF_A_TRIAL):
                zygote.start(recordings, output, chance.choice((1, 2)))
                time.sleep(chance.uniform(0, 0.6 * length_s))
                if not zygote.kill():
                    missed += 1
                    break
                killed += 1
                results = output / ".poise" / "results"
                stood.append(len(list(results.iterdir())) if results.is_dir() else 0)
            zygote.start(recordings, output, 2)
            assert zygote.wait() == 0, (folder / f"trial-{trials}.error").read_text()
            _check_whole(output, undisturbed)
            shutil.rmtree(output)
            print(f"trial {trials}: {killed} kills", flush=True)
    spread = [sum(low <= n <= high for n in stood) for low, high in
              ((0, 0), (1, count // 2), (count // 2 + 1, count - 1), (count, count))]  # fmt: skip
    return (
        f"{killed} SIGKILLs in {trials} trials over {count} recordings (a run takes "
        f"{length_s:.1f} s); results there when killed: none {spread[0]}, up to half {spread[1]}, "
        f"more {spread[2]}, all {spread[3]}; too late {missed}; tables equal in every trial"
    )


@pytest.mark.slow
def test_many_kills(tmp_path: Path, model_dir: Path, sample_faces: SampleFaces) -> None:
    print(_trials(tmp_path, model_dir, sample_faces.images, count=12, kills=_KILLS, seed=2))


@pytest.mark.slow
def test_kills_of_the_command_itself(
    tmp_path: Path, model_dir: Path, sample_faces: SampleFaces
) -> None:
    """As above, with processes as the command starts them."""
    recordings = tiny_clips(tmp_path / "in", sample_faces.images, 12)
    run = command(recordings, tmp_path / "whole", model_dir, "--jobs", "2")
    started = time.monotonic()
    subprocess.run(run, check=True, capture_output=True, timeout=600)
    length_s = time.monotonic() - started
    chance = random.Random(3)
    killed = 0
    for trial in range(4):
        output = tmp_path / f"trial-{trial}"
        run = command(recordings, output, model_dir, "--jobs", "2")
        for _ in range(2):
            process = subprocess.Popen(
                run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            begun = time.monotonic()
            try:
                process.wait(chance.uniform(0.3, 1) * length_s)
                length_s = time.monotonic() - begun  # the machine is faster than before
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
        subprocess.run(run, check=True, capture_output=True, timeout=600)
        _check_whole(output, tables(tmp_path / "whole"))
    assert killed >= 4
    print(f"{killed} SIGKILLs of the command's process group; tables equal in every trial")
