"""Recordings of drawn people: the portrait of the samples, and somebody else made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from poise.types import Image
from sample_videos.portrait import Look, Pose, Puppet
from tests.clips import TICKS, write_clip
from tests.once import drawn_once

SIZE = (480, 360)
RATE_HZ = 5
# After so long people move as before, as to draw takes as long as to look. It is longer than a
# face is compared with itself to tell whether it is a picture.
LOOP_S = 4.0


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One person in a frame.

    Args:
        who: A or B.
        at: Where the head turns, about a chin below the face.
        scale: Frame pixels per portrait pixel; the face is about 90 portrait pixels high.
        smiles: Whether it smiles.
        still: Whether it is a picture that never moves.
    """

    who: str = "A"
    at: tuple[float, float] = (240, 250)
    scale: float = 1.2
    smiles: bool = False
    still: bool = False


@cache
def _puppet(who: str) -> Puppet:
    return drawn_once(f"puppet {who}", lambda: Puppet(other_person=who == "B"))


def frame(people: Sequence[Drawn], time_s: float, wall: int = 200) -> Image:
    """A picture of people in front of a wall, uint8 [H, W, 3], read-only."""
    return _frame(tuple(people), round(time_s % LOOP_S, 3), wall)


@lru_cache(maxsize=200)
def _frame(people: tuple[Drawn, ...], time_s: float, wall: int) -> Image:
    def drawn() -> Image:
        picture = np.full((SIZE[1], SIZE[0], 3), wall, np.uint8)
        picture[:, ::40] //= 2
        for person in people:
            picture = _draw(picture, person, 0.0 if person.still else time_s)
        return picture

    picture = drawn_once(repr((people, time_s, wall)), drawn)
    picture.setflags(write=False)
    return picture


def record(
    path: Path, seconds: float, people_at: Callable[[float], Sequence[Drawn]], *,
    wall_at: Callable[[float], int] = lambda t: 200,
) -> Path:  # fmt: skip
    """Write a recording of what is there at each time."""
    times = np.arange(0, seconds, 1 / RATE_HZ)
    frames = (frame(people_at(float(t)), float(t), wall_at(float(t))) for t in times)
    return write_clip(path, frames, [round(t * TICKS) for t in times])


def _draw(picture: Image, person: Drawn, time_s: float) -> Image:
    def swing(amount: float, times: int) -> float:
        return amount * float(np.sin(2 * np.pi * time_s * times / LOOP_S))

    pose = Pose(
        centre_px=(person.at[0] + swing(4, 1), person.at[1] + swing(-2, 2)),
        scale=person.scale * (1 + swing(0.015, 1)),
        tilt_deg=swing(-3.5, 1),
        yaw=swing(3, 2),
        nod=swing(2, 1),
    )
    blink = 1.0 if time_s and time_s % 2.0 < 0.2 else 0.0
    picture = _puppet(person.who).draw(
        picture, pose, Look(valence=float(person.smiles), blink=blink)
    )
    return _bearded(picture, pose) if person.who == "B" else picture


def _bearded(picture: Image, pose: Pose) -> Image:
    """Glasses and a beard, painted over a face."""

    def place(x: float, y: float) -> tuple[int, int]:
        return (
            round(pose.centre_px[0] + (x - 222) * pose.scale),
            round(pose.centre_px[1] + (y - 196) * pose.scale),
        )

    scale, dark = pose.scale, (45, 38, 34)
    for eye in ((202, 101), (247, 103)):
        cv2.circle(picture, place(*eye), round(15 * scale), dark, max(1, round(3 * scale)))
    cv2.line(picture, place(216, 101), place(233, 102), dark, max(1, round(3 * scale)))
    beard = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(
        beard, place(224, 158), (round(34 * scale), round(28 * scale)), 0, -10, 190, 255, -1
    )
    cv2.ellipse(beard, place(224, 147), (round(21 * scale), round(10 * scale)), 0, 0, 360, 0, -1)
    share = cv2.GaussianBlur(beard, (0, 0), 1.5 * scale)[..., None] / 255 * 0.85
    return (picture * (1 - share) + np.array(dark) * share).astype(np.uint8)
