"""Quality flags: a real face passes; what makes it hard to read is named."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from poise.expression.classifier import ExpressionClassifier
from poise.faces.alignment import align_face
from poise.faces.pose import MEAN_FACE, turned
from poise.faces.quality import (
    covered_throughout,
    fineness_of,
    quality_flags,
    sharpness_of,
    turned_away,
    visible_share,
)
from poise.labels import QUALITY_FLAGS
from poise.types import FaceDetections, Image
from tests.conftest import SampleFaces

FRAME = (640, 480)
CropOf = Callable[[Image], Image]


def _flags(faces: FaceDetections, crops: Image, frame: tuple[int, int] = FRAME) -> set[str]:
    """Flags of the first face."""
    row = quality_flags(faces.boxes_xyxy_px[:1], faces.landmarks_px[:1], crops[:1], frame)[0]
    return {name for name, set_ in zip(QUALITY_FLAGS, row, strict=True) if set_}


@pytest.fixture
def crop_of(classifier: ExpressionClassifier, sample_faces: SampleFaces) -> CropOf:
    """Aligned crop of the first sample face out of a changed frame, uint8 [1, S, S, 3]."""
    spec = classifier.spec

    def crop(image: Image) -> Image:
        points = sample_faces.faces.landmarks_px[0]
        return align_face(image, points, spec.template_px, spec.input_px)[None]

    return crop


def test_real_faces_have_no_flag(sample_faces: SampleFaces) -> None:
    faces = sample_faces.faces
    flags = quality_flags(faces.boxes_xyxy_px, faces.landmarks_px, sample_faces.crops, FRAME)
    assert not flags.any()
    assert flags.shape == (4, len(QUALITY_FLAGS))


@pytest.mark.parametrize("sigma_share", [0.05, 0.1])
def test_a_blurred_face(crop_of: CropOf, sample_faces: SampleFaces, sigma_share: float) -> None:
    box = sample_faces.faces.boxes_xyxy_px[0]
    sigma = sigma_share * float(box[3] - box[1])
    blurred = cv2.GaussianBlur(sample_faces.images[0], (0, 0), sigma)
    assert _flags(sample_faces.faces, crop_of(blurred)) == {"blurred"}


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
@pytest.mark.parametrize("share", [0.2, 0.3])
def test_a_shaken_face(
    crop_of: CropOf, sample_faces: SampleFaces, share: float, degrees: float
) -> None:
    """Edges along the motion stay sharp, and the face is blurred all the same."""
    box = sample_faces.faces.boxes_xyxy_px[0]
    shaken = _moved(sample_faces.images[0], share * float(box[2] - box[0]), degrees)
    assert "blurred" in _flags(sample_faces.faces, crop_of(shaken))


@pytest.mark.parametrize("degrees", [0, 90])
def test_a_face_that_hardly_moved_is_not_blurred(
    crop_of: CropOf, sample_faces: SampleFaces, degrees: float
) -> None:
    box = sample_faces.faces.boxes_xyxy_px[0]
    shaken = _moved(sample_faces.images[0], 0.04 * float(box[2] - box[0]), degrees)
    assert _flags(sample_faces.faces, crop_of(shaken)) == set()


def _moved(image: Image, length_px: float, degrees: float) -> Image:
    """The image as a camera sees it that moves along a line while the shutter is open."""
    half = int(length_px / 2) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for step in np.linspace(-length_px / 2, length_px / 2, 8 * half):
        x, y = step * np.cos(np.radians(degrees)), step * np.sin(np.radians(degrees))
        kernel[half + round(float(y)), half + round(float(x))] += 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


@pytest.mark.parametrize("part", ["mouth", "eyes"])
def test_a_covered_face(crop_of: CropOf, sample_faces: SampleFaces, part: str) -> None:
    points = sample_faces.faces.landmarks_px[0]
    image = sample_faces.images[0].copy()
    across = float(np.linalg.norm(points[1] - points[0]))
    chosen = points[3:] if part == "mouth" else points[:2]
    low, high = chosen.min(axis=0) - 0.35 * across, chosen.max(axis=0) + 0.35 * across
    cv2.rectangle(image, *(tuple(int(v) for v in p) for p in (low, high)), (30, 30, 30), -1)
    assert _flags(sample_faces.faces, crop_of(image)) == {"covered"}


def test_what_covers_a_face_does_not_flicker() -> None:
    def through(text: str, step_s: float = 0.2) -> str:
        covered = np.array([letter == "x" for letter in text], bool)
        found = covered_throughout(covered, np.arange(len(text)) * step_s)
        return "".join(".x"[int(value)] for value in found)

    assert through("xxxx.xxx..x.xxxx") == "x" * 16
    assert (
        through("xxxxx" + "." * 20 + "xxxxx") == "xxxxx" + "." * 20 + "xxxxx"
    )  # taken off, put on
    assert through("." * 10 + "xxxxxxxx") == "." * 10 + "xxxxxxxx"
    assert through("...x....x...") == "...x....x..."
    assert through("x.x", step_s=2.0) == "x.x" and through("") == ""


def test_a_dark_face(crop_of: CropOf, sample_faces: SampleFaces) -> None:
    dark = (sample_faces.images[0] * 0.12).astype(np.uint8)
    assert "dark" in _flags(sample_faces.faces, crop_of(dark))


def test_dim_light_is_no_darkness(crop_of: CropOf, sample_faces: SampleFaces) -> None:
    dim = (sample_faces.images[0] * 0.5).astype(np.uint8)
    assert _flags(sample_faces.faces, crop_of(dim)) == set()


def test_low_contrast_is_no_blur(crop_of: CropOf, sample_faces: SampleFaces) -> None:
    flat = (sample_faces.images[0] * 0.5 + 90).astype(np.uint8)
    assert _flags(sample_faces.faces, crop_of(flat)) == set()


def test_a_small_face(sample_faces: SampleFaces) -> None:
    small = sample_faces.faces.scaled(0.15)
    frame = (int(FRAME[0] * 0.15), int(FRAME[1] * 0.15))
    assert _flags(small, sample_faces.crops, frame) == {"too_small"}


def test_a_face_half_outside(sample_faces: SampleFaces) -> None:
    box = sample_faces.faces.boxes_xyxy_px[0]
    frame = (int((box[0] + box[2]) / 2), FRAME[1])
    assert _flags(sample_faces.faces, sample_faces.crops, frame) == {"cut_off"}


def test_a_face_at_the_border_is_not_cut_off(sample_faces: SampleFaces) -> None:
    box = sample_faces.faces.boxes_xyxy_px[0]
    assert _flags(sample_faces.faces, sample_faces.crops, (int(box[2]), int(box[3]))) == set()


def _turned(faces: FaceDetections, degrees: float) -> FaceDetections:
    """The face turned about the vertical axis: a nose before a plane of eyes and mouth."""
    points = faces.landmarks_px[:1].copy()
    middle = points[0, [0, 1, 3, 4], 0].mean()
    eyes = np.linalg.norm(points[0, 1] - points[0, 0])
    depth = np.array([0, 0, 0.6 * eyes, 0.1 * eyes, 0.1 * eyes])
    angle = np.radians(degrees)
    across = points[0, :, 0] - middle
    points[0, :, 0] = middle + across * np.cos(angle) + depth * np.sin(angle)
    return FaceDetections(
        boxes_xyxy_px=faces.boxes_xyxy_px[:1],
        landmarks_px=points,
        detection_confidence=faces.detection_confidence[:1],
        row=faces.row[:1],
    )


@pytest.mark.parametrize("degrees", [-60, 60, 75])
def test_a_face_turned_away(sample_faces: SampleFaces, degrees: float) -> None:
    flags = _flags(_turned(sample_faces.faces, degrees), sample_faces.crops)
    assert flags == {"turned_away"}


@pytest.mark.parametrize("degrees", [-20, 0, 20])
def test_a_face_turned_a_little(sample_faces: SampleFaces, degrees: float) -> None:
    assert _flags(_turned(sample_faces.faces, degrees), sample_faces.crops) == set()


def test_tilt_and_size_are_no_turn(sample_faces: SampleFaces) -> None:
    points = sample_faces.faces.landmarks_px[:1].astype(np.float64)
    angle = np.radians(30)
    tilt = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert not turned_away((3 * points @ tilt.T).astype(np.float32)).any()


@pytest.mark.parametrize(
    ("yaw", "pitch", "away"), [(28, 0, False), (-28, 10, False), (45, 0, True), (-45, 0, True),
                               (0, 25, False), (0, -25, False), (0, 55, True), (0, -55, True)],
)  # fmt: skip
def test_how_far_a_head_may_turn(yaw: float, pitch: float, away: bool) -> None:
    points = (MEAN_FACE @ turned(yaw, pitch, 0).T)[None, :, :2] * 60
    assert turned_away(points.astype(np.float32)).tolist() == [away]


def test_landmarks_that_coincide_are_not_turned() -> None:
    assert not turned_away(np.full((1, 5, 2), 3, np.float32)).any()


@pytest.mark.parametrize(
    ("box", "share"),
    [((0, 0, 10, 10), 1), ((-5, 0, 5, 10), 0.5), ((-5, -5, 5, 5), 0.25), ((90, 0, 110, 10), 0.5),
     ((200, 200, 210, 210), 0)],
)  # fmt: skip
def test_the_visible_share(box: tuple[int, int, int, int], share: float) -> None:
    seen = visible_share(np.array([box], np.float32), (100, 100))
    np.testing.assert_allclose(seen, [share])


def test_sharpness_falls_with_blur(sample_faces: SampleFaces) -> None:
    crop = sample_faces.crops[:1]
    sharpness = [
        float(sharpness_of(cv2.GaussianBlur(crop[0], (0, 0), sigma)[None])[0])
        for sigma in (0.3, 1.0, 2.0, 4.0)
    ]
    assert sharpness == sorted(sharpness, reverse=True)


def test_a_plain_crop_is_blurred_and_gives_no_nan() -> None:
    plain = np.full((1, 48, 48, 3), 120, np.uint8)
    assert sharpness_of(plain).tolist() == [0.0]
    assert fineness_of(plain).tolist() == [0.0]


def test_no_faces() -> None:
    nothing = quality_flags(
        np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32),
        np.zeros((0, 48, 48, 3), np.uint8), FRAME,
    )  # fmt: skip
    assert nothing.shape == (0, len(QUALITY_FLAGS))
