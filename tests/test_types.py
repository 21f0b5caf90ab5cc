"""The values that flow: wrong shapes are refused with the shape they have."""

from __future__ import annotations

import numpy as np
import pytest

from poise.types import Episode, FaceDetections, FrameBatch, Predictions


def test_a_batch_of_gray_frames_is_refused() -> None:
    with pytest.raises(ValueError, match=r"images must have shape .* got \[2, 4, 5\]"):
        FrameBatch(
            images=np.zeros((2, 4, 5), np.uint8), frame_index=np.arange(2), pts_s=np.zeros(2)
        )


def test_a_batch_with_too_few_time_stamps_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pts_s must have shape \[2\], got \[1\]"):
        FrameBatch(
            images=np.zeros((2, 4, 5, 3), np.uint8), frame_index=np.arange(2), pts_s=np.zeros(1)
        )


def test_faces_with_a_landmark_missing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"landmarks_px .* got \[1, 4, 2\]"):
        FaceDetections(
            boxes_xyxy_px=np.zeros((1, 4), np.float32),
            landmarks_px=np.zeros((1, 4, 2), np.float32),
            detection_confidence=np.zeros(1, np.float32),
            row=np.zeros(1, np.int64),
        )


def test_posteriors_are_as_many_as_logits() -> None:
    with pytest.raises(ValueError, match="posterior"):
        Predictions(logits=np.zeros((2, 3), np.float32), posterior=np.zeros((2, 2), np.float32))


def test_the_length_of_an_episode() -> None:
    episode = Episode(label="positive", start_s=1.5, end_s=4.0, peak_s=2.0, mean_posterior=0.9)
    assert episode.duration_s == 2.5
