"""The GPU server and its client: shared batches, and everybody gets their own answer."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.analysis.gpu.client import RemoteNetworks
from poise.analysis.gpu.server import GpuServer, Request
from poise.analysis.gpu.supervisor import GpuServerProcess
from poise.errors import ModelError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.settings import HEAT_MAPS, Settings
from poise.types import FaceDetections, Image
from tests.conftest import SampleFaces


@pytest.fixture(scope="module")
def process(model_dir: Path) -> Iterator[GpuServerProcess]:
    with GpuServerProcess(Settings(model=str(model_dir)), "cpu") as server:
        yield server


@pytest.fixture(scope="module")
def remote(process: GpuServerProcess) -> RemoteNetworks:
    return RemoteNetworks(process.address)


def test_it_answers_as_the_networks_do(
    remote: RemoteNetworks,
    classifier: ExpressionClassifier,
    detector: FaceDetector,
    sample_faces: SampleFaces,
) -> None:
    crops, images = sample_faces.crops, sample_faces.images
    assert remote.spec.sha256 == classifier.spec.sha256
    assert remote.precision == classifier.precision and remote.device_name == "cpu"
    for mirrored in (True, False):
        np.testing.assert_allclose(
            remote.predict(crops, mirrored=mirrored).posterior,
            classifier.predict(crops, mirrored=mirrored).posterior,
            atol=1e-3,
        )
    for method in HEAT_MAPS:
        cams = classifier.explain(crops[:2], "positive", method)
        np.testing.assert_allclose(
            remote.explain(crops[:2], "positive", method), cams, atol=0.02 * cams.max()
        )
    found, expected = remote.detect(images), detector.detect(images)
    np.testing.assert_allclose(found.boxes_xyxy_px, expected.boxes_xyxy_px, atol=0.1)
    refined = remote.refine(images, expected.boxes_xyxy_px, expected.row)
    again = detector.refine(images, expected.boxes_xyxy_px, expected.row)
    np.testing.assert_allclose(refined.landmarks_px, again.landmarks_px, atol=0.1)


def test_a_failure_is_answered(remote: RemoteNetworks, sample_faces: SampleFaces) -> None:
    with pytest.raises(ModelError, match="the networks failed"):
        remote.predict(sample_faces.crops[..., :2])
    assert len(remote.predict(sample_faces.crops).posterior) == len(sample_faces.crops)


class Counting:
    """Networks that only say how many faces and frames they were given at once."""

    spec: Any = None

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []

    def explain(self, crops: Image, label: str, method: str) -> Any:
        self.given.append((f"explain {label} {method}", len(crops)))
        return crops[:, 0, 0].astype(np.float32)

    def judge(self, windows: Image) -> tuple[Any, Any]:
        self.given.append(("judge", len(windows)))
        return windows[:, 0, 0], -windows[:, 0, 0, 0].astype(int)

    def detect(self, images: Image, *, min_face_px: float) -> FaceDetections:
        self.given.append((f"detect {min_face_px:.0f}", len(images)))
        count = len(images)
        return FaceDetections(
            boxes_xyxy_px=np.repeat(images[:, 0, 0, :1].astype(np.float32), 4, axis=1),
            landmarks_px=np.zeros((count, 5, 2), np.float32),
            detection_confidence=np.ones(count, np.float32),
            row=np.arange(count),
        )


def _asked(method: str, *arguments: Any) -> tuple[Any, Request]:
    mine, theirs = Pipe()
    return mine, Request(theirs, method, arguments)


def _images(*values: int, size: int = 4) -> Image:
    return np.repeat(np.array(values, np.uint8), size * size * 3).reshape(-1, size, size, 3)


def test_requests_of_one_kind_share_a_batch_and_get_their_own_answers() -> None:
    networks = Counting()
    asked = [
        _asked("detect", _images(1, 2, 3), 20.0),
        _asked("explain", _images(9), "positive", "occlusion"),
        _asked("detect", _images(4), 20.0),
        _asked("detect", _images(5), 30.0),
        _asked("detect", _images(6, size=8), 20.0),
        _asked("judge", _images(7, 8)),
        _asked("judge", _images(9)),
        _asked("explain", _images(3, 4), "positive", "occlusion"),
        _asked("explain", _images(5), "negative", "occlusion"),
    ]
    server = GpuServer(networks, networks)  # type: ignore[arg-type]
    server.answer([request for _, request in asked])
    assert sorted(networks.given) == [
        ("detect 20", 1), ("detect 20", 4), ("detect 30", 1),
        ("explain negative occlusion", 1), ("explain positive occlusion", 3), ("judge", 3),
    ]  # fmt: skip
    answers = [mine.recv() for mine, _ in asked]
    assert answers[0].boxes_xyxy_px[:, 0].tolist() == [1, 2, 3]
    assert answers[0].row.tolist() == [0, 1, 2]
    assert answers[2].boxes_xyxy_px[:, 0].tolist() == [4] and answers[2].row.tolist() == [0]
    assert answers[3].boxes_xyxy_px[:, 0].tolist() == [5]
    assert answers[5][1].tolist() == [-7, -8]
    assert answers[6][0].tolist() == [[9, 9, 9]] and answers[6][1].tolist() == [-9]
    assert answers[7].tolist() == [[3, 3, 3], [4, 4, 4]] and answers[8].tolist() == [[5, 5, 5]]
    assert sorted(server.batches) == [1, 1, 1, 2, 2, 2]


def test_a_worker_that_has_died_costs_the_others_nothing() -> None:
    networks = Counting()
    gone, first = _asked("explain", _images(1), "positive", "occlusion")
    here, second = _asked("explain", _images(2), "positive", "occlusion")
    gone.close()
    GpuServer(networks, networks).answer([first, second])  # type: ignore[arg-type]
    assert here.recv()[0].tolist() == [2, 2, 2]


@pytest.mark.needs_cuda
def test_on_a_gpu(model_dir: Path, classifier: ExpressionClassifier, sample_faces: Any) -> None:
    with GpuServerProcess(Settings(model=str(model_dir)), "cuda:0") as owner:
        said = RemoteNetworks(owner.address).predict(sample_faces.crops).posterior
    np.testing.assert_allclose(said, classifier.predict(sample_faces.crops).posterior, atol=0.03)
