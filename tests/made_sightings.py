"""Sightings made of what a test is about; all else is unremarkable."""

from __future__ import annotations

import numpy as np

from poise.analysis.sightings import Sightings
from poise.analysis.views import Look
from poise.faces.appearance import SIGNATURE, SURROUNDINGS, THUMBNAIL
from poise.labels import QUALITY_FLAGS
from poise.types import FloatArray, Image, IntArray

SIZE_PX, RATE_HZ = (460, 360), 5


def sightings(
    thumbnail: Image,
    boxes: FloatArray | None = None,
    *,
    frame: IntArray | None = None,
    signature: Image | None = None,
    surroundings: Image | None = None,
    chip: IntArray | None = None,
) -> Sightings:
    """Faces with these thumbnails, uint8 [M, P]: one in each frame, all in one place and without a
    chip, in frames that all look alike, unless told otherwise."""
    count = len(thumbnail)
    if frame is None:
        frame = np.arange(count)
    frames = int(frame.max(initial=-1)) + 1
    if boxes is None:
        boxes = np.tile(np.array([150, 60, 310, 260], np.float32), (count, 1))
    if signature is None:
        signature = np.full((frames, SIGNATURE), 100, np.uint8)
    if surroundings is None:
        surroundings = np.full((count, SURROUNDINGS), 100, np.uint8)
    return Sightings(
        pts_s=np.arange(frames) / RATE_HZ,
        frame_index=np.arange(frames),
        frame=frame,
        boxes=boxes.astype(np.float32),
        landmarks=np.zeros((count, 5, 2), np.float32),
        confidence=np.ones(count, np.float32),
        signature=signature,
        thumbnail=thumbnail,
        surroundings=surroundings,
        chip=np.full(count, -1) if chip is None else chip,
        sharpness=np.ones(count, np.float32),
        brightness=np.full(count, 128, np.float32),
        flags=np.zeros((count, len(QUALITY_FLAGS)), bool),
        size_px=SIZE_PX,
        look=Look(short_side_px=SIZE_PX[1]),
        loss="",
        remarks=(),
        wanted_px=SIZE_PX,
        span_frames=frames,
    )


def looking_like(*who: int) -> Image:
    """Thumbnails of faces, uint8 [M, P]: the same number is the same person, who moves a little."""
    people = np.random.default_rng(0).integers(70, 160, (max(who, default=0) + 1, THUMBNAIL))
    stir = np.random.default_rng(1).normal(0, 4, (len(who), THUMBNAIL))
    return np.clip(people[list(who)] + stir, 0, 255).astype(np.uint8)
