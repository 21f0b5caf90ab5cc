"""The sound of a recording as it leaves the decoding process."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np

from poise.media.audio import SAMPLE_RATE_HZ, SOUND_STATUSES, SoundBlock, SoundEnd
from poise.spoken import Sound


def test_blocks_pass_through_a_pipe_as_they_are() -> None:
    block = SoundBlock(
        start_s=1.5, samples=np.arange(SAMPLE_RATE_HZ, dtype=np.float32), follows=True
    )
    again = pickle.loads(pickle.dumps(block))
    assert (again.start_s, again.follows) == (1.5, True)
    np.testing.assert_array_equal(again.samples, block.samples)
    end = SoundEnd(status="heard", chapters=((0.0, 9.5, "Why us?"),))
    assert pickle.loads(pickle.dumps(end)) == end


def test_what_is_stored_of_it_is_one_of_the_statuses() -> None:
    assert {SoundEnd(status="silent").status, Sound().status} <= set(SOUND_STATUSES)
    assert all(said.endswith(".") for said in SOUND_STATUSES.values())


def test_no_decoder_is_loaded_for_it() -> None:
    program = "import sys, poise.media.audio; print('av' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
