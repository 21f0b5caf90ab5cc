"""Which faces are compared, and tracks that turn out to show two people."""

from __future__ import annotations

from typing import cast

import numpy as np

from poise.analysis.crop_file import CropFile
from poise.analysis.people.comparing import looked_at
from poise.analysis.sightings import Sightings
from poise.faces.appearance import SIGNATURE
from poise.faces.identity import EMBEDDING, Embedder
from poise.labels import QUALITY_FLAGS
from poise.types import FloatArray, Image, IntArray
from tests.made_sightings import looking_like, sightings


class _Chips:
    """A file whose chips are their own numbers."""

    def read_chips(self, rows: list[int]) -> IntArray:
        return np.array(rows, np.int64)


class _People:
    """Tells people apart by what a test says: who is on which chip."""

    def __init__(self, who: IntArray) -> None:
        self._who = who
        self.asked: list[int] = []

    def embed(self, chips: IntArray) -> FloatArray:
        self.asked += chips.tolist()
        return np.eye(EMBEDDING, dtype=np.float32)[self._who[chips]]


def _compared(
    seen: Sightings, who: list[int], track_id: list[int] | None = None
) -> tuple[list[int], dict[int, FloatArray], list[int]]:
    """Tracks, embeddings, and which chips were asked for."""
    people = _People(np.array(who))
    tracks, looks = looked_at(
        seen,
        np.array(track_id or [0] * len(who)),
        cast(CropFile, _Chips()),
        cast(Embedder, people),
    )
    return tracks.tolist(), looks, people.asked


def _one_place(count: int, who: list[int] | None = None) -> Sightings:
    return sightings(looking_like(*(who or [0] * count)), chip=np.arange(count))


def test_few_faces_of_a_track_are_compared_the_first_and_the_last_among_them() -> None:
    tracks, looks, asked = _compared(_one_place(61), [0] * 61)  # twelve seconds
    assert asked == [0, 21, 40, 60]
    assert looks[0].shape == (4, EMBEDDING)
    assert tracks == [0] * 61


def test_faces_without_a_flag_are_preferred() -> None:
    seen = _one_place(61)
    seen.flags[[0, 60], QUALITY_FLAGS.index("blurred")] = True
    assert _compared(seen, [0] * 61)[2][:1] == [1]
    assert _compared(seen, [0] * 61)[2][-1:] == [59]
    seen.flags[:] = True  # where there is no other
    assert _compared(seen, [0] * 61)[2][:1] == [0]


def test_another_surrounding_is_looked_at_too() -> None:
    signature: Image = np.full((61, SIGNATURE), 100, np.uint8)
    signature[10:20] = 115
    seen = sightings(looking_like(*[0] * 61), signature=signature, chip=np.arange(61))
    assert _compared(seen, [0] * 61)[2] == [0, 10, 20, 21, 40, 60]


def test_a_track_of_two_people_is_split_where_it_changes_most() -> None:
    who = [0] * 30 + [1] * 31
    tracks, looks, _ = _compared(_one_place(61, who), who)
    assert tracks == who
    assert sorted(looks) == [0, 1]


def test_what_has_no_chip_is_not_compared() -> None:
    seen = sightings(looking_like(0, 0, 0))
    assert _compared(seen, [0] * 3) == ([0, 0, 0], {}, [])
    assert _compared(sightings(looking_like()), []) == ([], {}, [])


def test_in_a_crowd_the_most_prominent_are_compared_and_no_more_than_a_bound() -> None:
    count = 300  # tracks of one face each
    frame, height = np.zeros(count, np.int64), np.linspace(20, 200, count)
    boxes = np.stack([0 * height, 0 * height, height, height], axis=1).astype(np.float32)
    seen = sightings(looking_like(*[0] * count), boxes, frame=frame, chip=np.arange(count))
    _, looks, asked = _compared(seen, [0] * count, list(range(count)))
    assert asked == list(range(240, 300))
    assert sorted(looks) == list(range(240, 300))
