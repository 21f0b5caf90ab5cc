"""Frames that are not decoded: what that may cost, and what it may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.media.reader import DecodingProcess
from tests.clips import (
    counting_clip,
)
from tests.media.kit import numbers_of, sampled, times_of


@pytest.fixture(scope="module")
def with_b_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at 25 frames per second, key frames every second, B-frames between."""
    options = {"preset": "fast", "bf": "2", "g": "25", "b_strategy": "0"}
    path = tmp_path_factory.mktemp("b") / "b.mp4"
    return counting_clip(path, range(0, 6000, 40), options=options)


def test_skipping_moves_samples_by_little_and_keeps_their_own_time(
    decoding: DecodingProcess, with_b_frames: Path
) -> None:
    _, batches, _ = sampled(decoding, with_b_frames, skip_frames=True)
    _, every, _ = sampled(decoding, with_b_frames)
    shift = np.array(times_of(batches)) - np.array(times_of(every))
    assert shift.max() > 0  # it did skip
    assert ((shift >= 0) & (shift <= 0.1)).all()
    index = [int(i) for batch in batches for i in batch.frame_index]
    assert index == numbers_of(batches) == [round(t * 25) for t in times_of(batches)]


def test_nothing_is_skipped_where_samples_would_move_too_far(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    options = {"preset": "fast", "bf": "8", "b_strategy": "0", "b-pyramid": "none"}
    path = counting_clip(tmp_path / "b.mp4", range(0, 4000, 40), options=options)
    _, skipping, _ = sampled(decoding, path, skip_frames=True)
    assert times_of(skipping) == times_of(sampled(decoding, path)[1])


def test_nothing_is_skipped_where_every_frame_is_referred_to(
    decoding: DecodingProcess, even: Path
) -> None:
    _, skipping, _ = sampled(decoding, even, skip_frames=True)
    assert times_of(skipping) == times_of(sampled(decoding, even)[1])
