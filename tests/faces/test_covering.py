"""Covered faces: what is drawn over eyes or mouth is seen; what leaves them free is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.expression.classifier import ExpressionClassifier
from poise.faces.alignment import align_face
from poise.faces.covering import PARTS, covering
from poise.faces.detection.detector import FaceDetector
from poise.labels import QUALITY_FLAGS
from poise.settings import Settings
from poise.types import FloatArray, Image
from tests.clips import face_clip
from tests.conftest import SampleFaces

SURE = 0.9
Colour = tuple[int, int, int]
Draw = Callable[[Image, FloatArray], None]


def _unit(points: FloatArray) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def _by(x: float, y: float) -> FloatArray:
    return np.array([x, y], np.float32)


def _place(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _mask(colour: Colour) -> Draw:
    def draw(image: Image, points: FloatArray) -> None:
        unit, nose, mouth = _unit(points), points[2], points[3:].mean(axis=0)
        top, bottom = nose[1] - 0.15 * unit, mouth[1] + 0.55 * unit
        offsets = [(-0.9, top), (0, top - 0.1 * unit), (0.9, top), (0.7, bottom), (-0.7, bottom)]
        corners = np.array([(nose[0] + x * unit, y) for x, y in offsets])
        cv2.fillPoly(image, [np.rint(corners).astype(np.int32)], colour)

    return draw


def _hand(image: Image, points: FloatArray) -> None:
    """Four fingers across the mouth, of the colour of the cheek."""
    unit, mouth = _unit(points), points[3:].mean(axis=0)
    skin = image[_place(points[2] + _by(0.35 * unit, 0))[::-1]].astype(int)
    for k in range(4):
        centre = _place(mouth + _by(0.1 * unit, (k - 1.5) * 0.27 * unit))
        size = round(0.75 * unit), round(0.15 * unit)
        cv2.ellipse(image, centre, size, 8, 0, 360, tuple((skin * 0.95).tolist()), -1)
        cv2.ellipse(image, centre, size, 8, 0, 360, tuple((skin * 0.6).tolist()), 1)


def _microphone(image: Image, points: FloatArray) -> None:
    unit, mouth = _unit(points), points[3:].mean(axis=0)
    cv2.line(
        image, _place(mouth), _place(mouth + _by(0, 3 * unit)), (40, 40, 40), round(0.25 * unit)
    )
    cv2.circle(image, _place(mouth), round(0.5 * unit), (25, 25, 28), -1)


def _dark_glasses(image: Image, points: FloatArray) -> None:
    unit = _unit(points)
    for eye in points[:2]:
        size = round(0.42 * unit), round(0.3 * unit)
        cv2.ellipse(image, _place(eye), size, 0, 0, 360, (20, 20, 22), -1)
    cv2.line(image, _place(points[0]), _place(points[1]), (20, 20, 22), round(0.06 * unit))


def _clear_glasses(image: Image, points: FloatArray) -> None:
    unit = _unit(points)
    for eye in points[:2]:
        size = round(0.4 * unit), round(0.3 * unit)
        cv2.ellipse(image, _place(eye), size, 0, 0, 360, (30, 25, 20), 2)


def _hat(image: Image, points: FloatArray) -> None:
    unit, eyes = _unit(points), points[:2].mean(axis=0)
    low, high = eyes + _by(-1.5 * unit, -2.2 * unit), eyes + _by(1.5 * unit, -0.8 * unit)
    cv2.rectangle(image, _place(low), _place(high), (60, 40, 30), -1)


COVERS: dict[str, tuple[Draw, str]] = {
    "pale mask": (_mask((215, 230, 240)), "mouth"),
    "black mask": (_mask((25, 25, 25)), "mouth"),
    "hand": (_hand, "mouth"),
    "microphone": (_microphone, "mouth"),
    "dark glasses": (_dark_glasses, "eyes"),
}


def _covering(
    draw: Draw,
    faces: SampleFaces,
    number: int,
    detector: FaceDetector,
    spec_of: ExpressionClassifier,
) -> dict[str, float]:
    """How covered the parts of a sample face are, once something is drawn over it."""
    image = faces.images[number].copy()
    draw(image, faces.faces.landmarks_px[number])
    found = detector.refine(image[None], faces.faces.boxes_xyxy_px[number][None], np.zeros(1, int))
    spec = spec_of.spec
    crop = align_face(image, found.landmarks_px[0], spec.template_px, spec.input_px)
    return dict(zip(PARTS, covering(crop[None])[0].tolist(), strict=True))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", sorted(COVERS))
def test_what_covers_a_face_is_seen(
    name: str,
    number: int,
    sample_faces: SampleFaces,
    detector: FaceDetector,
    classifier: ExpressionClassifier,
) -> None:
    draw, part = COVERS[name]
    assert _covering(draw, sample_faces, number, detector, classifier)[part] > SURE


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("draw", [_clear_glasses, _hat], ids=["clear glasses", "hat"])
def test_what_leaves_eyes_and_mouth_free_is_no_cover(
    draw: Draw,
    number: int,
    sample_faces: SampleFaces,
    detector: FaceDetector,
    classifier: ExpressionClassifier,
) -> None:
    assert max(_covering(draw, sample_faces, number, detector, classifier).values()) < SURE


@pytest.mark.parametrize("covered", [True, False])
def test_a_recording_of_a_covered_face(
    tmp_path: Path, sample_faces: SampleFaces, model_dir: Path, covered: bool
) -> None:
    """Every frame is seen, flagged, and not classified; the same recording without is."""
    images = sample_faces.images.copy()
    if covered:
        for image, points in zip(images, sample_faces.faces.landmarks_px, strict=True):
            _mask((215, 230, 240))(image, points)
    path = face_clip(tmp_path / "clip.mp4", images, seconds=3)
    settings = Settings(model=str(model_dir), device="cpu", frames_per_class=0, sound=False)
    context = AnalysisContext.start(settings)
    try:
        frames = analyse_recording(path, context, tmp_path).frames
    finally:
        context.decoding.close()
    shown = len(frames.shown_frame)
    assert shown > 10
    flagged = frames.flags[:, QUALITY_FLAGS.index("covered")]
    assert flagged.sum() == (shown if covered else 0)
    assert len(frames.posterior) == (0 if covered else shown)
    assert frames.pose_deg is not None and np.abs(frames.pose_deg).max() < 30


def test_clear_faces_are_clear(sample_faces: SampleFaces) -> None:
    assert covering(sample_faces.crops).max() < 0.5


def test_light_and_contrast_cover_nothing(sample_faces: SampleFaces) -> None:
    for change in (0.3, 0.6):
        dim = (sample_faces.crops * change + 40).astype(np.uint8)
        assert covering(dim).max() < SURE


def test_crops_of_any_size(sample_faces: SampleFaces) -> None:
    large = np.stack([cv2.resize(crop, (96, 96)) for crop in sample_faces.crops])
    np.testing.assert_allclose(covering(large), covering(sample_faces.crops), atol=0.2)
    assert covering(sample_faces.crops[:0]).shape == (0, len(PARTS))


def test_a_plain_crop_gives_no_nan() -> None:
    assert np.isfinite(covering(np.full((1, 48, 48, 3), 120, np.uint8))).all()
