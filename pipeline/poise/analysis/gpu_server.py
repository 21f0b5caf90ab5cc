"""One process owns a device and serves the workers: their faces share its batches.

On a GPU, a model in every worker would waste memory, and small batches from each would leave the
device idle. The owner takes what all workers have asked for meanwhile, of whatever recordings, and
computes it at once. A worker waits for its answer, so no more than one request of each lies there.
An owner that dies is started again, and what was asked of it is asked again.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import cv2
import numpy as np
import torch

from poise.errors import ModelError, PoiseError
from poise.expression.classifier import Classifier, ExpressionClassifier
from poise.expression.model_spec import ModelSpec
from poise.faces.boxes import squared
from poise.faces.detector import MIN_FACE_PX, FaceDetector, refined
from poise.labels import HEAT_MAPS
from poise.settings import Settings
from poise.system.child_process import start_python
from poise.types import FaceDetections, FloatArray, Image, IntArray, Predictions

_MAX_REQUESTS = 16  # whose faces or frames share a batch
_PATIENCE_S, _PAUSE_S = 120.0, 0.2  # of a worker whose owner is starting, also after it died
_SERVE = "from poise.analysis.gpu_server import main; main()"


@dataclass(frozen=True)
class Address:
    """Where an owner listens, and the key that opens it."""

    path: str
    key: bytes


class GpuServerProcess:
    """The owner of one device, started again whenever it dies.

    Args:
        settings: Of the run.
        device: Which device.
    """

    def __init__(self, settings: Settings, device: str) -> None:
        self._settings = replace(settings, device=device)
        self._folder = tempfile.TemporaryDirectory(prefix="poise-")  # for this user alone
        self.address = Address(str(Path(self._folder.name, "owner")), secrets.token_bytes(32))
        self._ending = False
        self._process: subprocess.Popen[bytes] | None = None
        self._start()
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._ending = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> GpuServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        Path(self.address.path).unlink(missing_ok=True)
        self._process = start_python(_SERVE, stdin=subprocess.PIPE)
        assert self._process.stdin is not None
        settings = self._settings
        lines = [self.address.path, self.address.key.hex(), settings.model, settings.device]
        said = "\n".join([*lines, str(settings.batch_size)]) + "\n"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(said.encode())
            self._process.stdin.close()

    def _keep_alive(self) -> None:
        while not self._ending:
            assert self._process is not None
            self._process.wait()
            if not self._ending:
                time.sleep(_PAUSE_S)
                self._start()


class RemoteNetworks:
    """The networks of an owner, as a worker sees them: both `Classifier` and `follow.Detector`.

    Args:
        address: Of the owner.

    Raises:
        ModelError: If it does not answer.
    """

    spec: ModelSpec

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection[Any, Any] | None = None
        self.spec = self._ask("describe")

    def predict(self, crops: Image, *, mirrored: bool = True) -> Predictions:
        """See `ExpressionClassifier.predict`."""
        return self._ask("predict", crops, mirrored)  # type: ignore[no-any-return]

    def explain(self, crops: Image, label: str, method: str = HEAT_MAPS[0]) -> FloatArray:
        """See `ExpressionClassifier.explain`."""
        return self._ask("explain", crops, label, method)  # type: ignore[no-any-return]

    def detect(self, images: Image, *, min_face_px: float = MIN_FACE_PX) -> FaceDetections:
        """See `FaceDetector.detect`."""
        return self._ask("detect", images, min_face_px)  # type: ignore[no-any-return]

    def refine(self, images: Image, boxes_xyxy_px: FloatArray, row: IntArray) -> FaceDetections:
        """See `FaceDetector.refine`; only the windows go to the owner, not the frames."""
        return refined(images, squared(boxes_xyxy_px), row, lambda w: self._ask("judge", w))

    def _ask(self, method: str, *arguments: Any) -> Any:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if self._connection is None:
                    self._connection = Client(self._address.path, authkey=self._address.key)
                self._connection.send((method, *arguments))
                answer = self._connection.recv()
            except (OSError, EOFError) as error:  # it has died, or does not listen yet
                self._connection = None
                if time.monotonic() > until:
                    raise ModelError(
                        "the process that owns the device does not answer",
                        remedy="Try again with --owner never, or with --device cpu.",
                    ) from error
                time.sleep(_PAUSE_S)
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer


@dataclass(frozen=True)
class _Request:
    connection: Connection[Any, Any]
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
        self._requests: SimpleQueue[_Request] = SimpleQueue()
        self.batches: list[int] = []  # requests answered together, for tests

    def serve(self, listener: Listener) -> None:
        """Answer whoever connects, for ever."""
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        while True:
            self.answer(self._waiting())

    def answer(self, requests: Sequence[_Request]) -> None:
        """Answer requests, those of one kind together."""
        kinds: dict[tuple[Any, ...], list[_Request]] = {}
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
                with contextlib.suppress(OSError):  # its worker has died
                    request.connection.send(answer)

    def _compute(self, same: Sequence[_Request]) -> Sequence[Any]:
        method = same[0].method
        if method == "describe":
            return [self.classifier.spec] * len(same)
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

    def _waiting(self) -> list[_Request]:
        """All requests that wait, at least one."""
        requests = [self._requests.get()]
        while len(requests) < _MAX_REQUESTS:
            try:
                requests.append(self._requests.get_nowait())
            except Empty:
                break
        return requests

    def _accept(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError):  # somebody without the key, or who left at once
                continue
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: Connection[Any, Any]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                method, *arguments = connection.recv()
                self._requests.put(_Request(connection, method, tuple(arguments)))


def _of_frames(faces: FaceDetections, start: int, end: int) -> FaceDetections:
    own = faces.take((faces.row >= start) & (faces.row < end))
    return replace(own, row=own.row - start)


def main() -> None:
    """Own a device; what and where is read from stdin, a line each."""
    path, key, model, device, batch_size = sys.stdin.read().splitlines()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    classifier = ExpressionClassifier(
        Path(model) if model else None, device=device, batch_size=int(batch_size)
    )
    detector = FaceDetector(device=str(classifier.device))
    with Listener(path, family="AF_UNIX", authkey=bytes.fromhex(key)) as listener:
        GpuServer(classifier, detector).serve(listener)
