from __future__ import annotations

import numpy as np
import pytest

from poise_training.evaluation.metrics import (
    accuracies,
    accuracy,
    by_person,
    confusion_matrix,
    interval,
    macro_f1,
    macro_f1s,
    mcnemar,
    precisions,
    recalls,
    reliability,
)

_TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
_GUESS = np.array([0, 0, 0, 1, 1, 0, 2, 2, 2, 2])


def test_everything_from_one_confusion_matrix() -> None:
    confusion = confusion_matrix(_TRUTH, _GUESS, 3)
    assert confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 0, 4]]
    assert accuracy(confusion) == 0.8
    assert precisions(confusion).tolist() == [0.75, 0.5, 1.0]
    assert recalls(confusion).tolist() == [0.75, 0.5, 1.0]
    assert macro_f1(confusion) == pytest.approx((0.75 + 0.5 + 1) / 3)


def test_a_class_that_does_not_occur_does_not_count() -> None:
    confusion = confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 2]), 4)
    assert macro_f1(confusion) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(recalls(confusion)[[1, 3]]).all()
    assert np.isnan(precisions(confusion)[3])
    assert np.isnan(accuracy(np.zeros((3, 3), np.int64)))


def test_measures_of_many_matrices_at_once() -> None:
    rng = np.random.default_rng(0)
    many = rng.integers(0, 9, (20, 4, 4))
    assert accuracies(many).tolist() == [accuracy(one) for one in many]
    assert macro_f1s(many).tolist() == [macro_f1(one) for one in many]


def test_interval_agrees_with_drawing_faces_one_by_one() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 400)
    guess = np.where(rng.random(400) < 0.8, truth, rng.integers(0, 3, 400))
    drawn = rng.integers(0, 400, (1000, 400))
    values = [macro_f1(confusion_matrix(truth[k], guess[k], 3)) for k in drawn]
    confusion = confusion_matrix(truth, guess, 3)
    assert interval(confusion, macro_f1s) == pytest.approx(
        np.quantile(values, [0.025, 0.975]), abs=0.006
    )
    assert interval(confusion, macro_f1s) == interval(confusion, macro_f1s)
    assert np.isnan(interval(np.zeros((3, 3), np.int64), accuracies)).all()


def test_faces_of_one_person_are_drawn_together() -> None:
    """Forty people of twenty faces, each person read right throughout or wrong throughout."""
    rng = np.random.default_rng(2)
    right = np.repeat(rng.random(40) < 0.7, 20)
    truth = np.zeros(800, np.int64)
    people = [f"{k // 20}" for k in range(800)]
    cells = truth * 2 + ~right
    of_people = by_person(cells, (2, 2), people)
    confusion = confusion_matrix(truth, (~right).astype(np.int64), 2)
    assert of_people is not None and of_people.shape == (40, 2, 2)
    assert (of_people.sum(axis=0) == confusion).all()
    drawn = rng.integers(0, 40, (2000, 40))
    expected = np.quantile(right[::20][drawn].mean(axis=1), [0.025, 0.975])
    assert interval(confusion, accuracies, of_people) == pytest.approx(expected, abs=0.03)
    alone = interval(confusion, accuracies)
    assert alone[1] - alone[0] < (expected[1] - expected[0]) / 3


def test_faces_of_nobody_known_are_people_of_their_own() -> None:
    cells = np.array([0, 1, 0, 3])
    counts = by_person(cells, (2, 2), ["kim", None, "kim", None])
    assert counts is not None
    assert counts.tolist() == [[[2, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 1]]]
    assert by_person(cells, (2, 2), [None] * 4) is None
    assert by_person(cells, (2, 2), []) is None


def test_calibration_error_by_hand() -> None:
    # Two answers of confidence 0.95, one of them right; two of 0.65, both right.
    posterior = np.array([[0.95, 0.05], [0.05, 0.95], [0.65, 0.35], [0.35, 0.65]], np.float32)
    found = reliability(posterior, np.array([0, 0, 0, 1]), bins=10)
    assert found.count.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert found.accuracy[[6, 9]].tolist() == [1.0, 0.5]
    assert found.error == pytest.approx(0.5 * 0.35 + 0.5 * 0.45)


def test_calibration_of_certain_answers_and_of_none() -> None:
    certain = reliability(np.array([[1, 0]], np.float32), np.array([0]))
    assert certain.count[-1] == 1
    assert certain.error == 0
    assert np.isnan(reliability(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)).error)


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 32),
        (5, 0, 2 / 32),
        (2, 10, 2 * (1 + 12 + 66) / 4096),
    ],
)
def test_mcnemar_by_hand(first_only: int, second_only: int, p: float) -> None:
    assert mcnemar(first_only, second_only) == pytest.approx(p)


@pytest.mark.parametrize(
    ("first_only", "second_only"), [(7, 25), (59, 6), (180, 211), (2000, 1900)]
)
def test_mcnemar_is_the_binomial_test(first_only: int, second_only: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(first_only, first_only + second_only).pvalue
    assert mcnemar(first_only, second_only) == pytest.approx(expected, rel=1e-6)
