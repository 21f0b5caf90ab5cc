"""Tracks end at cuts and where a face, or what is around it, is another at once."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.people.tracks import divided, elsewhere, linked, with_cuts_around
from poise.faces.appearance import SIGNATURE, SURROUNDINGS
from poise.faces.tracker import Link
from poise.types import Image
from tests.made_sightings import looking_like, sightings

EVERYWHERE = np.arange(20)  # a chip of each face


def _signatures(*gray: int) -> Image:
    return np.tile(np.array(gray, np.uint8)[:, None], (1, SIGNATURE))


def test_one_face_is_one_track_and_a_cut_ends_it() -> None:
    same = looking_like(*[0] * 20)
    track_id, links = linked(sightings(same))
    assert track_id.tolist() == [0] * 20
    assert links == {}
    track_id, links = linked(sightings(same, signature=_signatures(*[100] * 12, *[180] * 8)))
    assert track_id.tolist() == [0] * 12 + [1] * 8
    assert links == {1: Link(0, cut=True)}


def test_a_face_out_of_sight_for_longer_than_samples_lie_apart_is_a_new_track() -> None:
    frame = np.array([0, 1, 2, 12, 13])
    assert linked(sightings(looking_like(*[0] * 5), frame=frame))[0].tolist() == [0, 0, 0, 1, 1]


def test_no_face_has_no_track() -> None:
    track_id, links = divided(sightings(looking_like()), *linked(sightings(looking_like())))
    assert track_id.tolist() == []
    assert links == {}


def _half_another() -> Image:
    """Thumbnails of a face that is half another's in frames 8 to 13: too little to end a track."""
    faces = looking_like(*[0] * 20)
    faces[8:14] = (0.55 * faces[8:14] + 0.45 * looking_like(*[1] * 6)).astype(np.uint8)
    return faces


def test_a_track_is_divided_where_the_face_is_another_at_once() -> None:
    seen = sightings(_half_another(), chip=EVERYWHERE)
    track_id, links = linked(seen)
    assert track_id.tolist() == [0] * 20
    track_id, links = divided(seen, track_id, links)
    assert track_id.tolist() == [0] * 8 + [1] * 6 + [2] * 6
    assert links == {1: Link(0, cut=False), 2: Link(1, cut=False)}


def test_a_part_that_cannot_be_compared_is_not_divided_off() -> None:
    chip = np.where(np.arange(20) < 14, np.arange(20), -1)  # nothing behind the second change
    seen = sightings(_half_another(), chip=chip)
    assert divided(seen, *linked(seen))[0].tolist() == [0] * 8 + [1] * 12


@pytest.mark.parametrize(("height_px", "parts"), [(80, 2), (200, 1)])
def test_what_is_around_a_small_face_divides_too(height_px: int, parts: int) -> None:
    boxes = np.tile(np.array([150, 60, 230, 60 + height_px], np.float32), (20, 1))
    around = np.full((20, SURROUNDINGS), 100, np.uint8)
    around[10:] = 140
    seen = sightings(looking_like(*[0] * 20), boxes, surroundings=around, chip=EVERYWHERE)
    assert len(np.unique(divided(seen, *linked(seen))[0])) == parts


def test_a_track_that_ended_before_another_goes_on_from_its_last_part() -> None:
    signature = _signatures(*[100] * 14, *[180] * 6)
    seen = sightings(_half_another(), signature=signature, chip=EVERYWHERE)
    track_id, links = divided(seen, *linked(seen))
    assert track_id.tolist() == [0] * 8 + [2] * 6 + [1] * 6
    assert links == {1: Link(2, cut=True), 2: Link(0, cut=False)}


def test_another_wall_behind_is_a_cut() -> None:
    gray = [100] * 10 + [115] * 10  # too little for a cut of the whole frame
    seen = sightings(looking_like(*[0] * 10, *[1] * 10), signature=_signatures(*gray))
    track_id, links = linked(seen)
    assert links == {1: Link(0, cut=False)}
    assert with_cuts_around(seen, track_id, links) == {1: Link(0, cut=True)}
    assert elsewhere(seen, 9, 10)
    assert not elsewhere(seen, 8, 9)
