"""People: which tracks show the same one, and which must not be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from poise.faces.people import (
    distance,
    doubtful,
    people_by_identity,
    people_by_place,
    same_face,
    seam,
    without_looks,
)
from poise.faces.tracker import Link
from tests.faces.faces_made import SIZE, Seen, identity_of, thumbnail_of, tracks_of


def _groups(seen: Sequence[Seen], *, identity: bool = True) -> list[list[int]]:
    tracks = tracks_of(seen)
    people = people_by_identity(tracks) if identity else people_by_place(without_looks(tracks))
    return sorted(sorted(track.track_id for track in person.tracks) for person in people)


def test_tracks_know_size_and_place() -> None:
    (track,) = tracks_of([Seen(frames=range(4), place=(320, 240))])
    assert track.side_px == 120
    np.testing.assert_allclose(track.centre, [0.5, 0.5])
    assert track.rows.tolist() == track.frames.tolist() == [0, 1, 2, 3]
    assert track.looks.shape == (4, 128)


def test_nobody_is_nobody() -> None:
    assert people_by_identity([]) == people_by_place([]) == []


def test_fragments_of_one_person_are_one_person() -> None:
    seen = [Seen(frames=range(k, k + 40)) for k in (0, 60, 120)]
    assert _groups([*seen, Seen(frames=range(170), who=1)]) == [[0, 1, 2], [3]]


def test_size_and_place_do_not_matter_to_identity() -> None:
    large = Seen(frames=range(50), side=300)
    tile = Seen(frames=range(50, 90), place=(560, 60), side=50)
    gallery = Seen(frames=range(90, 130), place=(160, 240), side=110)
    assert _groups([large, tile, gallery]) == [[0, 1, 2]]


def test_somebody_else_in_the_same_place_is_somebody_else() -> None:
    cut = Link(0, cut=True)
    assert _groups([Seen(frames=range(50)), Seen(frames=range(50, 80), who=1, link=cut)]) == [
        [0],
        [1],
    ]


def test_a_track_that_goes_on_elsewhere_in_look_alone_is_joined() -> None:
    turned = Seen(frames=range(50, 80), face=7, link=Link(0, cut=False))
    assert _groups([Seen(frames=range(50)), turned]) == [[0, 1]]


def test_a_track_may_go_on_from_one_of_a_higher_number() -> None:
    turned = Seen(frames=range(50, 80), face=7, link=Link(1, cut=False))
    assert _groups([turned, Seen(frames=range(50))]) == [[0, 1]]


@pytest.mark.parametrize(("common", "joined"), [(1, True), (3, True), (40, False)])
def test_a_few_frames_in_common_do_not_bar_a_remainder(common: int, joined: bool) -> None:
    groups = _groups([Seen(frames=range(300)), Seen(frames=range(300 - common, 800))])
    assert (groups == [[0, 1]]) == joined


def test_two_that_look_alike_side_by_side_are_two() -> None:
    twin = Seen(frames=range(50), place=(120, 220))
    assert _groups([Seen(frames=range(50)), twin]) == [[0], [1]]


def test_a_gap_is_filled_by_one_of_two_that_are_seen_together() -> None:
    seen = [
        Seen(frames=range(50)),
        Seen(frames=range(60, 90)),
        Seen(frames=range(62, 90), place=(100, 100), who=0),
    ]
    assert len(_groups(seen)) == 2


def test_a_track_without_a_look_joins_only_what_it_goes_on_from() -> None:
    follows = Seen(frames=range(50, 53), who=None, face=0, link=Link(0, cut=False))
    stray = Seen(frames=range(60, 63), who=None, face=0)
    assert _groups([Seen(frames=range(50)), follows, stray]) == [[0, 1], [2]]


def test_distance_does_not_grow_with_the_scatter_of_few_looks() -> None:
    one, two = people_by_identity(
        tracks_of([Seen(frames=range(50)), Seen(frames=range(50), who=1)])
    )
    assert distance(one, two) > 0.5
    assert not doubtful(one, two)


def test_a_face_neither_alike_nor_different_is_in_doubt() -> None:
    tracks = tracks_of([Seen(frames=range(50)), Seen(frames=range(50, 80), who=1)])
    middle = 0.45 * tracks[0].looks.mean(axis=0) + 0.55 * tracks[1].looks.mean(axis=0)
    half = identity_of(0, scatter=0.1) - identity_of(0, scatter=0.1).mean(axis=0) + middle
    people = people_by_identity([tracks[0], replace(tracks[1], looks=np.float32(half))])
    assert len(people) == 2 and doubtful(*people)


def test_a_track_joined_early_goes_to_whom_it_is_nearer_to_in_the_end() -> None:
    places = [0.0, 0.0, 0.0, 0.0, 0.0, 0.16, 0.30, 0.50]  # on a line from one person to another
    tracks = [
        replace(track, looks=np.tile(np.float32(place) * np.eye(1, 128, dtype=np.float32), (4, 1)))
        for track, place in zip(
            tracks_of([Seen(frames=range(20 * k, 20 * k + 20)) for k in range(8)]),
            places, strict=True,
        )
    ]  # fmt: skip
    people = people_by_identity(tracks)
    groups = sorted(sorted(t.track_id for t in person.tracks) for person in people)
    assert groups == [[0, 1, 2, 3, 4, 5], [6, 7]]


def test_hundreds_of_tracks_are_joined_in_seconds() -> None:
    seen = [Seen(frames=range(k * 4, k * 4 + 3), who=k % 3) for k in range(400)]
    assert len(_groups(seen)) <= 3 + 100  # the shortest are left alone


def test_a_fade_into_somebody_else_is_found() -> None:
    rows = np.arange(100)
    look_rows = np.array([0, 20, 40, 60, 80])
    looks = np.concatenate([identity_of(0, count=2), identity_of(1, count=3)])
    small = np.stack([thumbnail_of(int(k >= 33)) for k in range(100)])
    assert seam(rows, look_rows, looks, small) == 33


def test_one_person_has_no_seam() -> None:
    rows, looks = np.arange(100), identity_of(0, count=5, scatter=0.3)
    small = np.tile(thumbnail_of(0), (100, 1))
    assert seam(rows, np.array([0, 20, 40, 60, 80]), looks, small) is None


def test_a_smaller_difference_is_a_seam_where_the_surroundings_change_too() -> None:
    rows, look_rows = np.arange(100), np.array([0, 20, 40, 60, 80])
    one = np.zeros(128, np.float32)
    other = np.eye(1, 128, dtype=np.float32)[0] * 0.58
    looks, small = np.stack([one, one, other, other, other]), np.tile(thumbnail_of(0), (100, 1))
    around = np.array([False, False, True, False, False])
    assert seam(rows, look_rows, looks, small) is None
    where = seam(rows, look_rows, looks, small, around)
    assert where is not None and 20 < where <= 40
    assert seam(rows, look_rows, looks, small, np.roll(around, 1)) is None
    assert seam(rows, look_rows, looks * 0.7, small, around) is None


# Without embeddings


def test_by_place_a_gap_is_bridged() -> None:
    seen = [Seen(frames=range(50)), Seen(frames=range(60, 80), place=(330, 230), side=115)]
    assert _groups(seen, identity=False) == [[0, 1]]


def test_by_place_who_comes_back_elsewhere_is_joined() -> None:
    seen = [Seen(frames=range(50), place=(150, 220)), Seen(frames=range(60, 80), place=(520, 230))]
    assert _groups(seen, identity=False) == [[0, 1]]


def test_by_place_nothing_is_joined_after_a_cut() -> None:
    seen = [Seen(frames=range(50)), Seen(frames=range(50, 80), link=Link(0, cut=True))]
    assert _groups(seen, identity=False) == [[0], [1]]


def test_by_place_another_look_or_another_size_is_another_person() -> None:
    assert (
        len(_groups([Seen(frames=range(50)), Seen(frames=range(60, 80), who=1)], identity=False))
        == 2
    )
    assert (
        len(_groups([Seen(frames=range(50)), Seen(frames=range(60, 80), side=50)], identity=False))
        == 2
    )


def test_prominence_counts_presence_size_and_position() -> None:
    small, large = (tracks_of([Seen(frames=range(50), side=s)])[0] for s in (50, 150))
    assert small.prominence(SIZE[1]) < large.prominence(SIZE[1])
    aside = tracks_of([Seen(frames=range(50), place=(60, 60))])[0]
    assert aside.prominence(SIZE[1]) < tracks_of([Seen(frames=range(50))])[0].prominence(SIZE[1])


def _in_turn(*, cut: bool = True, room: float = 0.2, tracks: int = 2) -> list[Seen]:
    """Somebody who looks much like the first one takes the place several times."""
    seen = [Seen(frames=range(40))]
    for k in range(1, 2 * tracks + 1):
        link, frames = Link(k - 1, cut=cut), range(40 * k, 40 * k + 20)
        other = Seen(frames=frames, aside=0.33, link=link, room=room)
        seen.append(other if k % 2 else Seen(frames=frames, link=link))
    return seen


def test_who_looks_alike_and_takes_turns_at_cuts_elsewhere_is_somebody_else() -> None:
    assert _groups(_in_turn()) == [[0, 2, 4], [1, 3]]
    assert _groups(_in_turn(room=1, tracks=1)) == [[0, 2], [1]]  # though it is seen little


@pytest.mark.parametrize(
    "seen",
    [_in_turn(room=0), _in_turn(tracks=1)],
    ids=["in one room", "seen too little"],
)
def test_one_of_these_alone_makes_nobody_else_of_a_face(seen: Sequence[Seen]) -> None:
    assert _groups(seen) == [list(range(len(seen)))]


def test_who_comes_back_elsewhere_without_a_cut_is_the_same() -> None:
    seen = [replace(track, link=None) for track in _in_turn()]
    assert _groups(seen) == [[0, 1, 2, 3, 4]]


def test_one_face_is_one_face_beside_itself() -> None:
    own, image, other = people_by_identity(
        tracks_of(
            [
                Seen(frames=range(60)),
                Seen(frames=range(50), place=(560, 60), side=50),
                Seen(frames=range(40), place=(60, 60), who=1),
            ]
        )
    )
    assert same_face(own, image) and not same_face(own, other)
    (unknown,) = people_by_identity(tracks_of([Seen(frames=range(9), who=None)]))
    assert not same_face(own, unknown)
