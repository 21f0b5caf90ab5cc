"""Arithmetic of face boxes."""

from __future__ import annotations

import numpy as np
import pytest

from poise.faces.boxes import affinity, iou, matched, part_of_smaller, squared, suppressed


def _boxes(*boxes: tuple[float, float, float, float]) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(boxes, np.float32)


def test_squares_have_the_longer_side_and_the_same_centre() -> None:
    (square,) = squared(_boxes((10, 20, 30, 60)))
    assert square.tolist() == [0, 20, 40, 60]
    assert squared(np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((0, 0, 10, 10), (0, 0, 10, 10), 1.0), ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
     ((0, 0, 10, 10), (10, 0, 20, 10), 0.0), ((0, 0, 10, 10), (2, 2, 7, 7), 0.25),
     ((0, 0, 0, 0), (0, 0, 0, 0), 0.0)],
)  # fmt: skip
def test_overlap(a: tuple[int, ...], b: tuple[int, ...], expected: float) -> None:
    first, second = np.array(a, np.float32), np.array(b, np.float32)
    assert float(iou(first, second)) == pytest.approx(expected)
    assert iou(first[None], np.stack([second, second])).shape == (2,)


def test_what_lies_within_is_all_of_the_smaller_one() -> None:
    large, small = _boxes((0, 0, 10, 10))[0], _boxes((2, 2, 7, 7))[0]
    assert float(part_of_smaller(large, small)) == pytest.approx(1.0)
    assert float(part_of_smaller(large, small, pixel=1.0)) == pytest.approx(1.0)


def test_the_best_of_those_that_overlap_stays_in_each_frame() -> None:
    boxes = _boxes((0, 0, 10, 10), (1, 0, 11, 10), (50, 0, 60, 10), (0, 0, 10, 10))
    score, row = np.array([0.8, 0.9, 0.7, 0.6], np.float32), np.array([0, 0, 0, 1])
    assert sorted(suppressed(boxes, score, row, 0.5).tolist()) == [1, 2, 3]
    assert suppressed(boxes[:0], score[:0], row[:0], 0.5).tolist() == []


def test_a_face_may_move_but_not_change_its_size() -> None:
    face = _boxes((0, 0, 100, 100))[0]
    assert affinity(face, face) == pytest.approx(2.0)
    assert 0 < affinity(face, face + 60) < affinity(face, face + 10)
    assert affinity(face, face + 80) == 0.0
    assert affinity(face, _boxes((0, 0, 180, 180))[0]) == 0.0


def test_each_box_is_matched_once_the_most_alike_first() -> None:
    first = _boxes((0, 0, 100, 100), (300, 0, 400, 100))
    second = _boxes((305, 0, 405, 100), (20, 0, 120, 100), (2, 0, 102, 100))
    assert matched(first, second) == {0: 1, 2: 0}
    assert matched(first, second[:0]) == {}
