"""Slots of decoding engines: shared by processes, and free again when one is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from poise.media.engines.slots import EngineSlots

_HOLDS = """
import sys, time
from pathlib import Path
from poise.media.engines.slots import EngineSlots
with EngineSlots([3], 1, Path(sys.argv[1])).taken() as gpu:
    print(gpu, flush=True)
    time.sleep(600)
"""


def test_gpus_take_turns_until_all_slots_are_taken(tmp_path: Path) -> None:
    slots = EngineSlots([0, 2], 2, tmp_path / "slots")
    with ExitStack() as stack:
        taken = [stack.enter_context(slots.taken()) for _ in range(5)]
    assert taken == [0, 2, 0, 2, None]
    with slots.taken() as gpu:
        assert gpu == 0


def test_a_process_that_is_killed_holds_none(tmp_path: Path) -> None:
    slots = EngineSlots([3], 1, tmp_path / "slots")
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path / "slots")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "3\n"
    with slots.taken() as gpu:
        assert gpu is None
    child.kill()
    child.wait()
    child.stdout.close()
    with slots.taken() as gpu:
        assert gpu == 3


def test_where_no_lock_can_be_made_cores_do_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with EngineSlots([0], 1, tmp_path / "file" / "slots").taken() as gpu:
        assert gpu is None
