"""Head pose: yaw, pitch and roll from the five landmarks.

The mean face's five points in space are turned, scaled and moved until their orthographic picture
fits the landmarks best (weak perspective): first by an affine fit, brought to the nearest rotation,
then by Gauss-Newton steps. One mean face stands for everybody: a long nose or a high mouth reads as
pitch, so that pitch is trusted least. How exact it is: `benchmarks/README.md`.

Source: Dementhon and Davis, IJCV 15, 1995, for the model; Umeyama, IEEE TPAMI 13(4), 1991, for the
rotation nearest to an affine fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from poise.types import FloatArray

_Matrix = npt.NDArray[np.float64]

MEAN_FACE = np.array(
    [[-0.5, -0.53, 0.0], [0.5, -0.53, 0.0], [0.0, 0.05, 0.5], [-0.415, 0.53, 0.06],
     [0.415, 0.53, 0.06]]
)  # fmt: skip
"""The landmarks in space, float64 [5, 3], in distances of the eyes: x to the right, y down, z
towards the camera. Across and down as in the training faces, depth as faces are measured."""

_LIFT = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 0]]) - np.array([0, 0.4, 0])
_NOISE, _LIFT_SPREAD = 0.03, 0.12  # of landmarks, and of the mouth's height, in eye distances
_STEPS, _SETTLED = 8, 1e-6
_DAMPING = 1e-3


def head_pose(landmarks_px: FloatArray) -> FloatArray:
    """Yaw, pitch and roll in degrees, float32 [M, 3]; all 0 for a face that looks at the camera.

    Yaw is positive where the nose points to the right of the picture, pitch where it points down,
    roll where the head leans clockwise. Landmarks that coincide give 0.

    Args:
        landmarks_px: float32 [M, 5, 2], left eye, right eye, nose, corners of the mouth.
    """
    if len(landmarks_px) == 0:
        return np.zeros((0, 3), np.float32)
    seen = landmarks_px.astype(np.float64)
    seen = seen - seen.mean(axis=1, keepdims=True)
    size = np.sqrt((seen**2).sum(axis=(1, 2)))
    flat = size < 1e-6
    seen[flat] = (MEAN_FACE - MEAN_FACE.mean(axis=0))[:, :2]
    seen = seen / np.sqrt((seen**2).sum(axis=(1, 2), keepdims=True))
    turn = _fitted(seen)
    yaw = np.arctan2(-turn[:, 2, 0], turn[:, 2, 2])
    pitch = -np.arcsin(np.clip(turn[:, 2, 1], -1, 1))
    roll = np.arctan2(-turn[:, 0, 1], turn[:, 1, 1])
    angles = np.degrees(np.column_stack([yaw, pitch, roll]))
    angles[flat] = 0
    return np.asarray(angles, np.float32)


def turned(yaw_deg: float, pitch_deg: float, roll_deg: float) -> _Matrix:
    """The rotation that `head_pose` finds again, float64 [3, 3]: roll after pitch after yaw."""
    a, b, c = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _fitted(seen: _Matrix) -> _Matrix:
    """Rotations whose orthographic pictures of the mean face fit, float64 [M, 3, 3]."""
    model = MEAN_FACE - MEAN_FACE.mean(axis=0)
    affine = np.einsum("kc,mkd->mdc", np.linalg.pinv(model).T, seen)
    left, scales, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    turn = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    scale, lift = scales.mean(axis=1), np.zeros(len(seen))
    for _ in range(_STEPS):
        shape = model + lift[:, None, None] * _LIFT
        shown = np.einsum("mdc,mkc->mkd", turn, shape)
        wrong = (seen - scale[:, None, None] * shown[..., :2]).reshape(len(seen), -1)
        lifted = np.einsum("mdc,kc->mkd", turn, _LIFT)[..., :2].reshape(len(seen), -1)
        turning = _turning(scale[:, None, None] * shown)
        slopes = np.stack(
            [
                *(slope.reshape(len(seen), -1) for slope in (*turning, shown[..., :2])),
                lifted * scale[:, None],
            ],
            axis=2,
        )
        normal = np.einsum("mra,mrb->mab", slopes, slopes) + _DAMPING * np.eye(5)
        aim = np.einsum("mra,mr->ma", slopes, wrong)
        doubt = (scale * _NOISE / _LIFT_SPREAD) ** 2
        normal[:, 4, 4] += doubt
        aim[:, 4] -= doubt * lift
        step = np.linalg.solve(normal, aim[..., None])[..., 0]
        turn = _rotations(step[:, :3]) @ turn
        scale, lift = scale + step[:, 3], lift + step[:, 4]
        if np.abs(step).max() < _SETTLED:
            break
    return turn


def _turning(shown: _Matrix) -> tuple[_Matrix, _Matrix, _Matrix]:
    """How the picture of points [M, 5, 3] changes with small turns about the axes, [M, 5, 2] each:
    the first two components of the cross products."""
    x, y, z = shown[..., 0], shown[..., 1], shown[..., 2]
    zero = np.zeros_like(z)
    return np.stack([zero, -z], -1), np.stack([z, zero], -1), np.stack([-y, x], -1)


def _rotations(vectors: _Matrix) -> _Matrix:
    """Rodrigues' formula: float64 [M, 3, 3] of rotation vectors [M, 3]."""
    angle = np.linalg.norm(vectors, axis=1)
    x, y, z = (vectors / np.maximum(angle, 1e-12)[:, None]).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * cross @ cross)
