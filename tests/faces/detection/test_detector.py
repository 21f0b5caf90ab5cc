"""Face detection: against the stock cascade of the same weights, and where there is no face."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from poise.faces.detection.detector import FaceDetector
from poise.faces.detection.mtcnn import PNet
from poise.types import FaceDetections, Image
from tests.clips import frames_at
from tests.conftest import SAMPLES, SampleFaces


def _iou(a: npt.NDArray, b: npt.NDArray) -> float:
    extent = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    both = float(np.prod(extent))
    return both / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


@pytest.fixture(scope="module")
def frames() -> Image:
    """One and two people, near and small, and nobody."""
    alone = frames_at(SAMPLES / "Sample A" / "interview 1.mp4", (1.0, 5.0, 10.0, 14.0))
    two = frames_at(SAMPLES / "Sample A" / "interview 2 two people.mp4", (5.0, 8.0))
    return np.concatenate([alone, two[:, :, 214:]])


@pytest.fixture(scope="module")
def stock(frames: Image) -> list[tuple[npt.NDArray, npt.NDArray]]:
    """Boxes and landmarks of confident faces by facenet-pytorch's own cascade, frame by frame."""
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True, device="cpu")
    found = []
    for image in frames:
        boxes, confidence, points = mtcnn.detect(image, landmarks=True)
        if boxes is None:
            found.append((np.zeros((0, 4)), np.zeros((0, 5, 2))))
            continue
        sure = np.asarray(confidence, float) > 0.95
        found.append((np.array(list(boxes), float)[sure], np.array(list(points), float)[sure]))
    return found


@pytest.fixture(scope="module")
def ours(frames: Image, detector: FaceDetector) -> FaceDetections:
    """What our cascade finds in the same frames."""
    return detector.detect(frames)


def test_the_stock_cascade_finds_the_people(
    stock: list[tuple[npt.NDArray, npt.NDArray]],
) -> None:
    assert [len(boxes) for boxes, _ in stock] == [1, 1, 1, 0, 2, 2]


def test_the_same_faces_are_found_as_by_the_stock_cascade(
    stock: list[tuple[npt.NDArray, npt.NDArray]], ours: FaceDetections
) -> None:
    for row, (boxes, _) in enumerate(stock):
        mine = ours.boxes_xyxy_px[ours.row == row]
        for box in boxes:
            assert max(_iou(box, other) for other in mine) > 0.85


def test_no_others_are_found_with_confidence(
    stock: list[tuple[npt.NDArray, npt.NDArray]], ours: FaceDetections
) -> None:
    sure = ours.row[ours.detection_confidence > 0.95]
    assert np.bincount(sure, minlength=6).tolist() == [len(boxes) for boxes, _ in stock]


def test_landmarks_agree_with_the_stock_cascade(
    stock: list[tuple[npt.NDArray, npt.NDArray]], ours: FaceDetections
) -> None:
    for row, (boxes, points) in enumerate(stock):
        rows = np.flatnonzero(ours.row == row)
        for box, five in zip(boxes, points, strict=True):
            k = max(rows, key=lambda r: _iou(box, ours.boxes_xyxy_px[r]))
            distance = np.linalg.norm(ours.landmarks_px[k] - five, axis=1)
            assert distance.max() < 0.06 * (box[3] - box[1])


def test_landmarks_are_where_their_names_say(ours: FaceDetections) -> None:
    left, right, nose, mouth_left, mouth_right = ours.landmarks_px.transpose(1, 0, 2)
    assert (left[:, 0] < right[:, 0]).all()
    assert (mouth_left[:, 0] < mouth_right[:, 0]).all()
    assert (np.maximum(left[:, 1], right[:, 1]) < nose[:, 1]).all()
    assert (nose[:, 1] < np.minimum(mouth_left[:, 1], mouth_right[:, 1])).all()


def test_faces_come_frame_by_frame_the_most_confident_first(ours: FaceDetections) -> None:
    assert (np.diff(ours.row) >= 0).all()
    for row in set(ours.row.tolist()):
        confidence = ours.detection_confidence[ours.row == row].tolist()
        assert all(a >= b for a, b in pairwise(confidence))


def test_types_and_ranges(ours: FaceDetections) -> None:
    assert ours.boxes_xyxy_px.dtype == ours.landmarks_px.dtype == np.float32
    assert ours.row.dtype == np.int64
    assert (ours.boxes_xyxy_px[:, 2:] > ours.boxes_xyxy_px[:, :2]).all()
    assert ((ours.detection_confidence > 0.7) & (ours.detection_confidence <= 1)).all()


def test_a_batch_gives_what_frames_give_one_by_one(
    frames: Image, ours: FaceDetections, detector: FaceDetector
) -> None:
    for row in (1, 4):
        alone = detector.detect(frames[row : row + 1])
        same = ours.row == row
        assert len(alone) == same.sum()
        np.testing.assert_allclose(alone.boxes_xyxy_px, ours.boxes_xyxy_px[same], atol=0.1)
        np.testing.assert_allclose(alone.landmarks_px, ours.landmarks_px[same], atol=0.1)


def test_frames_are_not_changed(frames: Image, detector: FaceDetector) -> None:
    before = frames[:1].copy()
    detector.detect(frames[:1])
    np.testing.assert_array_equal(frames[:1], before)


@pytest.mark.parametrize("level", [0, 127, 255])
def test_no_face_in_a_plain_picture(detector: FaceDetector, level: int) -> None:
    found = detector.detect(np.full((2, 180, 240, 3), level, np.uint8))
    assert len(found) == 0
    assert found.boxes_xyxy_px.shape == (0, 4)
    assert found.landmarks_px.shape == (0, 5, 2)


def test_no_face_in_noise(detector: FaceDetector) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (2, 180, 240, 3), np.uint8)
    assert len(detector.detect(noise)) == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (12, 12), (19, 19), (20, 20)])
def test_tiny_pictures(detector: FaceDetector, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1, *size, 3), np.uint8)
    assert len(detector.detect(noise)) == 0


def test_a_face_cut_by_the_border_does_not_break(
    detector: FaceDetector, sample_faces: SampleFaces
) -> None:
    x1, y1, x2, y2 = sample_faces.faces.boxes_xyxy_px[1].astype(int)
    half = np.ascontiguousarray(sample_faces.images[1:2, y1 : y2 + 30, (x1 + x2) // 2 - 20 :])
    found = detector.detect(half)
    assert np.isfinite(found.boxes_xyxy_px).all()


@pytest.mark.parametrize("min_face_px", [20.0, 40.0, 80.0])
def test_the_smallest_face_looked_for_does_not_move_large_ones(
    sample_faces: SampleFaces, min_face_px: float
) -> None:
    found = FaceDetector().detect(sample_faces.images[:1], min_face_px=min_face_px)
    assert _iou(found.boxes_xyxy_px[0], sample_faces.faces.boxes_xyxy_px[0]) > 0.8


def test_refine_answers_for_every_box_in_order(
    detector: FaceDetector, sample_faces: SampleFaces
) -> None:
    faces = sample_faces.faces
    nowhere = np.array([[5, 5, 60, 60]], np.float32)
    boxes = np.concatenate([faces.boxes_xyxy_px[2:3], nowhere, faces.boxes_xyxy_px[:1]])
    row = np.array([2, 1, 0])
    found = detector.refine(sample_faces.images, boxes, row)
    assert found.row.tolist() == [2, 1, 0]
    assert found.detection_confidence[1] < 0.5 < found.detection_confidence[[0, 2]].min()
    side = faces.boxes_xyxy_px[0, 3] - faces.boxes_xyxy_px[0, 1]
    for k, same in ((0, 2), (2, 0)):
        distance = np.abs(found.landmarks_px[k] - faces.landmarks_px[same]).max()
        assert distance < 0.06 * side


def test_refine_of_nothing(detector: FaceDetector, sample_faces: SampleFaces) -> None:
    nothing = np.zeros((0, 4), np.float32)
    assert len(detector.refine(sample_faces.images, nothing, np.zeros(0, np.int64))) == 0


def test_scaled_detections_lie_in_the_larger_picture(ours: FaceDetections) -> None:
    twice = ours.scaled(2.0)
    np.testing.assert_allclose(twice.boxes_xyxy_px, 2 * ours.boxes_xyxy_px)
    np.testing.assert_allclose(twice.landmarks_px, 2 * ours.landmarks_px)
    np.testing.assert_array_equal(twice.row, ours.row)


def test_frames_that_do_not_fit_into_memory_are_looked_at_in_halves(
    detector: FaceDetector, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = detector.detect(sample_faces.images)
    forward = PNet.forward

    def small(network: PNet, images: torch.Tensor) -> Any:
        if len(images) > 1:
            raise torch.OutOfMemoryError
        return forward(network, images)

    monkeypatch.setattr(PNet, "forward", small)
    found = detector.detect(sample_faces.images)
    np.testing.assert_allclose(found.boxes_xyxy_px, expected.boxes_xyxy_px, atol=0.1)
    np.testing.assert_array_equal(found.row, expected.row)
