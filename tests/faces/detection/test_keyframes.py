"""Following faces between key frames: what is carried, and when the full cascade looks again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from poise.faces.detection.detector import FaceDetector
from poise.faces.detection.keyframes import follow
from poise.types import FaceDetections, FloatArray, FrameBatch, Image, IntArray
from tests.clips import frames_at
from tests.conftest import SAMPLES

INTERVIEW = SAMPLES / "Sample A" / "interview 1.mp4"


class Scripted:
    """A detector of faces whose places are known; remembers what it was asked.

    Args:
        places: For each frame the left edges of its faces, 40 px large.
        unsure: Frames in which a carried face is not sure.
        doubtful: Frames of which the cascade is not certain.
    """

    def __init__(
        self,
        places: Sequence[Sequence[float]],
        unsure: Sequence[int] = (),
        doubtful: Sequence[int] = (),
    ) -> None:
        self.places, self.unsure, self.doubtful = places, unsure, doubtful
        self.cascade: list[int] = []
        self.least_px: dict[int, float] = {}  # face looked for in each frame
        self.refined: list[int] = []

    def detect(self, images: Image, *, min_face_px: float = 20.0) -> FaceDetections:
        numbers = [int(image[0, 0, 0]) for image in images]
        self.cascade += numbers
        self.least_px |= dict.fromkeys(numbers, min_face_px)
        rows = [k for k, number in enumerate(numbers) for _ in self.places[number]]
        left = [x for number in numbers for x in self.places[number]]
        return _faces(left, rows, [0.9 if numbers[k] in self.doubtful else 0.99 for k in rows])

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        numbers = [int(images[frame][0, 0, 0]) for frame in row]
        self.refined += numbers
        confidence = [0.5 if number in self.unsure else 0.95 for number in numbers]
        return _faces(boxes_xyxy_px[:, 0].tolist(), row.tolist(), confidence)


def _faces(
    left: Sequence[float], row: Sequence[int], confidence: Sequence[float]
) -> FaceDetections:
    x = np.array(left, np.float32)
    boxes = np.stack([x, np.full_like(x, 10), x + 40, np.full_like(x, 50)], axis=1)
    return FaceDetections(
        boxes_xyxy_px=boxes.reshape(-1, 4),
        landmarks_px=np.zeros((len(x), 5, 2), np.float32),
        detection_confidence=np.array(confidence, np.float32),
        row=np.array(row, np.int64),
    )


def _batches(count: int, size: int = 4, rate_hz: float = 5.0) -> Iterator[FrameBatch]:
    """Frames that hold their number."""
    for start in range(0, count, size):
        numbers = np.arange(start, min(start + size, count))
        images = np.zeros((len(numbers), 60, 200, 3), np.uint8) + numbers[:, None, None, None]
        yield FrameBatch(
            images=images.astype(np.uint8), frame_index=numbers * 6, pts_s=numbers / rate_hz
        )


def _followed(
    detector: Scripted, count: int, **options: float
) -> tuple[list[list[float]], list[float]]:
    """Left edges of the faces of each frame, and the times of the frames."""
    left: list[list[float]] = []
    times: list[float] = []
    for batch, faces in follow(_batches(count), detector, **{"period_s": 1.0, **options}):
        assert (np.diff(faces.row) >= 0).all()
        for k in range(len(batch)):
            left.append(faces.boxes_xyxy_px[faces.row == k, 0].tolist())
        times += batch.pts_s.tolist()
    return left, times


@pytest.mark.parametrize("count", [1, 2, 5, 6, 11, 23, 40])
def test_every_frame_comes_once_and_in_order(count: int) -> None:
    left, times = _followed(Scripted([[10.0]] * count), count)
    assert times == [k / 5 for k in range(count)]
    assert left == [[10.0]] * count


def test_the_cascade_looks_at_key_frames_alone_where_faces_move_smoothly() -> None:
    detector = Scripted([[10.0 + k] for k in range(23)])
    left, _ = _followed(detector, 23)
    assert sorted(detector.cascade) == [0, 5, 10, 15, 20, 22]
    assert np.allclose(left, [[10.0 + k] for k in range(23)], atol=1e-3)
    assert sorted(set(detector.refined)) == sorted(set(range(23)) - set(detector.cascade))
    assert len(detector.refined) == 2 * len(set(detector.refined))


def test_a_face_that_is_not_found_again_is_looked_for() -> None:
    detector = Scripted([[10.0]] * 11, unsure=(3, 7))
    _followed(detector, 11)
    assert sorted(detector.cascade) == [0, 3, 5, 7, 10]


def test_where_faces_change_is_narrowed_down() -> None:
    places: list[list[float]] = [[10.0]] * 8 + [[10.0, 120.0]] * 8
    detector = Scripted(places)
    left, _ = _followed(detector, 16)
    assert left == places
    assert sorted(detector.cascade) == [0, 5, 7, 8, 10, 15]


def test_between_key_frames_only_faces_like_theirs_are_looked_for() -> None:
    detector = Scripted([[50.0]] * 3 + [[]] * 13)
    _followed(detector, 16, min_face_px=10)
    assert detector.least_px == pytest.approx(
        {0: 10, 5: 10, 10: 10, 15: 10, 2: 10 / 0.709**2, 3: 10 / 0.709**2, 7: 10, 12: 10}
    )


def test_a_doubtful_face_is_not_looked_for_where_it_comes_and_goes() -> None:
    places = [[50.0, 120.0] if k == 5 else [50.0] for k in range(11)]
    detector = Scripted(places, doubtful=[5])
    left, _ = _followed(detector, 11)
    assert detector.cascade == [0, 5, 10]
    assert left == places


def test_a_doubtful_face_without_company_is_looked_for() -> None:
    places = [[50.0]] * 10 + [[]]
    detector = Scripted(places, doubtful=range(11))
    left, _ = _followed(detector, 11)
    assert left == places
    assert set(detector.least_px.values()) == {24}


def test_a_face_between_two_empty_key_frames_is_found() -> None:
    places: list[list[float]] = [[]] * 6 + [[30.0]] * 3 + [[]] * 7
    left, _ = _followed(Scripted(places), 16)
    assert left == places


def test_of_an_empty_period_the_middle_is_looked_at() -> None:
    detector = Scripted([[]] * 16)
    left, _ = _followed(detector, 16)
    assert left == [[]] * 16
    assert sorted(detector.cascade) == [0, 2, 5, 7, 10, 12, 15]


def test_two_faces_keep_apart() -> None:
    places = [[10.0 + k, 120.0 - k] for k in range(11)]
    left, _ = _followed(Scripted(places), 11)
    assert np.allclose([sorted(row) for row in left], places, atol=1e-3)


def test_a_period_of_nothing_is_the_cascade_on_every_frame() -> None:
    detector = Scripted([[10.0]] * 7)
    _followed(detector, 7, period_s=0.0)
    assert sorted(detector.cascade) == list(range(7))


def test_no_frames() -> None:
    assert list(follow(iter(()), Scripted([]), period_s=1.0)) == []


def test_real_faces_are_followed_as_the_cascade_sees_them(detector: FaceDetector) -> None:
    times = np.arange(0, 10, 0.2)
    images = frames_at(INTERVIEW, times.tolist())
    batch = FrameBatch(images=images, frame_index=np.arange(len(times)), pts_s=times)
    carried = [
        (batch.pts_s[row], box)
        for batch, faces in follow([batch], detector, period_s=2.0)
        for row, box in zip(faces.row, faces.boxes_xyxy_px, strict=True)
    ]
    every = detector.detect(images)
    sure = every.take(every.detection_confidence > 0.99)
    assert len(sure) == len(images)
    ious = [
        max(_iou(box, other) for pts_s, other in carried if pts_s == times[row])
        for row, box in zip(sure.row, sure.boxes_xyxy_px, strict=True)
    ]
    assert np.median(ious) > 0.9 and min(ious) > 0.75


def _iou(a: FloatArray, b: FloatArray) -> float:
    extent = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    both = float(np.prod(extent))
    return both / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def test_a_window_grows_until_its_key_frame_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poise.faces.detection.keyframes._WINDOW_FRAMES", 2)
    places = [[10.0 + k] for k in range(23)]
    left, times = _followed(Scripted(places), 23)
    assert times == [k / 5 for k in range(23)]
    assert np.allclose(left, places, atol=1e-3)
