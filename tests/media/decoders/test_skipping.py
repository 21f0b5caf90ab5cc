"""Frames that are not decoded: what that may cost, and what it may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.media.decoders.sampling import SampleSpan
from poise.media.decoders.skipping import SkippingPlan
from poise.media.reader import DecodingProcess
from tests.clips import changing_clip, counting_clip
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


@pytest.mark.parametrize("late", ["5", "8", "16"])
def test_a_structure_that_changes_later_costs_no_sample(
    decoding: DecodingProcess, tmp_path: Path, late: str
) -> None:
    path = changing_clip(tmp_path / "a.ts", late=late, seconds=10)
    _, skipping, _ = sampled(decoding, path, skip_frames=True)
    _, every, _ = sampled(decoding, path)
    assert len(times_of(skipping)) == len(times_of(every))
    shift = np.array(times_of(skipping)) - np.array(times_of(every))
    assert ((shift >= -1e-6) & (shift <= 0.1 + 1e-6)).all()
    assert numbers_of(skipping) == [round(t * 25) % 256 for t in times_of(skipping)]
    index = [int(i) for batch in skipping for i in batch.frame_index]
    assert index == [round(t * 25) for t in times_of(skipping)]


def test_what_is_decided_for_a_window_depends_on_nothing_before_it(
    decoding: DecodingProcess, tmp_path: Path
) -> None:
    path = changing_clip(tmp_path / "a.ts", late="8")
    _, whole, _ = sampled(decoding, path, skip_frames=True)
    times = []
    for first, last in ((0, 100), (100, 200), (200, None)):
        span = SampleSpan(first=first, last=last)
        times += times_of(sampled(decoding, path, skip_frames=True, span=span)[1])
    assert times == times_of(whole)


def test_a_plan_decodes_all_to_the_end_of_a_window_only() -> None:
    plan = SkippingPlan(5.0)
    assert not plan.is_missed(1.0, 1.1) and plan.is_missed(1.0, 1.12)
    assert plan.is_missed(1.16, 1.2)  # the sample of its interval would be lost
    assert plan.is_missed(1.0, float("inf"))
    plan.decode_all_from(1.05)
    assert plan.skips(0.9) and not plan.skips(1.0) and not plan.skips(19.9) and plan.skips(20.0)
    assert not plan.is_missed(1.0, 1.12)
