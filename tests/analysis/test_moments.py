"""The moments of a recording that a report shows."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.moments import choose_frames, face_region
from poise.types import Episode

LABELS = ("positive", "neutral")


def _episode(label: str, start_s: float, end_s: float, mean: float = 0.9) -> Episode:
    return Episode(label=label, start_s=start_s, end_s=end_s, peak_s=start_s, mean_posterior=mean)


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


def test_the_strongest_episodes_are_shown_far_apart() -> None:
    pts_s = np.arange(0, 20, 0.2)
    smiling = (pts_s < 4) | ((pts_s >= 10) & (pts_s < 14))
    positive = np.where(smiling, 0.9, 0.1).astype(np.float32)
    posterior = np.stack([positive, 1 - positive], axis=1)
    episodes = [
        _episode("positive", 0, 4, 0.8), _episode("neutral", 4, 10), _episode("positive", 10, 14),
        _episode("neutral", 14, 20),
    ]  # fmt: skip
    sharpness = np.ones(len(pts_s), np.float32)
    sharpness[60] = 5.0  # at 12 s
    chosen = choose_frames(episodes, LABELS, pts_s, posterior, posterior, sharpness, 1)
    assert [label for label, _ in chosen] == ["neutral", "positive"] or [
        label for label, _ in chosen
    ] == ["positive", "neutral"]
    assert dict(chosen)["positive"] == 60
    two = choose_frames(episodes, LABELS, pts_s, posterior, posterior, sharpness, 2)
    times = [pts_s[k] for label, k in two if label == "positive"]
    assert len(times) == 2 and abs(times[1] - times[0]) >= 2.0
    assert [k for _, k in two] == sorted(k for _, k in two)


def test_a_frame_that_shows_something_else_stands_for_nothing() -> None:
    pts_s = np.arange(0, 3, 0.2)
    smoothed = np.tile(np.array([0.9, 0.1], np.float32), (len(pts_s), 1))
    sharp = np.ones(len(pts_s), np.float32)
    episodes = [_episode("positive", 0, 3)]
    assert choose_frames(episodes, LABELS, pts_s, smoothed, smoothed[:, ::-1], sharp, 3) == []
    assert choose_frames([], LABELS, pts_s, smoothed, smoothed, sharp, 3) == []
