"""Heat maps as they are shown: oval, regions, overlays."""

from __future__ import annotations

import numpy as np
import pytest

from poise.analysis.moments import face_region
from poise.expression.heatmap import (
    confirmed_region,
    energy_shares,
    face_oval,
    overlay,
    region_masks,
    within_face,
    without_regions,
)

TEMPLATE = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)


def test_eyes_and_mouth_lie_on_their_landmarks_and_apart() -> None:
    masks = region_masks(TEMPLATE, 48)
    for x, y in TEMPLATE[:2].astype(int):
        assert masks["eyes"][y, x]
    for x, y in TEMPLATE[3:].astype(int):
        assert masks["mouth"][y, x]
    assert not (masks["eyes"] & masks["mouth"]).any()
    assert 0.05 < masks["mouth"].mean() < 0.3
    assert 0.1 < masks["eyes"].mean() < 0.4


def test_energy_shares_sum_to_one() -> None:
    for seed in range(5):
        cam = np.random.default_rng(seed).random((48, 48), np.float32)
        shares = energy_shares(cam, TEMPLATE)
        assert set(shares) == {"eyes", "mouth", "other"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
        assert min(shares.values()) >= 0


def test_energy_lies_where_the_map_is_hot() -> None:
    cam = np.zeros((48, 48), np.float32)
    cam[36:40, 20:28] = 1
    assert energy_shares(cam, TEMPLATE)["mouth"] > 0.95
    assert energy_shares(np.roll(cam, -19, axis=0), TEMPLATE)["eyes"] > 0.95
    assert energy_shares(np.roll(cam, 22, axis=1), TEMPLATE)["other"] > 0.95


def test_a_map_of_zeros_has_no_energy_anywhere_in_particular() -> None:
    shares = energy_shares(np.zeros((48, 48), np.float32), TEMPLATE)
    assert shares == {"eyes": 0.0, "mouth": 0.0, "other": 1.0}


def test_the_oval_holds_brows_eyes_and_mouth_and_leaves_the_corners_out() -> None:
    oval = face_oval(TEMPLATE, 48)
    assert oval.shape == (48, 48)
    assert oval.min() >= 0 and oval.max() <= 1
    for mask in region_masks(TEMPLATE, 48).values():
        assert oval[mask].mean() > 0.9
    for y, x in ((0, 0), (0, 47), (47, 0), (47, 47)):
        assert oval[y, x] == 0
    border = np.concatenate([oval[0], oval[-1], oval[:, 0], oval[:, -1]])
    assert border.max() == 0  # nor does it break off where the crop ends
    steps = np.abs(np.diff(oval, axis=1))
    assert 0 < steps.max() < 0.5  # a soft edge


@pytest.mark.parametrize("size_px", [48, 96])
def test_nothing_below_a_quarter_of_the_peak_is_shown(size_px: int) -> None:
    y, x = np.mgrid[:size_px, :size_px] / size_px
    cam = np.exp(-((x - 0.5) ** 2 + (y - 0.6) ** 2) / 0.02).astype(np.float32)
    shown = within_face(cam, TEMPLATE * size_px / 48)
    assert shown.max() == pytest.approx(1, abs=1e-3)
    assert (shown[cam < 0.24] == 0).all()
    assert (shown[cam > 0.27] > 0).all()


def test_what_lies_beside_the_face_is_not_shown_and_sets_no_peak() -> None:
    cam = np.zeros((48, 48), np.float32)
    cam[0:3, 0:3] = 10
    assert (within_face(cam, TEMPLATE) == 0).all()
    cam[30, 24] = 1
    assert within_face(cam, TEMPLATE)[30, 24] == pytest.approx(1, abs=1e-6)


def test_without_a_region_all_else_stays() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    masks = region_masks(TEMPLATE, 48)
    for name, changed in without_regions(crop, TEMPLATE).items():
        assert (changed[~masks[name]] == crop[~masks[name]]).all()
        assert changed[masks[name]].std() < 0.3 * crop[masks[name]].std()


@pytest.mark.parametrize(
    ("mouth_energy", "without_eyes", "without_mouth", "said"),
    [
        (0.6, 0.88, 0.20, "mouth"),
        (0.2, 0.15, 0.85, "eyes"),
        (0.6, 0.10, 0.20, "both"),
        (0.6, 0.88, 0.75, ""),  # neither counts for much
        (0.6, 0.65, 0.50, ""),  # the mouth counts, but hardly more than the eyes
        (0.2, 0.88, 0.20, ""),  # the map points elsewhere
        (0.6, 0.99, 0.95, ""),
    ],
)
def test_a_region_is_named_where_map_and_deletion_agree(
    mouth_energy: float, without_eyes: float, without_mouth: float, said: str
) -> None:
    energy = {"eyes": 0.8 - mouth_energy, "mouth": mouth_energy, "other": 0.2}
    without = {"eyes": without_eyes, "mouth": without_mouth}
    assert confirmed_region(energy, 0.9, without) == said


def test_the_overlay_is_warm_where_the_map_is() -> None:
    image = np.full((96, 120, 3), 100, np.uint8)
    cam = np.zeros((48, 48), np.float32)
    cam[32:40, 16:24] = 1  # centre (20, 36)
    to_crop = np.array([[0.5, 0, -5], [0, 0.5, 0]])  # picture (50, 72) is crop (20, 36)
    laid = overlay(image, cam, to_crop)
    assert laid.shape == image.shape and laid.dtype == np.uint8
    changed = np.argwhere((laid != 100).any(axis=2))
    assert np.abs(changed.mean(axis=0) - (72, 50)).max() <= 1.5
    assert (laid[:20, 100:] == 100).all()


def test_the_overlay_of_a_map_of_zeros_is_the_picture_in_gray() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    laid = overlay(image, np.zeros((48, 48), np.float32), np.eye(2, 3))
    np.testing.assert_array_equal(laid[..., 0], laid[..., 2])


@pytest.mark.parametrize(
    "box", [(100, 80, 180, 190), (-40, -50, 60, 70), (280, 200, 360, 300), (10, 10, 14, 15)],
    ids=["inside", "upper left", "lower right", "tiny"],
)  # fmt: skip
def test_the_region_around_a_face_says_where_it_lies(box: tuple[int, ...]) -> None:
    y, x = np.mgrid[:240, :320]
    image = np.stack([x * 255 / 320, y * 255 / 240, x * 0], axis=2).astype(np.uint8)
    region, matrix = face_region(image, np.array(box, np.float32), side_px=100)
    assert max(region.shape[:2]) <= 100
    height, width = region.shape[:2]
    for u, v in ((0, 0), (width - 1, 0), (width // 2, height // 2), (width - 1, height - 1)):
        fx, fy = matrix @ [u, v, 1]
        assert region[v, u, 0] == pytest.approx(fx * 255 / 320, abs=2.5)
        assert region[v, u, 1] == pytest.approx(fy * 255 / 240, abs=2.5)


def test_the_region_of_a_face_wholly_outside_is_still_a_picture() -> None:
    image = np.zeros((50, 60, 3), np.uint8)
    region, _ = face_region(image, np.array([500, 500, 600, 600], np.float32))
    assert min(region.shape[:2]) >= 1
