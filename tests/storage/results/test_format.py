"""A stored result: what is damaged, or made to do harm, is told from what is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poise.errors import DamagedResultError
from poise.storage.results.format import FRAMES_FILE, IDENTITY_FILE, RESULT_FILE, StoredResult
from tests.conftest import Analysed


@pytest.fixture
def stored(analysed: Analysed, tmp_path: Path) -> Path:
    """A copy of a real result with pictures."""
    result = next(o.result for o in analysed.result.outcomes if o.result and o.result.pictures)
    return Path(shutil.copytree(result.directory, tmp_path / "result"))


def _edit(stored: Path, **entries: Any) -> None:
    path = stored / RESULT_FILE
    plain = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**plain, **entries}), encoding="utf-8")


def test_what_is_whole_is_read_and_says_what_it_was_made_with(stored: Path) -> None:
    result = StoredResult.read(stored)
    assert result.pictures and result.statistics.sampled_frames
    assert {"poise", "torch", "python", "precision", "device"} <= set(result.origin)


@pytest.mark.parametrize("smoothing_s", [0.0, 0.4, 2.0])
def test_frames_are_smoothed_as_they_were_analysed(stored: Path, smoothing_s: float) -> None:
    _edit(stored, origin={"smoothing_s": str(smoothing_s), "sample_rate_hz": "5.0"})
    result = StoredResult.read(stored)
    pd.testing.assert_frame_equal(result.read_frames(), result.read_frames(smoothing_s, 0.2))
    assert result.read_frames(3.0)["smooth_p_neutral"].max() != pytest.approx(
        result.read_frames()["smooth_p_neutral"].max(), abs=1e-4
    )


@pytest.mark.parametrize("name", [RESULT_FILE, FRAMES_FILE, IDENTITY_FILE])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_what_is_cut_off_is_damaged(stored: Path, name: str, share: float) -> None:
    data = (stored / name).read_bytes()
    (stored / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DamagedResultError) as caught:
        StoredResult.read(stored)
    assert caught.value.code == "damaged_result"


def test_a_bit_that_has_turned_in_the_arrays_is_damage(stored: Path) -> None:
    data = bytearray((stored / FRAMES_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (stored / FRAMES_FILE).write_bytes(bytes(data))
    with pytest.raises(DamagedResultError):
        StoredResult.read(stored)


@pytest.mark.parametrize(
    "entries",
    [
        {"frames_shown": "7"}, {"loss": None}, {"episodes": [{}]}, {"statistics": {}},
        {"labels": {"name": "x"}}, {"origin": {"poise": 1}}, {"pictures": 3},
        {"origin": {"smoothing_s": "x"}}, {"origin": {"sample_rate_hz": "0"}},
    ],
)  # fmt: skip
def test_values_of_another_kind_are_damage(stored: Path, entries: dict[str, Any]) -> None:
    _edit(stored, **entries)
    with pytest.raises(DamagedResultError):
        StoredResult.read(stored)


@pytest.mark.parametrize(
    "name", ["../../secret.jpg", "/etc/hostname", "link.jpg", "result.json", "gone.jpg", "text.jpg"]
)
def test_a_picture_can_be_no_other_file(stored: Path, name: str) -> None:
    (stored.parent.parent / "secret.jpg").write_bytes(b"\xff\xd8")
    (stored / "link.jpg").symlink_to("/etc/hostname")
    (stored / "text.jpg").write_text("text", encoding="utf-8")
    pictures = json.loads((stored / RESULT_FILE).read_text(encoding="utf-8"))["pictures"]
    _edit(stored, pictures=[{**pictures[0], "image_file": name}])
    with pytest.raises(DamagedResultError):
        StoredResult.read(stored)


def test_rows_that_do_not_exist_are_damage(stored: Path) -> None:
    with np.load(stored / FRAMES_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["usable_frame"] = arrays["usable_frame"] + len(arrays["pts_s"])
    np.savez(stored / FRAMES_FILE, **arrays)
    with pytest.raises(DamagedResultError):
        StoredResult.read(stored)
