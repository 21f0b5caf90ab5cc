"""Crops and chips that wait on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poise.analysis.crop_file import CropFile, chips_beside
from poise.faces.identity import CHIP_PX
from poise.types import Image


def _pictures(count: int, side: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (count, side, side, 3), np.uint8)


def test_crops_and_chips_are_read_by_row(tmp_path: Path) -> None:
    crops, chips = _pictures(5, 48), _pictures(3, CHIP_PX)
    with CropFile(tmp_path, 48) as file:
        file.append(crops[:2])
        file.append(crops[2:])
        file.append_chips(chips)
        np.testing.assert_array_equal(file.read([4, 0]), crops[[4, 0]])
        np.testing.assert_array_equal(file.read_chips([2]), chips[2:])
        assert file.chip_count == 3
        file.keep(3, chips=1)
        assert file.chip_count == 1
        file.append(crops[4:])
        np.testing.assert_array_equal(file.read([3]), crops[4:])
    assert list(tmp_path.iterdir()) == []


def test_a_named_file_is_kept_with_its_chips_and_added_to_another(tmp_path: Path) -> None:
    crops, chips = _pictures(2, 48), _pictures(2, CHIP_PX)
    with CropFile(tmp_path, 48, name="part.u8") as part:
        part.append(crops)
        part.append_chips(chips)
    assert chips_beside(tmp_path / "part.u8").is_file()
    with CropFile(tmp_path, 48) as whole:
        whole.append(crops[:1])
        whole.append_file(tmp_path / "part.u8")
        np.testing.assert_array_equal(whole.read([1, 2]), crops)
        np.testing.assert_array_equal(whole.read_chips([0, 1]), chips)
