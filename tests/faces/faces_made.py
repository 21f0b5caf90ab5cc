"""Tracks and people made of numbers, for tests of who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.faces.appearance import SURROUNDINGS, THUMBNAIL
from poise.faces.people import FaceTrack, gather_tracks
from poise.faces.tracker import Link
from poise.types import FloatArray, Image

SIZE = (640, 480)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A track: when, where, how large, and whom it shows (None: it has no embedding)."""

    frames: range
    place: tuple[float, float] = (320, 220)
    side: float = 120
    who: int | None = 0
    face: int | None = None  # whose thumbnail; as `who` if None
    link: Link | None = None
    room: float = 0  # what is around the face
    aside: float = 0.0  # how far the embedding lies from the person's


def identity_of(person: int, *, count: int = 4, scatter: float = 0.2, seed: int = 0) -> FloatArray:
    """Looks at a person, float32 [count, 128]; two people are about 0.8 apart."""
    centre = np.random.default_rng(1000 + person).normal(size=128) * 0.8 / 16
    looks = centre + np.random.default_rng(seed).normal(size=(count, 128)) * scatter / 128**0.5
    return np.asarray(looks, np.float32)


def thumbnail_of(person: int) -> Image:
    return np.random.default_rng(person).integers(40, 200, THUMBNAIL, np.uint8)


def room_of(room: float) -> Image:
    """What is around a face in a room: 85 gray levels from any other; 0.2 is a fifth of the way."""
    whole, part = divmod(room, 1)
    first, second = (
        np.random.default_rng(500 + int(whole) + k).integers(0, 255, SURROUNDINGS, np.uint8)
        for k in (0, 1)
    )
    return np.asarray(first * (1 - part) + second * part, np.uint8)


def box(place: tuple[float, float], side: float) -> list[float]:
    (x, y) = place
    return [x - side * 0.4, y - side / 2, x + side * 0.4, y + side / 2]


def tracks_of(seen: Sequence[Seen]) -> list[FaceTrack]:
    """The tracks, numbered in the given order."""
    frame = np.concatenate([np.array(s.frames) for s in seen])
    track_id = np.concatenate([np.full(len(s.frames), k) for k, s in enumerate(seen)])
    boxes = [
        np.tile(np.array([box(s.place, s.side)], np.float32), (len(s.frames), 1)) for s in seen
    ]
    faces = [s.face if s.face is not None else s.who or 0 for s in seen]
    small = [np.tile(thumbnail_of(f), (len(s.frames), 1)) for f, s in zip(faces, seen, strict=True)]
    return gather_tracks(
        track_id, frame, np.concatenate(boxes), np.concatenate(small),
        np.concatenate([np.tile(room_of(s.room), (len(s.frames), 1)) for s in seen]), SIZE,
        links={k: s.link for k, s in enumerate(seen) if s.link},
        looks={
            k: identity_of(s.who, seed=k) + np.float32(s.aside / 128**0.5)
            for k, s in enumerate(seen) if s.who is not None
        },
    )  # fmt: skip
