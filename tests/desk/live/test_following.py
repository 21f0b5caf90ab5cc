"""One face followed live: carried, looked for again, never mixed up with another."""

from __future__ import annotations

import numpy as np

from poise.desk.live.following import FaceFollower
from poise.faces.detection.detector import MIN_FACE_PX
from poise.types import FaceDetections, FloatArray, Image, IntArray

FRAME = np.zeros((360, 480, 3), np.uint8)


def faces_at(
    *centres: tuple[float, float], side: float = 100.0, sure: float = 0.99
) -> FaceDetections:
    """Faces about centres, the first the largest."""
    boxes, points = [], []
    for k, (x, y) in enumerate(centres):
        half = (side - 10 * k) / 2
        boxes.append([x - half, y - half, x + half, y + half])
        shape = np.array([[-0.2, -0.2], [0.2, -0.2], [0, 0], [-0.15, 0.25], [0.15, 0.25]])
        points.append(shape * 2 * half + [x, y])
    count = len(centres)
    return FaceDetections(
        boxes_xyxy_px=np.array(boxes, np.float32).reshape(-1, 4),
        landmarks_px=np.array(points, np.float32).reshape(-1, 5, 2),
        detection_confidence=np.full(count, sure, np.float32),
        row=np.zeros(count, np.int64),
    )


class Scene:
    """A detector that knows where the faces are; counts how often it is asked for all of them."""

    def __init__(self, *centres: tuple[float, float]) -> None:
        self.centres, self.looked, self.least_px = list(centres), 0, 0.0
        self.sure = 0.99

    def detect(self, images: Image, *, min_face_px: float = MIN_FACE_PX) -> FaceDetections:
        self.looked, self.least_px = self.looked + 1, min_face_px
        return faces_at(*self.centres)

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        middle = (boxes_xyxy_px[0, :2] + boxes_xyxy_px[0, 2:]) / 2
        apart = [float(np.hypot(*(middle - centre))) for centre in self.centres]
        if not apart or min(apart) > 60:
            return faces_at((float(middle[0]), float(middle[1])), sure=0.1)
        return faces_at(self.centres[int(np.argmin(apart))], sure=self.sure)


def test_a_face_that_moves_is_carried() -> None:
    scene = Scene((200, 180))
    follower = FaceFollower(scene)
    for k in range(15):
        scene.centres = [(200 + 8 * k, 180)]
        found = follower.follow(FRAME, 0.1 * k)
        middle = found.face.boxes_xyxy_px[0, [0, 2]].mean()
        assert abs(middle - (200 + 8 * k)) < 1 and found.others == 0
    assert scene.looked == 1


def test_it_is_looked_for_every_two_seconds_and_when_in_doubt() -> None:
    scene = Scene((200, 180))
    follower = FaceFollower(scene)
    for k in range(41):
        follower.follow(FRAME, 0.1 * k)
    assert scene.looked == 3
    assert scene.least_px > MIN_FACE_PX  # what is much smaller than the face is not looked for
    scene.sure = 0.5
    follower.follow(FRAME, 4.1)
    assert scene.looked == 4
    scene.sure = 0.99
    follower.follow(FRAME, 6.0)  # a long time later
    assert scene.looked == 5 and scene.least_px == MIN_FACE_PX
    follower.follow(np.zeros((480, 640, 3), np.uint8), 6.1)  # a picture of another size
    assert scene.looked == 6


def test_who_sits_there_is_kept_when_a_larger_face_comes() -> None:
    scene = Scene((120, 180))
    follower = FaceFollower(scene)
    follower.follow(FRAME, 0.0)
    scene.centres = [(380, 180), (120, 180)]  # the first is the larger one
    for k in range(1, 30):
        found = follower.follow(FRAME, 0.1 * k)
        assert abs(found.face.boxes_xyxy_px[0, [0, 2]].mean() - 120) < 1
    assert found.others == 1
    scene.centres = [(380, 180)]
    found = follower.follow(FRAME, 3.0)
    assert abs(found.face.boxes_xyxy_px[0, [0, 2]].mean() - 380) < 1


def test_nobody_is_there() -> None:
    scene = Scene()
    follower = FaceFollower(scene)
    for k in range(3):
        assert len(follower.follow(FRAME, 0.1 * k).face) == 0
    assert scene.looked == 3


class Mouth(Scene):
    """Somebody whose mouth opens, or who comes nearer; keeps the height of the box it is given."""

    def __init__(self) -> None:
        super().__init__((200, 180))
        self.open_px, self.side, self.asked_px = 0.0, 100.0, 0.0

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        self.asked_px = float(boxes_xyxy_px[0, 3] - boxes_xyxy_px[0, 1])
        found = faces_at(*self.centres, side=self.side)
        found.landmarks_px[0, 3:, 1] += self.open_px
        return found


def test_a_mouth_that_opens_does_not_make_the_box_grow() -> None:
    scene = Mouth()
    follower = FaceFollower(scene)
    for k in range(15):
        scene.open_px = 4.0 * k
        follower.follow(FRAME, 0.1 * k)
        assert k == 0 or abs(scene.asked_px - 100) < 1e-3
    assert scene.looked == 1


def test_a_face_that_is_much_nearer_is_looked_for_anew() -> None:
    scene = Mouth()
    follower = FaceFollower(scene)
    follower.follow(FRAME, 0.0)
    scene.side = 105.0
    follower.follow(FRAME, 0.1)
    assert scene.looked == 1
    scene.side = 130.0
    follower.follow(FRAME, 0.2)
    assert scene.looked == 2
