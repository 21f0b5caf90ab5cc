"""Teachers from other software: networks that learnt from other people's labels of faces.

What people call neutral depends on whom one asks and how. A network that learnt from other labels
orders faces in another way and is wrong about other faces; where the evidence of several is
multiplied, what they agree on is left. They are asked about each face as the student sees it,
varied as it is ("consistent teaching", Beyer et al., arXiv:2106.05237). Only the order of the
faces is taken from them: how frequent each class is stays what the targets say.

Sources: Hinton, Training Products of Experts by Minimizing Contrastive Divergence, Neural
    Computation 14(8), 2002; Hinton et al., arXiv:1503.02531.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from poise.errors import ModelError, SettingsError
from poise.labels import LabelScheme
from poise.types import FloatArray, Image
from poise_training.datasets.options import LEAST_TARGET, OutsideTeacher
from poise_training.fitting.face_api import FaceApi

_LEAST_POSTERIOR = 1e-5
_ROUNDS, _STRIDE = 60, 0.7

Network = Callable[[Image], FloatArray]
"""From gray faces uint8 [N, S, S] to posteriors float [N, E]."""


class OutsideTeachers:
    """Moves targets by what other software says of the faces.

    A target becomes proportional to itself, times the posterior of its class by each teacher to
    the power of the teacher's weight, times a constant of the class. Classes are those of valence
    and the emotions that have none.

    Args:
        teachers: Each with its network.
        labels: Of the C emotions of the targets.
        faces: Some training faces as they are, uint8 [N, S, S], and
        targets: theirs, float [N, C]: the constants keep the mean share of each class of these.
        least_target: What targets are raised to at least before they are multiplied, above 0. What
            they do not let go below it is left without order.

    Raises:
        SettingsError: If a teacher knows other emotions than the recipe says, or lacks a class.
    """

    def __init__(
        self,
        teachers: Sequence[tuple[OutsideTeacher, Network]],
        labels: LabelScheme,
        faces: Image,
        targets: FloatArray,
        least_target: float = LEAST_TARGET,
    ) -> None:
        self.least_target = least_target
        self.groups = labels.group_matrix
        self.asked = [
            (teacher, network, _membership(teacher, labels)) for teacher, network in teachers
        ]
        self.constants = np.zeros(self.groups.shape[1])
        wanted = (targets @ self.groups).mean(axis=0)
        logs = self._logs(faces, targets)
        for _ in range(_ROUNDS):
            shares = (_normalised(logs + self.constants @ self.groups.T) @ self.groups).mean(axis=0)
            self.constants += _STRIDE * np.log(np.maximum(wanted, 1e-6) / np.maximum(shares, 1e-6))

    def __call__(self, faces: Image, targets: FloatArray) -> FloatArray:
        """The targets of these faces after the teachers were asked.

        Args:
            faces: As the student sees them, uint8 [N, S, S].
            targets: float [N, C], rows sum to 1.

        Returns:
            float32 [N, C], rows sum to 1.
        """
        return _normalised(self._logs(faces, targets) + self.constants @ self.groups.T)

    def _logs(self, faces: Image, targets: FloatArray) -> npt.NDArray[np.float64]:
        logs = np.log(np.maximum(targets, self.least_target)).astype(np.float64)
        for teacher, network, membership in self.asked:
            said = network(faces)
            if said.shape[1] != len(membership):
                raise SettingsError(
                    f"the network gives {said.shape[1]} posteriors, the recipe names "
                    f"{len(membership)} emotions",
                    remedy="Name the emotions of the network in its order.",
                    path=teacher.path,
                )
            evidence = teacher.weight * np.log(np.maximum(said @ membership, _LEAST_POSTERIOR))
            logs = logs + evidence @ self.groups.T
        return logs


def outside_network(path: Path, lowest: float) -> Network:
    """The network of a teacher, by what its file is.

    Args:
        path: A `.tflite` file, or the manifest (`.json`) of face-api's expression network.
        lowest: See `tflite_network`; face-api's own network has a range of its own.

    Raises, in part: As `tflite_network` and `FaceApi`.
    """
    return FaceApi(path) if path.suffix == ".json" else tflite_network(path, lowest)


def tflite_network(path: Path, lowest: float) -> Network:
    """A TensorFlow Lite network that takes one picture, gray or gray in three channels.

    Args:
        path: The `.tflite` file.
        lowest: What black becomes in its input; white becomes 1.

    Raises:
        SettingsError: If `ai-edge-litert`, which runs it, is not installed.
        ModelError: If the file cannot be read.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise SettingsError(
            "other software's networks need ai-edge-litert, which is not installed",
            remedy="Install it: pip install ai-edge-litert",
        ) from error
    try:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"not a TensorFlow Lite network ({error})", path=path) from error
    entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, channels = (int(n) for n in entry["shape"])

    def posterior(face: Image) -> FloatArray:
        fitted = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)
        values = lowest + (1 - lowest) * fitted.astype(np.float32) / 255
        interpreter.set_tensor(entry["index"], np.repeat(values[None, :, :, None], channels, 3))
        interpreter.invoke()
        return np.array(interpreter.get_tensor(exit_["index"])[0], np.float32)

    return lambda faces: np.stack([posterior(face) for face in faces])


def _normalised(logs: npt.NDArray[np.float64]) -> FloatArray:
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _membership(teacher: OutsideTeacher, labels: LabelScheme) -> FloatArray:
    """Of the teacher's E emotions in the classes of the targets, float32 [E, 3 + A] of 0 and 1."""
    rows = dict(zip(labels.emotions, labels.group_matrix, strict=True))
    unknown = [emotion for emotion in teacher.emotions if emotion not in rows]
    if unknown:
        raise SettingsError(
            f"the scheme has no {', '.join(unknown)}",
            remedy=f"Name the emotions as the scheme does: {', '.join(labels.emotions)}.",
            path=teacher.path,
        )
    matrix = np.array([rows[emotion] for emotion in teacher.emotions], np.float32)
    if not matrix.any(axis=0).all():
        raise SettingsError(
            "the teacher knows no emotion of one of the classes",
            remedy="Use a teacher that tells all classes of the scheme apart.",
            path=teacher.path,
        )
    return matrix
