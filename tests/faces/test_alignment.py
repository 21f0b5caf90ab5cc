"""Alignment: the transform, and the sampling through it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.faces.alignment import align_face, similarity, warp
from poise.types import Image

TEMPLATE = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)


def _matrix(scale: float, degrees: float, x: float, y: float) -> npt.NDArray[np.float64]:
    a = scale * np.exp(1j * np.radians(degrees))
    return np.array([[a.real, -a.imag, x], [a.imag, a.real, y]])


def _moved(
    points: npt.NDArray[np.float32], matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _ramp(height: int, width: int) -> Image:
    """Brighter to the right and downwards, by a plane."""
    y, x = np.mgrid[:height, :width]
    plane = 20 + 150 * x / width + 60 * y / height
    return np.repeat(plane.round()[..., None], 3, axis=2).astype(np.uint8)


@given(st.floats(0.05, 20), st.floats(-180, 180), st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_a_known_transform_is_recovered(scale: float, degrees: float, x: float, y: float) -> None:
    matrix = _matrix(scale, degrees, x, y)
    found = similarity(TEMPLATE, _moved(TEMPLATE, matrix))
    np.testing.assert_allclose(found, matrix, atol=1e-3 * max(1, scale))


def test_the_transform_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(3)
    target = _moved(TEMPLATE, _matrix(3, 20, 50, 80)) + rng.normal(0, 2, (5, 2))
    # x' = a x - b y + c, y' = b x + a y + d: linear in a, b, c, d.
    x, y = TEMPLATE.astype(float).T
    zero, one = np.zeros(5), np.ones(5)
    system = np.concatenate(
        [np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])]
    )
    a, b, c, d = np.linalg.lstsq(system, target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity(TEMPLATE, target), [[a, -b, c], [b, a, d]], atol=1e-6)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = TEMPLATE * [-1, 1]
    linear = similarity(mirrored, TEMPLATE)[:, :2]
    assert np.linalg.det(linear) >= 0


def test_points_that_coincide_give_no_nan() -> None:
    assert np.isfinite(similarity(np.full((5, 2), 7, np.float32), TEMPLATE)).all()


def test_the_identity_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    np.testing.assert_array_equal(warp(image, _matrix(1, 0, 0, 0), 48), image)


def test_a_shift_by_whole_pixels_is_exact() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    result = warp(image, _matrix(1, 0, -11, -7), 48)
    np.testing.assert_array_equal(result, image[7:55, 11:59])


@pytest.mark.parametrize("degrees", [0, 25, -90, 180])
@pytest.mark.parametrize("scale", [0.13, 0.4, 0.69, 0.71, 0.95, 1.0, 2.5])
def test_what_is_seen_lies_where_the_matrix_says(scale: float, degrees: float) -> None:
    """Neither the reduction before nor the rotation may shift the picture, not by half a pixel."""
    image = _ramp(600, 800)
    centre = np.array([400.0, 300.0])
    turned = _matrix(scale, degrees, 0, 0)
    shift = 24 - turned[:, :2] @ centre
    matrix = np.column_stack([turned[:, :2], shift])
    v, u = np.mgrid[:48, :48]
    at = np.linalg.solve(matrix[:, :2], np.stack([u.ravel(), v.ravel()]) - shift[:, None])
    expected = (20 + 150 * at[0] / 800 + 60 * at[1] / 600).reshape(48, 48)
    np.testing.assert_allclose(warp(image, matrix, 48)[..., 0], expected, atol=1.2)


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.33, 0.5])
def test_a_fine_pattern_becomes_gray_and_no_moire(scale: float) -> None:
    y, x = np.mgrid[:600, :600]
    board = np.repeat(((x + y) % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    result = warp(board, _matrix(scale, 10, 0, 0), 40).astype(float)[8:-8, 8:-8]
    assert result.std() < 6
    assert abs(result.mean() - 127.5) < 4


def test_beyond_the_border_the_edge_repeats() -> None:
    image = np.full((20, 20, 3), 90, np.uint8)
    image[:, 0] = 200
    result = warp(image, _matrix(1, 0, 30, 10), 48)
    assert (result[:, :30] == 200).all()
    assert (result[:, 32:] == 90).all()


@pytest.mark.parametrize("scale", [0.02, 0.3, 1.5])
def test_a_face_wholly_outside_the_picture_gives_its_edge(scale: float) -> None:
    image = np.full((50, 60, 3), 77, np.uint8)
    result = warp(image, _matrix(scale, 5, 5000, 5000), 48)
    assert result.shape == (48, 48, 3)
    assert (result == 77).all()


def test_gray_pictures() -> None:
    image = _ramp(200, 200)
    matrix = _matrix(0.3, 12, 4, 5)
    gray = warp(np.ascontiguousarray(image[..., 0]), matrix, 48)
    assert gray.shape == (48, 48)
    np.testing.assert_array_equal(gray, warp(image, matrix, 48)[..., 0])


@pytest.mark.parametrize("side_px", [60, 200, 700])
def test_landmarks_come_to_lie_on_the_template(side_px: int) -> None:
    landmarks = _moved(TEMPLATE, _matrix(side_px / 48, -14, 0.3 * side_px, 0.2 * side_px))
    canvas = np.zeros((2 * side_px, 2 * side_px), np.float64)
    y, x = np.mgrid[: 2 * side_px, : 2 * side_px]
    for px, py in landmarks:
        canvas += 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (side_px / 30) ** 2))
    image = np.repeat(np.minimum(canvas, 255)[..., None], 3, axis=2).astype(np.uint8)
    crop = align_face(image, landmarks.astype(np.float32), TEMPLATE, 48)[..., 0].astype(float)
    for tx, ty in TEMPLATE.astype(int):
        part = crop[ty - 4 : ty + 5, tx - 4 : tx + 5]
        v, u = np.mgrid[-4:5, -4:5]
        assert abs((part * u).sum() / part.sum()) < 0.25
        assert abs((part * v).sum() / part.sum()) < 0.25
