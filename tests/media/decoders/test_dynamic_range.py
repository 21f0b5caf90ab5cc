"""High dynamic range: what is white, gray and black to a camera is so on a usual screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.media.decoders import open_decoder
from poise.media.decoders.dynamic_range import HLG, PQ, WIDE, to_standard
from tests.clips import write_clip


# Signal levels of a white and of a gray card that reflects 18 % (ITU-R BT.2408, table 1).
@pytest.mark.parametrize(("curve", "white", "gray"), [(PQ, 0.58, 0.38), (HLG, 0.75, 0.38)])
def test_white_gray_and_black_are_where_a_screen_has_them(
    curve: int, white: float, gray: float
) -> None:
    levels = np.round(255 * np.array([0, gray, white, 1])).astype(np.uint8)
    image = np.repeat(levels, 3).reshape(1, 4, 3)
    black, card, paper, sun = to_standard(image, curve, WIDE)[0].astype(int)
    assert black.tolist() == [0, 0, 0]
    assert card == pytest.approx(255 * 0.18 ** (1 / 2.4), abs=18)
    assert (paper > 240).all() and (sun >= 254).all()
    assert np.ptp(card) <= 1 and np.ptp(paper) <= 1  # gray stays gray


def test_wide_colours_are_brought_to_narrower_ones() -> None:
    skin = np.array([[[130, 105, 95]]], np.uint8)
    wide, narrow = (to_standard(skin, HLG, primaries)[0, 0].astype(int) for primaries in (WIDE, 1))
    assert np.ptp(wide) > np.ptp(narrow) and wide.argmax() == 0


def test_a_large_picture_is_converted_in_strips_alike() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1000, 900, 3), np.uint8)
    whole = to_standard(image, HLG, WIDE)
    assert whole.shape == image.shape and whole.dtype == np.uint8
    np.testing.assert_array_equal(whole[500:501], to_standard(image[500:501], HLG, WIDE))


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_a_recording_of_high_dynamic_range_is_shown_as_a_screen_does_and_that_is_said(
    tmp_path: Path, curve: str
) -> None:
    level = 255 * (0.58 if curve == "smpte2084" else 0.75)
    white = np.full((64, 96, 3), round(level), np.uint8)
    tags = f"transfer={curve}:colorprim=bt2020:colormatrix=bt2020nc"
    options = {"crf": "1", "x264-params": tags}
    write_clip(tmp_path / "hdr.mp4", [white] * 5, range(0, 1000, 200), options=options)
    write_clip(tmp_path / "plain.mp4", [white] * 5, range(0, 1000, 200), options={"crf": "1"})
    shown = {}
    for name, codes in (("hdr", ["odd_colours"]), ("plain", [])):
        decoder = open_decoder(tmp_path / f"{name}.mp4", "pyav")
        shown[name] = np.concatenate([batch.images for batch in decoder.sample(5.0, None)]).mean()
        assert [remark.code for remark in decoder.remarks] == codes
    assert shown["hdr"] > 238
    assert shown["plain"] == pytest.approx(level, abs=3)  # a usual one is left as it is
