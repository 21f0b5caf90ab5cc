"""Pictures of the moments of a recording."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.moments import face_region


def test_a_face_is_cut_out_with_what_is_around_it() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[200:300, 300:380] = 255
    region, to_frame = face_region(image, np.array([300, 200, 380, 300], np.float32))
    assert region.shape == (160, 160, 3)  # 1.6 times the longer side
    top_left = to_frame @ np.array([40, 30, 1.0])
    assert top_left.tolist() == pytest.approx([300, 200], abs=1)
    assert region[31, 41].min() == 255 and region[0, 0].max() == 0


def test_a_large_face_at_the_edge_is_reduced_and_stays_within_the_picture() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    region, to_frame = face_region(image, np.array([-100, 300, 700, 1300], np.float32), 320)
    assert max(region.shape[:2]) == 320
    corner = to_frame @ np.array([region.shape[1] - 1, region.shape[0] - 1, 1.0])
    assert corner[0] < 1920 and corner[1] < 1080 and (to_frame @ np.array([0, 0, 1.0]) >= 0).all()
