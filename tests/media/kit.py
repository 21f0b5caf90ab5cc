"""What the tests of decoders and of their process share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poise.media.decoders.server import SampleEnd
from poise.media.reader import DecodingProcess
from poise.types import FrameBatch, VideoInfo
from tests.clips import number_in

BACKENDS = ("pyav", "decord")
UNEVEN_MS = (0, 40, 80, 250, 290, 330, 800, 840, 1390, 1410, 1430, 1900, 1960, 2500)
EVEN_MS = range(0, 2000, 40)


def sampled(
    decoding: DecodingProcess,
    path: Path,
    backend: str = "auto",
    rate_hz: float = 5.0,
    short_side_px: int | None = None,
    **options: Any,
) -> tuple[VideoInfo, list[FrameBatch], str]:
    info, items = decoding.sample(
        path, backend=backend, rate_hz=rate_hz, short_side_px=short_side_px, **options
    )
    *batches, end = list(items)
    assert isinstance(end, SampleEnd)
    assert all(isinstance(batch, FrameBatch) for batch in batches)
    return info, batches, end.loss  # type: ignore[return-value]


def times_of(batches: list[FrameBatch]) -> list[float]:
    return [round(float(t), 6) for batch in batches for t in batch.pts_s]


def numbers_of(batches: list[FrameBatch]) -> list[int]:
    return [number_in(image) for batch in batches for image in batch.images]
