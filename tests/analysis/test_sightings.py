"""Sightings: kept, read again, and joined from parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.analysis.sightings import Sightings, gathered
from poise.analysis.views import Look
from poise.faces.appearance import SIGNATURE, SURROUNDINGS, THUMBNAIL
from poise.labels import QUALITY_FLAGS
from poise.media.decoders.protocol import View
from poise.media.decoders.server import SampleEnd
from poise.remarks import ReadingRemark
from poise.types import VideoInfo

INFO = VideoInfo(
    width_px=640, height_px=480, duration_s=2.0, frame_rate_hz=25.0, rotation_deg=0, codec="h264"
)


def _seen(first_s: float, remarks: tuple[ReadingRemark, ...] = ()) -> Sightings:
    """Three samples; a face in the first, two in the last, one of which has a chip."""
    frame = np.array([0, 2, 2])
    return Sightings(
        pts_s=first_s + np.arange(3) * 0.2,
        frame_index=np.arange(3) * 5,
        frame=frame,
        boxes=np.arange(12, dtype=np.float32).reshape(3, 4),
        landmarks=np.zeros((3, 5, 2), np.float32),
        confidence=np.full(3, 0.99, np.float32),
        signature=np.zeros((3, SIGNATURE), np.uint8),
        thumbnail=np.zeros((3, THUMBNAIL), np.uint8),
        surroundings=np.zeros((3, SURROUNDINGS), np.uint8),
        chip=np.array([-1, 0, -1]),
        sharpness=np.ones(3, np.float32),
        brightness=np.ones(3, np.float32),
        flags=np.zeros((3, len(QUALITY_FLAGS)), bool),
        size_px=(640, 480),
        look=Look(short_side_px=360, view=View(stream=1, canvas_px=(640, 480))),
        loss="",
        remarks=remarks,
        wanted_px=(640, 480),
        span_frames=15,
        stages={"decode": 1.5},
    )


def test_they_are_read_as_they_were_saved(tmp_path: Path) -> None:
    seen = _seen(0.0, (ReadingRemark(code="turned", values={"degrees": 90}),))
    seen.save(tmp_path / "seen.npz")
    again = Sightings.load(tmp_path / "seen.npz")
    for name, value in vars(seen).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert again.look == seen.look and again.remarks == seen.remarks
    assert (again.short_side_px, again.chip_count) == (360, 1)


def test_parts_make_up_the_whole() -> None:
    said = (ReadingRemark(code="odd_pixels"),)
    whole = Sightings.joined(
        [_seen(0.0, said), replace(_seen(0.6, said), wanted_px=(480, 640)), _seen(1.2)]
    )
    assert whole.pts_s.tolist() == pytest.approx(np.arange(9) * 0.2)
    assert whole.frame.tolist() == [0, 2, 2, 3, 5, 5, 6, 8, 8]
    assert whole.frame_index.tolist() == [0, 5, 10, 15, 20, 25, 30, 35, 40]
    assert whole.chip.tolist() == [-1, 0, -1, -1, 1, -1, -1, 2, -1]
    assert (whole.span_frames, whole.chip_count, whole.remarks) == (45, 3, said)
    assert whole.wanted_px == (640, 640) and whole.stages == {"decode": 4.5}


def test_a_sample_beyond_the_end_only_closed_the_last_period() -> None:
    seen = _seen(0.0)
    columns = {name: value for name, value in vars(seen).items() if isinstance(value, np.ndarray)}
    end = SampleEnd(loss="it breaks off", span_frames=15, remarks=(), wanted_canvas_px=None)
    part = gathered([columns], INFO, seen.look, end, 0.4)
    assert (len(part.pts_s), len(part.frame), len(part.signature)) == (2, 1, 2)
    assert (part.loss, part.size_px, part.wanted_px) == ("it breaks off", (640, 480), (640, 480))
    nothing = gathered([], INFO, seen.look, end, 0.4)
    assert len(nothing.pts_s) == len(nothing.frame) == nothing.chip_count == 0
