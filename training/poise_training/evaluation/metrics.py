"""Measures of a classifier: all from its confusion matrix, but for the calibration error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from poise.types import FloatArray, IntArray

RESAMPLES = 1000
BINS = 15
_SEED = 0

Interval = tuple[float, float]
Measure = Callable[[IntArray], npt.NDArray[np.float64]]


def confusion_matrix(truth: IntArray, guess: IntArray, classes: int) -> IntArray:
    """How often each class (row) was taken for each (column): int64 [C, C].

    Args:
        truth: int [N], 0 to C-1.
        guess: int [N].
        classes: C.
    """
    counts = np.bincount(truth * classes + guess, minlength=classes * classes)
    return counts.reshape(classes, classes)


def accuracies(confusion: IntArray) -> npt.NDArray[np.float64]:
    """Share of all that is right, of each confusion matrix int [..., C, C]; NaN if it is empty."""
    right = np.trace(confusion, axis1=-2, axis2=-1)
    return _divided(right, confusion.sum(axis=(-2, -1)))


def macro_f1s(confusion: IntArray) -> npt.NDArray[np.float64]:
    """Mean F1 over the classes that occur, of each confusion matrix int [..., C, C]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    named, there = confusion.sum(axis=-2), confusion.sum(axis=-1)
    scores = _divided(2 * right, named + there)
    occurs = there > 0
    return _divided(np.where(occurs, scores, 0).sum(axis=-1), occurs.sum(axis=-1))


def accuracy(confusion: IntArray) -> float:
    """Share of all that is right, of one confusion matrix int [C, C]."""
    return float(accuracies(confusion))


def macro_f1(confusion: IntArray) -> float:
    """Mean F1 over the classes that occur, of one confusion matrix int [C, C]."""
    return float(macro_f1s(confusion))


def precisions(confusion: IntArray) -> npt.NDArray[np.float64]:
    """Of what was called a class, the share that is: float64 [C], NaN where nothing was."""
    return _divided(np.diagonal(confusion), confusion.sum(axis=0))


def recalls(confusion: IntArray) -> npt.NDArray[np.float64]:
    """Of what is a class, the share that was called so: float64 [C], NaN where nothing is."""
    return _divided(np.diagonal(confusion), confusion.sum(axis=1))


def by_person(
    cells: IntArray, shape: tuple[int, ...], people: Sequence[str | None]
) -> IntArray | None:
    """How many faces of each person fell in each cell: int64 [P, *shape].

    A face of nobody known is a person of its own. None where nobody is known.

    Args:
        cells: Index, into a flat array of that shape, of each face, int64 [N].
        shape: Of the counts.
        people: Who each face shows, [N]; None: nobody known.
    """
    if not any(person is not None for person in people):
        return None
    names = [("", str(k)) if p is None else ("person", p) for k, p in enumerate(people)]
    number = {name: k for k, name in enumerate(dict.fromkeys(names))}
    size = int(np.prod(shape))
    flat = np.array([number[name] for name in names], np.int64) * size + cells
    counts = np.bincount(flat, minlength=len(number) * size)
    return counts.reshape(len(number), *shape)


def interval(counts: IntArray, measure: Measure, of_people: IntArray | None = None) -> Interval:
    """Bootstrap interval of 95 %, seeded, of a measure that depends on counts alone.

    To draw N faces with replacement is to draw the counts from a multinomial distribution with
    the observed shares, which is what is done. Faces of one person are alike, so where people are
    known these are drawn instead, each with all their faces.

    Args:
        counts: How many faces fell in each cell, int of any shape (a confusion matrix, or a
            table of truth by two models' answers).
        measure: Of counts [R, ...] the values [R].
        of_people: The same for each person, see `by_person`.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; Davison and
    Hinkley, Bootstrap Methods and their Application, 1997, section 3.8, for the clusters.
    """
    total = int(counts.sum())
    if total == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(_SEED)
    if of_people is None:
        drawn = rng.multinomial(total, counts.ravel() / total, size=RESAMPLES)
    else:
        each = of_people.reshape(len(of_people), -1)
        alike = np.full(len(each), 1 / len(each))
        drawn = np.stack([rng.multinomial(len(each), alike) @ each for _ in range(RESAMPLES)])
    values = measure(drawn.reshape(RESAMPLES, *counts.shape))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How often the answers of each confidence are right.

    Args:
        count: Answers in each of the equally wide bins of confidence from 0 to 1, int64 [B].
        confidence: Their mean posterior, float64 [B], NaN where there are none.
        accuracy: Their share that is right, float64 [B], NaN where there are none.
    """

    count: IntArray
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error; NaN without answers."""
        total = int(self.count.sum())
        gaps = np.abs(self.confidence - self.accuracy)[self.count > 0]
        return float((self.count[self.count > 0] * gaps).sum() / total) if total else float("nan")


def reliability(posterior: FloatArray, truth: IntArray, bins: int = BINS) -> Reliability:
    """Confidence against accuracy of the most probable class, in equally wide bins.

    Args:
        posterior: float [N, C], rows sum to 1.
        truth: int [N].
        bins: B.

    Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, equation 3.
    """
    confidence = posterior.max(axis=1).astype(np.float64)
    right = (posterior.argmax(axis=1) == truth).astype(np.float64)
    # A bin holds its upper edge, as in the paper.
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    return Reliability(
        count=count,
        confidence=_divided(np.bincount(bin_of, weights=confidence, minlength=bins), count),
        accuracy=_divided(np.bincount(bin_of, weights=right, minlength=bins), count),
    )


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value of McNemar's test.

    If both models were right equally often, each face that only one of them gets right would
    fall to either like a coin.

    Args:
        first_only: Faces that only the first model gets right.
        second_only: Faces that only the second one gets right.

    Source: McNemar, Psychometrika 12(2), 1947, with the binomial in place of its approximation.
    """
    total, fewer = first_only + second_only, min(first_only, second_only)
    ways, tail = 1, 0  # ways to choose k of all, and their sum up to `fewer`, in whole numbers
    for k in range(fewer + 1):
        tail += ways
        ways = ways * (total - k) // (k + 1)
    return float(min(1.0, 2 * tail / 2**total))


def _divided(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Elementwise quotient, NaN where the divisor is 0."""
    dividend, divisor = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    result = np.full(divisor.shape, np.nan)
    np.divide(dividend, divisor, out=result, where=divisor > 0)
    return result
