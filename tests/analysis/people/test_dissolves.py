"""Dissolves are found by frames that change evenly; none of their mixes is the person's."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.people.dissolves import dissolves, going_over
from poise.faces.appearance import SIGNATURE
from poise.types import Image

PICTURES = np.random.default_rng(0).integers(0, 255, (2, SIGNATURE)).astype(float)


def _shares(*shares: float) -> Image:
    """Frames that are a mix of two pictures, in these shares of the second."""
    noise = np.random.default_rng(1).normal(0, 0.5, (len(shares), SIGNATURE))
    share = np.array(shares).reshape(-1, 1)
    mixed = PICTURES[0] * (1 - share) + PICTURES[1] * share
    return np.clip(mixed + noise, 0, 255).astype(np.uint8)


EVENLY = (0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1)


def test_a_dissolve_is_found_from_its_first_frame_to_its_last() -> None:
    assert dissolves(_shares(*EVENLY)) == [(3, 8)]
    assert dissolves(_shares(*EVENLY, *EVENLY[::-1])) == [(3, 8), (15, 20)]


@pytest.mark.parametrize(
    "shares", [(), (0,), (0, 0), (0,) * 9, (0, 0, 0, 1, 1, 1), (0, 0.2, 0, 0.2, 0, 0.2)]
)
def test_what_stays_cuts_or_sways_is_none(shares: tuple[float, ...]) -> None:
    assert dissolves(_shares(*shares)) == []


def test_what_moves_through_the_picture_is_none() -> None:
    rows = np.zeros((10, 8, 12, 3), np.uint8)
    for k in range(10):
        rows[k, :, k : k + 2] = 200
    assert dissolves(rows.reshape(10, SIGNATURE)) == []


@pytest.mark.parametrize("back", [False, True], ids=["to another", "back from another"])
def test_what_is_mixed_with_somebody_else_is_not_the_persons(back: bool) -> None:
    own, others = np.arange(8), np.arange(8, 12)  # told too late
    shares = EVENLY
    if back:
        own, others, shares = 11 - own, 11 - others, EVENLY[::-1]
    beyond = going_over(_shares(*shares), own, others)
    assert np.flatnonzero(beyond).tolist() == ([3, 4, 5, 6, 7] if back else [4, 5, 6, 7, 8])


def test_light_that_changes_evenly_on_one_person_takes_no_frame() -> None:
    coarse = _shares(*EVENLY)
    everybody = np.arange(12)
    assert not going_over(coarse, everybody, np.zeros(0, np.int64)).any()
    assert not going_over(coarse, everybody, everybody).any()  # somebody else beside


def test_a_head_that_moves_on_evenly_is_no_dissolve() -> None:
    rng = np.random.default_rng(4)
    first = rng.integers(40, 200, 288).astype(float)
    moved = first + np.where(np.arange(288) < 60, 20.0, 0.0)  # 4 gray levels, mean
    shares = np.clip((np.arange(12) - 4) / 2, 0, 1)[:, None]
    coarse = (first * (1 - shares) + moved * shares).round().astype(np.uint8)
    assert dissolves(coarse) == []
