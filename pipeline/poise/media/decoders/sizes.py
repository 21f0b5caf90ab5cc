"""Sizes of frames: what is refused, what is reduced, how many go into a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poise.media.container_types import UnreadableError
from poise.types import FrameBatch, Image

MAX_PIXELS = 8192 * 4608  # of a frame: 8K, and a little more
_BATCH_FRAMES, _BATCH_BYTES = 16, 6_000_000


def check_size(width: int, height: int, path: Path) -> None:
    """Refuse frames that would take too much memory.

    Raises:
        UnreadableError: If they are too large.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableError(
            f"its frames are too large ({width} x {height} pixels)",
            remedy="Export it with smaller frames, such as 3840 x 2160.",
            path=path,
        )


def frames_per_batch(size: tuple[int, int]) -> int:
    """How many frames of that width and height go into one batch."""
    return max(1, min(_BATCH_FRAMES, _BATCH_BYTES // (size[0] * size[1] * 3)))


def reduced_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    """Width and height after reduction to a short side; even, never enlarged."""
    if short_side_px is None or min(width, height) <= short_side_px:
        return width, height
    factor = short_side_px / min(width, height)
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


class Collecting:
    """Collects sampled frames until there are enough of them for a batch.

    Args:
        size: Width and height of the pictures.
        scale: Their pixels per full-resolution pixel.
    """

    def __init__(self, size: tuple[int, int], scale: float) -> None:
        self._count, self._scale = frames_per_batch(size), scale
        self.times: list[float] = []
        self._images: list[Image] = []
        self._index: list[int] = []

    @property
    def is_full(self) -> bool:
        """Whether there are enough."""
        return len(self.times) == self._count

    def add(self, image: Image, index: int, time_s: float) -> None:
        """Take in a frame of that index and time."""
        self._images.append(image)
        self._index.append(index)
        self.times.append(time_s)

    def taken(self) -> FrameBatch:
        """What was collected; nothing stays."""
        batch = FrameBatch(
            images=np.stack(self._images),
            frame_index=np.array(self._index, np.int64),
            pts_s=np.array(self.times, np.float64),
            scale=self._scale,
        )
        self.times, self._images, self._index = [], [], []
        return batch
