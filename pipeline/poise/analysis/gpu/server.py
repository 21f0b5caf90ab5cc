"""The GPU server: one process holds a device's networks and computes what all workers ask.

A model in every worker would waste the GPU's memory, and small batches from each would leave it
idle. The server takes what all workers have asked meanwhile, of whatever recordings, and computes
it at once. A worker waits for its answer, so at most one request of each is queued. It is started
and watched by `poise.analysis.gpu.supervisor`; `poise.analysis.gpu.client` is its other end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.analysis.gpu.protocol import BEAT, Assignment, CannotStart, Described
from poise.errors import ModelError, PoiseError
from poise.expression.model_spec import SHIPPED_MODEL, read_spec
from poise.system.child_process import channel_to_parent
from poise.system.platform import prefer_as_victim
from poise.types import FaceDetections, Predictions

if TYPE_CHECKING:
    from poise.expression.classifier import Classifier
    from poise.faces.detection.detector import FaceDetector

BEAT_S = 2.0
_MAX_REQUESTS = 16  # whose faces or frames share a batch
_BACKLOG = 64
_OOM_SCORE = 200


@dataclass(frozen=True)
class Request:
    """What a worker asks: a method of the networks and its arguments."""

    connection: Any
    method: str
    arguments: tuple[Any, ...]

    @property
    def kind(self) -> tuple[Any, ...]:
        """Requests of one kind can be computed together."""
        if self.method == "describe":
            return (self.method,)
        images, *options = self.arguments
        return self.method, images.shape[1:], *options


class GpuServer:
    """Answers requests in batches.

    Args:
        classifier: On the device.
        detector: On the device.
    """

    def __init__(self, classifier: Classifier, detector: FaceDetector) -> None:
        self.classifier, self.detector = classifier, detector
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self.batches: list[int] = []  # requests answered together, for tests

    def serve(self, listener: Listener, beat: Callable[[], None]) -> None:
        """Answer whoever connects, for ever.

        Args:
            listener: Where they connect.
            beat: Called between batches, and every few seconds while nothing is asked.
        """
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        while True:
            self.answer(self._waiting())
            beat()

    def answer(self, requests: Sequence[Request]) -> None:
        """Answer requests, those of one kind together."""
        kinds: dict[tuple[Any, ...], list[Request]] = {}
        for request in requests:
            kinds.setdefault(request.kind, []).append(request)
        for same in kinds.values():
            self.batches.append(len(same))
            try:
                answers: Sequence[Any] = self._compute(same)
            except PoiseError as error:
                answers = [error] * len(same)
            except Exception as error:
                failure = ModelError(f"the networks failed ({type(error).__name__}: {error})")
                answers = [failure] * len(same)
            for request, answer in zip(same, answers, strict=True):
                with contextlib.suppress(OSError):  # its worker has ended
                    request.connection.send(answer)

    def _compute(self, same: Sequence[Request]) -> Sequence[Any]:
        method = same[0].method
        if method == "describe":
            own = self.classifier
            told = Described(spec=own.spec, device_name=own.device_name, precision=own.precision)
            return [told] * len(same)
        counts = [len(request.arguments[0]) for request in same]
        ends = np.cumsum(counts)
        images = np.concatenate([request.arguments[0] for request in same])
        if method == "explain":
            _, label, way = same[0].arguments
            return np.split(self.classifier.explain(images, label, way), ends[:-1])
        if method == "predict":
            said = self.classifier.predict(images, mirrored=same[0].arguments[1])
            parts = zip(
                np.split(said.logits, ends[:-1]), np.split(said.posterior, ends[:-1]), strict=True
            )
            return [Predictions(logits=logits, posterior=posterior) for logits, posterior in parts]
        if method == "judge":
            columns = [np.split(column, ends[:-1]) for column in self.detector.judge(images)]
            return list(zip(*columns, strict=True))
        faces = self.detector.detect(images, min_face_px=same[0].arguments[1])
        return [
            _of_frames(faces, end - count, end) for count, end in zip(counts, ends, strict=True)
        ]

    def _waiting(self) -> list[Request]:
        """All requests that wait; none after a few seconds without any."""
        requests: list[Request] = []
        with contextlib.suppress(Empty):
            requests.append(self._requests.get(timeout=BEAT_S))
            while len(requests) < _MAX_REQUESTS:
                requests.append(self._requests.get_nowait())
        return requests

    def _accept(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError):  # somebody without the key, or who left at once
                continue
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: Any) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                method, *arguments = connection.recv()
                self._requests.put(Request(connection, method, tuple(arguments)))


def _of_frames(faces: FaceDetections, start: int, end: int) -> FaceDetections:
    own = faces.take((faces.row >= start) & (faces.row < end))
    return replace(own, row=own.row - start)


def main() -> None:
    """Serve one device as the supervisor says; it hears of it when that is impossible."""
    prefer_as_victim(_OOM_SCORE)
    supervisor = channel_to_parent()
    order: Assignment = supervisor.recv()
    try:
        server = _loaded(order)
        listener = Listener(order.address.path, backlog=_BACKLOG, authkey=order.address.key)
    except Exception as error:
        cause = error.cause if isinstance(error, PoiseError) else f"{type(error).__name__}: {error}"
        supervisor.send(CannotStart(cause))
        return
    with listener:
        supervisor.send(BEAT)
        server.serve(listener, lambda: supervisor.send(BEAT))


def _loaded(order: Assignment) -> GpuServer:
    model = Path(order.model or SHIPPED_MODEL)
    read_spec(model)  # what is wrong is said before torch loads

    import cv2
    import torch

    from poise.expression.classifier import ExpressionClassifier
    from poise.faces.detection.detector import FaceDetector

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    classifier = ExpressionClassifier(model, device=order.device, batch_size=order.batch_size)
    return GpuServer(classifier, FaceDetector(device=str(classifier.device)))
