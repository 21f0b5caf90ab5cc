"""The networks of a GPU server, as a worker sees them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from poise.analysis.gpu.protocol import Address, Described
from poise.errors import ModelError
from poise.faces.boxes import squared
from poise.faces.detection.detector import MIN_FACE_PX, refined
from poise.settings import HEAT_MAPS
from poise.types import FaceDetections, FloatArray, Image, IntArray, Predictions

_PATIENCE_S, _PAUSE_S = 900.0, 0.2  # the supervisor replaces a dead or silent server long before


class RemoteNetworks:
    """The networks of a GPU server: both `Classifier` and `keyframes.Detector`.

    A server that is restarting is waited for, and asked again.

    Args:
        address: Of the server.

    Attributes:
        spec, device_name, precision: See `Described`.

    Raises:
        GpuServerGone: If it was given up.
        ModelError: If it does not answer, or the networks failed.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Any = None
        told: Described = self._ask("describe")
        self.spec, self.device_name, self.precision = told.spec, told.device_name, told.precision

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
        """See `FaceDetector.refine`; only the windows go to the server, not the frames."""
        return refined(images, squared(boxes_xyxy_px), row, lambda w: self._ask("judge", w))

    def close(self) -> None:
        """Close the connection; it is opened again when something is asked."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None

    def _ask(self, method: str, *arguments: Any) -> Any:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if self._connection is None:
                    self._connection = self._address.connect()
                self._connection.send((method, *arguments))
                answer = self._connection.recv()
            except (OSError, EOFError) as error:  # it has ended, or does not listen yet
                self.close()
                if time.monotonic() > until:
                    raise ModelError(
                        "the GPU server does not answer",
                        remedy="Try again with --gpu-server never, or with --device cpu.",
                    ) from error
                time.sleep(_PAUSE_S)
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
