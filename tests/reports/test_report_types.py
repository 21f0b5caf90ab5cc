"""What a report says of one recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories import make_failed, make_recording


def test_how_long_a_usable_face_was_seen(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    statistics = recording.statistics
    assert statistics is not None
    assert recording.usable_s == pytest.approx(statistics.coverage * statistics.duration_s)
    empty = replace(statistics, sampled_frames=0, usable_frames=0)
    assert replace(recording, statistics=empty).usable_s == 0.0


def test_a_recording_whose_picture_starts_late_ends_later_than_it_lasts(tmp_path: Path) -> None:
    recording = make_recording(tmp_path)
    assert recording.statistics is not None
    late = replace(recording.statistics, end_s=recording.statistics.duration_s + 3)
    assert replace(recording, statistics=late).end_s == recording.statistics.duration_s + 3


def test_of_a_failed_one_nothing_is_known() -> None:
    assert (make_failed().usable_s, make_failed().end_s) == (0.0, 0.0)
