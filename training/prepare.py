"""From a data set to arrays: faces found, the template measured, every face on its canvas."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.align import align_face
from pipeline.detect import FaceDetector
from pipeline.pictures import landmarks_in_crops, landmarks_in_picture, landmarks_of_whole
from pipeline.types import FloatArray, Image
from training.data import LabelledFace

CANVAS_PER_FRAME = 4 / 3  # the canvas shows this much more than the aligned crop
PIXELS_PER_INPUT = 1.5  # and is this much finer than the network's input
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class PreparedFaces:
    """Faces ready for training.

    Args:
        canvas: uint8 [N, K, K] gray, the aligned crop in the middle of a margin.
        targets: Share of each class, float32 [N, C], rows sum to 1.
        split: `train`, `validation` or `test`, [N].
        source: Where each face came from, [N].
        aligned: Whether its landmarks were found, bool [N].
        template_px: float32 [5, 2] in pixels of the network's input.
        input_px: Side of the network's input.
    """

    canvas: Image
    targets: FloatArray
    split: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    aligned: npt.NDArray[np.bool_]
    template_px: FloatArray
    input_px: int

    @property
    def frame_px(self) -> float:
        """Side of the aligned crop within the canvas."""
        return self.input_px * PIXELS_PER_INPUT

    def save(self, path: Path) -> None:
        """Write to an `.npz` file, at once or not at all."""
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, **vars(self))
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> PreparedFaces:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        return cls(**{**values, "input_px": int(values["input_px"])})


def pixel_hash(image: Image) -> str:
    """SHA-256 of a picture's shape and pixels."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()


def find_landmarks(
    faces: list[LabelledFace],
    detector: FaceDetector,
    progress: Callable[[int], None] = lambda count: None,
) -> tuple[list[FloatArray | None], list[tuple[int, int]], list[str]]:
    """Landmarks, picture size (width, height) and pixel hash of each face."""
    landmarks: list[FloatArray | None] = []
    sizes: list[tuple[int, int]] = []
    hashes: list[str] = []
    for start in range(0, len(faces), _BATCH):
        part = faces[start : start + _BATCH]
        pictures = [face.load() for face in part]
        sizes += [picture.shape[1::-1] for picture in pictures]
        hashes += [pixel_hash(picture) for picture in pictures]
        cropped = [k for k, face in enumerate(part) if face.cropped]
        found: dict[int, FloatArray | None] = dict(
            zip(cropped, landmarks_in_crops([pictures[k] for k in cropped], detector), strict=True)
        )
        for k, face in enumerate(part):
            if not face.cropped:
                found[k] = landmarks_in_picture(pictures[k], detector)
        landmarks += [found[k] for k in range(len(part))]
        progress(min(start + _BATCH, len(faces)))
    return landmarks, sizes, hashes


def measure_template(
    landmarks: list[FloatArray | None], sizes: list[tuple[int, int]], input_px: int
) -> FloatArray:
    """Median place of each landmark in pictures that are cropped to the face.

    Returns:
        float32 [5, 2] in pixels of a picture of side `input_px`.
    """
    relative = [
        points / np.array(size, np.float32)
        for points, size in zip(landmarks, sizes, strict=True)
        if points is not None
    ]
    return np.asarray(np.median(np.stack(relative), axis=0) * input_px, np.float32)


def canvas_of(
    picture: Image, landmarks_px: FloatArray | None, template_px: FloatArray, input_px: int
) -> Image:
    """The face on its canvas, uint8 [K, K] gray."""
    if landmarks_px is None:
        landmarks_px = landmarks_of_whole(picture, template_px, input_px)
    side = round(input_px * PIXELS_PER_INPUT * CANVAS_PER_FRAME)
    margin = side * (1 - 1 / CANVAS_PER_FRAME) / 2
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return align_face(gray, landmarks_px, template_px * PIXELS_PER_INPUT + margin, side)
