"""Who is the candidate, and when that is not sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from poise.faces.candidate import (
    NOT_THE_PORTRAIT,
    STILL,
    TWO_ALIKE,
    TWO_PRESENT,
    Choice,
    choose_candidate,
    frames_with_others,
    is_sure,
    of_people,
)
from poise.faces.people import people_by_identity
from poise.types import FloatArray
from tests.faces.faces_made import SIZE, Seen, identity_of, tracks_of


def _chosen(
    seen: Sequence[Seen], *, still: Sequence[int] = (), portrait: FloatArray | None = None
) -> Choice:
    people = people_by_identity(tracks_of(seen))
    pictures = [bool({t.track_id for t in p.tracks} & set(still)) for p in people]
    return choose_candidate(people, SIZE[1], still=pictures, portrait=portrait)


def _ids(choice: Choice) -> list[int]:
    return sorted(track.track_id for track in choice.tracks)


def test_nobody_is_nobody() -> None:
    choice = choose_candidate([], 480)
    assert choice.candidate is None and choice.tracks == []


def test_fragments_are_joined_before_people_are_ranked() -> None:
    parts = [Seen(frames=range(k, k + 100)) for k in (0, 110, 220)]
    visitor = Seen(frames=range(70, 240), place=(200, 220), who=1)
    choice = _chosen([*parts, visitor])
    assert _ids(choice) == [0, 1, 2]
    assert [p.tracks[0].track_id for p in choice.others] == [3]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Seen(frames=range(10)), Seen(frames=range(100), who=1, place=(300, 230), side=110)),
        (
            Seen(frames=range(50), side=50),
            Seen(frames=range(50), who=1, side=150, place=(420, 220)),
        ),
        (Seen(frames=range(50), place=(60, 60)), Seen(frames=range(50), who=1)),
    ],
    ids=["presence", "size", "position"],
)
def test_presence_size_and_position_decide(first: Seen, second: Seen) -> None:
    assert _ids(_chosen([first, second])) == [1]


def test_a_picture_is_no_candidate_where_somebody_lives() -> None:
    portrait, person = (
        Seen(frames=range(100), side=200),
        Seen(frames=range(60), place=(90, 400), who=1),
    )
    choice = _chosen([portrait, person], still=[0])
    assert _ids(choice) == [1] and not choice.doubt


def test_where_only_a_picture_is_seen_that_is_said() -> None:
    choice = _chosen([Seen(frames=range(100))], still=[0])
    assert _ids(choice) == [0] and choice.doubt == STILL


def test_somebody_who_passes_a_picture_is_no_candidate() -> None:
    passing = Seen(frames=range(5), who=1)
    choice = _chosen([Seen(frames=range(100)), passing], still=[0])
    assert _ids(choice) == [0] and choice.doubt == STILL


def test_two_who_are_as_prominent_are_a_doubt() -> None:
    left, right = (
        Seen(frames=range(100), place=(200, 220)),
        Seen(frames=range(100), place=(440, 220), who=1),
    )
    assert _chosen([left, right]).doubt == TWO_ALIKE
    assert not _chosen([left, Seen(frames=range(40), place=(560, 60), side=60, who=1)]).doubt


@pytest.mark.parametrize(("frames", "doubt"), [(90, TWO_ALIKE), (30, "")])
def test_as_much_of_a_face_that_may_be_anothers_is_a_doubt(frames: int, doubt: str) -> None:
    first, second = tracks_of([Seen(frames=range(100)), Seen(frames=range(100, 100 + frames))])
    away = np.eye(1, 128, dtype=np.float32) * 0.42  # nearer than other people, not as near as one
    second = replace(second, looks=first.looks + away)
    choice = choose_candidate(people_by_identity([first, second]), SIZE[1])
    assert [p.tracks[0].track_id for p in choice.uncertain] == [1] and not choice.others
    assert _ids(choice) == [0] and choice.doubt == doubt


def test_a_picture_beside_the_candidate_is_no_doubt() -> None:
    left, right = (
        Seen(frames=range(100), place=(200, 220)),
        Seen(frames=range(100), place=(440, 220), who=1),
    )
    assert not _chosen([left, right], still=[1]).doubt


def test_a_portrait_decides() -> None:
    large, small = (
        Seen(frames=range(100), side=200),
        Seen(frames=range(40), side=60, place=(90, 90), who=1),
    )
    choice = _chosen([large, small], portrait=identity_of(1, count=1, seed=9)[0])
    assert _ids(choice) == [1] and not choice.doubt


def test_a_portrait_of_nobody_who_is_seen_is_a_doubt() -> None:
    choice = _chosen([Seen(frames=range(100))], portrait=identity_of(5, count=1)[0])
    assert choice.doubt == NOT_THE_PORTRAIT


def test_others_are_counted_frame_by_frame() -> None:
    frame = np.array([0, 0, 1, 1, 1, 3])
    candidate = np.array([True, False, True, False, False, False])
    assert frames_with_others(frame, candidate, 5).tolist() == [1, 2, 0, 1, 0]


def test_nobody_else() -> None:
    nothing = frames_with_others(np.zeros(0, np.int64), np.zeros(0, bool), 3)
    assert nothing.tolist() == [0, 0, 0]


def test_a_pattern_seen_once_is_no_person() -> None:
    track_id = np.array([0, 0, 1, 2, 3, 3], np.int64)
    confidence = np.array([0.95, 0.93, 0.92, 0.99, 0.8, 0.82], np.float32)
    assert of_people(track_id, confidence).tolist() == [True, True, False, True, False, False]


def test_somebody_is_sure_to_be_a_person_where_most_of_the_faces_are() -> None:
    first, second = Seen(frames=range(10)), Seen(frames=range(10, 18))
    (person,) = people_by_identity(tracks_of([first, second]))
    confidence = np.full(18, 0.82, np.float32)
    confidence[10:] = 0.99
    assert not is_sure(person, confidence)
    assert is_sure(person, confidence[::-1])


LARGE = Seen(frames=range(100), side=240)


@pytest.mark.parametrize(
    ("other", "doubt"),
    [
        (Seen(frames=range(100), who=1, side=80, place=(560, 400)), TWO_PRESENT),
        (Seen(frames=range(85), who=1, side=80, place=(560, 400)), TWO_PRESENT),
        (Seen(frames=range(60), who=1, side=80, place=(560, 400)), ""),
        (Seen(frames=range(100), who=1, side=50, place=(560, 100)), ""),
        (Seen(frames=range(100), who=0, side=80, place=(560, 400)), ""),
        (Seen(frames=range(100, 170), who=1, side=240), ""),
    ],
    ids=["all along", "almost all along", "a visitor", "far behind", "their own image", "in turn"],
)
def test_who_is_smaller_beside_the_candidate_may_be_the_candidate(other: Seen, doubt: str) -> None:
    choice = _chosen([LARGE, other])
    assert _ids(choice) == [0]
    assert choice.doubt == doubt


def test_a_portrait_or_a_picture_leaves_no_doubt_about_who_is_beside() -> None:
    small = Seen(frames=range(100), who=1, side=80, place=(560, 400))
    portrait = identity_of(1, count=1, seed=9)[0]
    assert _ids(_chosen([LARGE, small], portrait=portrait)) == [1]
    assert _chosen([LARGE, small], portrait=portrait).doubt == ""
    assert _chosen([LARGE, small], still=[1]).doubt == ""


def test_who_beside_the_candidate_is_not_known_as_one_is_counted_as_one() -> None:
    parts = [
        Seen(frames=range(30 * k, 30 * k + 30), who=1 + k, side=80, place=(560, 400))
        for k in range(3)
    ]
    assert _chosen([LARGE, *parts]).doubt == TWO_PRESENT
    assert _chosen([LARGE, *parts[:2]]).doubt == ""


def test_what_is_hardly_a_face_raises_no_doubt() -> None:
    beside = Seen(frames=range(100), who=1, side=80, place=(560, 400))
    people = people_by_identity(tracks_of([LARGE, beside]))
    sure = [person.side_px > 100 for person in people]
    assert choose_candidate(people, SIZE[1]).doubt == TWO_PRESENT
    assert choose_candidate(people, SIZE[1], sure=sure).doubt == ""
