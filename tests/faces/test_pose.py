"""Head pose: the angles of a turned mean face, of other faces, and of landmarks that are noisy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from poise.faces.pose import MEAN_FACE, head_pose, turned
from poise.types import FloatArray
from tests.conftest import SampleFaces

EYES_PX = 50.0


def _shown(angles: tuple[float, float, float], shape: FloatArray | None = None) -> FloatArray:
    """Landmarks of a face turned by yaw, pitch and roll, float32 [1, 5, 2]."""
    points = (MEAN_FACE if shape is None else shape) @ turned(*angles).T
    return np.asarray(points[None, :, :2] * EYES_PX + (320, 200), np.float32)


@pytest.mark.parametrize(
    "angles",
    [*itertools.product((-60.0, -20.0, 0.0, 45.0), (-30.0, 0.0, 25.0), (-40.0, 0.0, 15.0)),
     (0.0, 0.0, 170.0)],
    ids=str,
)  # fmt: skip
def test_the_angles_of_a_turned_face_are_found(angles: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(head_pose(_shown(angles))[0], angles, atol=0.1)


def test_signs_are_those_of_the_picture() -> None:
    right, down, clockwise = (_shown(angles)[0] for angles in ((30, 0, 0), (0, 20, 0), (0, 0, 20)))
    straight = _shown((0, 0, 0))[0]
    assert right[2, 0] > straight[2, 0] + 5  # the nose moves to the right of the picture
    assert down[2, 1] > straight[2, 1] + 5  # and down
    assert clockwise[1, 1] > clockwise[0, 1] + 5  # the eye on the right sinks


def test_noise_moves_the_angles_by_a_few_degrees() -> None:
    """Landmarks off by 3 % of the distance of the eyes, faces of other proportions."""
    rng = np.random.default_rng(0)
    wrong = []
    for _ in range(300):
        angles = (rng.uniform(-50, 50), rng.uniform(-20, 20), rng.uniform(-20, 20))
        shape = MEAN_FACE + rng.normal(0, 0.04, (5, 3)) * (0.3, 1, 1.5)
        noisy = _shown(angles, shape) + rng.normal(0, 0.03 * EYES_PX, (1, 5, 2))
        wrong.append(np.abs(head_pose(noisy.astype(np.float32))[0] - angles))
    yaw, pitch, roll = np.mean(wrong, axis=0)
    assert yaw < 5 and pitch < 7 and roll < 3


def test_a_smile_does_not_turn_the_head() -> None:
    """Corners of the mouth a tenth of the eyes' distance higher are no nod."""
    smiling = MEAN_FACE.copy()
    smiling[3:, 1] -= 0.1
    for pitch in (-15, 0, 15):
        assert abs(head_pose(_shown((0, pitch, 0), smiling))[0, 1] - pitch) < 5


def test_size_and_place_do_not_matter() -> None:
    points = _shown((25, -10, 8))
    np.testing.assert_allclose(head_pose(points * 0.2 - 30), head_pose(points), atol=0.05)


def test_faces_do_not_see_each_other() -> None:
    points = np.concatenate([_shown((30, 0, 0)), _shown((-30, 10, 0))])
    np.testing.assert_allclose(head_pose(points)[1], head_pose(points[1:])[0], atol=1e-3)


def test_landmarks_that_coincide_give_no_nan() -> None:
    assert head_pose(np.full((1, 5, 2), 3, np.float32)).tolist() == [[0, 0, 0]]
    assert np.isfinite(head_pose(np.array([[[k, k] for k in range(5)]], np.float32))).all()


def test_no_faces() -> None:
    assert head_pose(np.zeros((0, 5, 2), np.float32)).shape == (0, 3)


def test_a_portrait_looks_at_the_camera(sample_faces: SampleFaces) -> None:
    pose = np.abs(head_pose(sample_faces.faces.landmarks_px))
    assert (pose[:, 0] < 12).all() and (pose[:, 1] < 20).all() and (pose[:, 2] < 8).all()
