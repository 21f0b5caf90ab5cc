"""Label schemes: what belongs to which valence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import ModelError
from poise.labels import VALENCES, LabelScheme, display_labels, display_posterior
from poise.types import FloatArray

SCHEME = LabelScheme(
    name="five",
    emotions=("happiness", "surprise", "neutral", "anger", "sadness"),
    valence={
        "happiness": "positive",
        "neutral": "neutral",
        "anger": "negative",
        "sadness": "negative",
    },
)


def test_an_emotion_apart_is_not_called_as_a_valence_class() -> None:
    with pytest.raises(ModelError):
        LabelScheme(
            name="odd",
            emotions=("positive", "happiness", "neutral", "anger"),
            valence={"happiness": "positive", "neutral": "neutral", "anger": "negative"},
        )


def test_an_emotion_without_valence_stands_apart() -> None:
    assert SCHEME.apart == ("surprise",)


def test_the_valence_matrix_has_one_membership_per_emotion_with_valence() -> None:
    matrix = SCHEME.valence_matrix
    assert matrix.shape == (5, 3)
    assert matrix.sum(axis=1).tolist() == [1, 0, 1, 1, 1]
    assert matrix[3].tolist() == [0, 0, 1]


def test_the_valence_posterior_leaves_surprise_out() -> None:
    posterior = np.array([[0.2, 0.5, 0.1, 0.1, 0.1]], np.float32)
    np.testing.assert_allclose(SCHEME.valence_posterior(posterior), [[0.4, 0.2, 0.4]], atol=1e-6)


def test_a_certain_surprise_gives_no_nan() -> None:
    valence = SCHEME.valence_posterior(np.array([[0, 1, 0, 0, 0]], np.float32))
    assert np.isfinite(valence).all()


@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_valence_posteriors_sum_to_one(weights: list[float]) -> None:
    posterior = np.array([weights]) / sum(weights)
    np.testing.assert_allclose(SCHEME.valence_posterior(posterior).sum(axis=1), 1, atol=1e-5)


def test_valence_posteriors_of_no_face() -> None:
    assert SCHEME.valence_posterior(np.zeros((0, 5), np.float32)).shape == (0, 3)


def test_json_round_trip() -> None:
    assert LabelScheme.from_json(SCHEME.to_json()) == SCHEME


@pytest.mark.parametrize("lost", ["name", "emotions", "valence"])
def test_a_scheme_that_lacks_an_entry_says_which(lost: str) -> None:
    plain = {key: value for key, value in SCHEME.to_json().items() if key != lost}
    with pytest.raises(ModelError, match=lost):
        LabelScheme.from_json(plain)


@pytest.mark.parametrize(
    ("emotions", "valence"),
    [
        (("a", "b", "c"), {"a": "positive", "b": "neutral", "c": "cheerful"}),
        (("a", "b", "c"), {"a": "positive", "b": "neutral"}),
        (("a", "b", "c"), {"a": "positive", "b": "neutral", "d": "negative"}),
        (("a", "b", "b"), {"a": "positive", "b": "neutral"}),
    ],
    ids=["unknown valence", "valence without emotion", "unknown emotion", "emotion twice"],
)
def test_inconsistent_schemes_are_refused(
    emotions: tuple[str, ...], valence: dict[str, str]
) -> None:
    with pytest.raises(ModelError, match="inconsistent"):
        LabelScheme(name="wrong", emotions=emotions, valence=valence)


def test_the_order_of_the_valences_is_fixed() -> None:
    assert VALENCES == ("positive", "neutral", "negative")


LABELS = ("positive", "neutral", "negative", "surprise")


def _posterior(rng: np.random.Generator, rows: int) -> FloatArray:
    return rng.dirichlet([1] * len(SCHEME.emotions), rows).astype(np.float32)


def test_what_has_no_valence_is_shown_last() -> None:
    assert display_labels(SCHEME) == LABELS


def test_shown_posteriors_sum_to_one() -> None:
    emotion = _posterior(np.random.default_rng(0), 7)
    shown = display_posterior(SCHEME, emotion)
    np.testing.assert_allclose(shown.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(shown[:, 3], emotion[:, 1], atol=1e-6)
