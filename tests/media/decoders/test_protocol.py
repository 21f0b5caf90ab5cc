"""What every decoding backend offers, both of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.errors import VideoError
from poise.media.decoders import open_decoder
from poise.media.decoders.protocol import AS_IT_IS, View
from tests.media.kit import BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_keeps_its_promises(even: Path, backend: str) -> None:
    decoder = open_decoder(even, backend)
    assert (decoder.info.width_px, decoder.info.height_px) == (64, 48)
    batches = list(decoder.sample(5.0, None))
    times_s = [float(t) for batch in batches for t in batch.pts_s]
    assert times_s[0] == 0.0 and times_s == sorted(times_s) and len(times_s) == 10
    assert (decoder.loss, decoder.remarks, decoder.span_frames) == ("", (), 50)
    assert decoder.wanted_canvas_px == (64, 48)
    assert [image.shape for image in decoder.fetch([0.0, 1.0])] == [(48, 64, 3)] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_view_turns(even: Path, backend: str) -> None:
    decoder = open_decoder(even, backend, View(turn_deg=90))
    assert (decoder.info.width_px, decoder.info.height_px) == (48, 64)


def test_a_view_fits_frames_into_a_canvas_or_is_refused(even: Path) -> None:
    view = View(canvas_px=(100, 100))
    batch = next(iter(open_decoder(even, "pyav", view).sample(5.0, None)))
    assert batch.images.shape[1:] == (100, 100, 3)
    with pytest.raises(VideoError, match="cannot read it faithfully"):
        open_decoder(even, "decord", view)
    assert View(stream=None, turn_deg=0, canvas_px=None) == AS_IT_IS
