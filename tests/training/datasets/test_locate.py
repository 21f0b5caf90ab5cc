"""Where the face of a labelled picture lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poise.faces.boxes import iou
from poise.faces.detection.detector import FaceDetector
from poise.types import Image
from poise_training.datasets.labelled_faces import LabelledFace
from poise_training.datasets.locate import cut, locate, look_at, squared
from tests.conftest import SampleFaces


def _face(picture: Image, **given: Any) -> LabelledFace:
    return LabelledFace(source="one", load=lambda: picture, votes={"neutral": 1.0}, **given)


def test_an_annotated_box_says_which_face_is_meant(
    sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    image = sample_faces.images[0]
    picture = np.ascontiguousarray(np.hstack([image, image]))
    for shift in (0, image.shape[1]):
        expected = sample_faces.faces.landmarks_px[0] + [shift, 0]
        x1, y1, x2, y2 = (float(v) for v in sample_faces.faces.boxes_xyxy_px[0])
        box = (x1 + shift, y1 + 4, x2 + shift, y2)
        face = _face(picture, cropped=False, box_xyxy_px=box)
        (place,) = locate([face], [picture], detector)
        assert place is not None and place.landmarks_px is not None
        extent = x2 - x1
        assert np.abs(place.landmarks_px - expected).max() < 0.06 * extent
        assert iou(place.frame_xyxy_px, squared(box)) == pytest.approx(1)


def test_without_a_box_the_largest_face_is_framed_as_detected(
    sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    picture = sample_faces.images[0]
    (place,) = locate([_face(picture, cropped=False)], [picture], detector)
    assert place is not None and place.landmarks_px is not None
    assert np.abs(place.landmarks_px - sample_faces.faces.landmarks_px[0]).max() < 3
    detected = squared([float(v) for v in sample_faces.faces.boxes_xyxy_px[0]])
    assert iou(place.frame_xyxy_px, detected) > 0.7


def test_a_box_without_a_face_is_a_frame_alone_and_no_box_is_no_face(
    detector: FaceDetector,
) -> None:
    empty = np.full((80, 100, 3), 90, np.uint8)
    boxed = _face(empty, cropped=False, box_xyxy_px=(20, 10, 60, 70))
    (place,) = locate([boxed], [empty], detector)
    assert place is not None and place.landmarks_px is None
    assert place.frame_xyxy_px.tolist() == [10, 10, 70, 70]
    template = np.full((5, 2), 0.5, np.float32)
    assert place.landmarks_or(template).tolist() == [[40, 40]] * 5
    (seen,) = look_at([_face(empty, cropped=False)], detector)
    assert seen.reason == "no face found"


def test_cutting_repeats_the_edge() -> None:
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    region, corner = cut(picture, np.array([1, 1, 3, 3], np.float32), 0.5)
    assert (region == picture[0:4, 0:4]).all()
    assert corner.tolist() == [0, 0]
    region, corner = cut(picture, np.array([0, 0, 5, 4], np.float32), 0.2)
    assert region.shape == (6, 7, 3)
    assert (region[1:5, 1:6] == picture).all()
    assert (region[0, 0] == picture[0, 0]).all()
    assert (region[-1, -1] == picture[-1, -1]).all()
    assert corner.tolist() == [-1, -1]
    region, corner = cut(picture, np.array([-9, -9, -7, -7], np.float32), 0)
    assert (region == picture[0, 0]).all()
    region, _ = cut(picture, np.array([50, 60, 54, 64], np.float32), 0)
    assert (region == picture[-1, -1]).all()
