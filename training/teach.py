"""Teachers: earlier models whose expectation of the votes is mixed into the training targets.

Ten votes are a small sample of what people say of a face. What a model that has seen all faces
expects them to say is another estimate of the same shares; the mean of both is nearer to it.

Source: Hinton et al., arXiv:1503.02531; a student of its teacher's own size: Furlanello et al.,
    Born-Again Neural Networks, arXiv:1805.04770.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.classify import ExpressionClassifier
from pipeline.errors import SettingsError
from pipeline.types import FloatArray, IntArray
from training.augment import centre
from training.calibrate import softmax
from training.prepare import PreparedFaces

TEACHING_FILE = "teaching.npy"
_BATCH = 512


def taught(
    faces: PreparedFaces,
    emotions: tuple[str, ...],
    teachers: Sequence[Path],
    share: float,
    directory: Path,
    *,
    device: str = "auto",
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> PreparedFaces:
    """The faces with their training targets moved towards what the teachers expect.

    Targets of validation and test stay what people said.

    Args:
        faces: N prepared faces.
        emotions: The C classes of their targets.
        teachers: Model artefacts for the same emotions, not measured at another temperature
            than 1: it is the vote shares that they were trained on that are asked for.
        share: Weight of the teachers' mean beside the votes, 0..1.
        directory: Keeps what the teachers said, so that a run that goes on need not ask again.
        device: See `pipeline.classify.choose_device`.
        progress: Is told what is being done, how many are done, and of how many.

    Raises:
        ModelError: If a teacher cannot be loaded.
        SettingsError: If a teacher knows other emotions or another alignment.
    """
    chosen = np.flatnonzero(faces.split == "train")
    kept = directory / TEACHING_FILE
    if kept.exists():
        expected: FloatArray = np.load(kept, allow_pickle=False)
    else:
        said = [_said(path, faces, chosen, emotions, device, progress) for path in teachers]
        expected = np.mean(said, axis=0, dtype=np.float32)
        directory.mkdir(parents=True, exist_ok=True)
        temporary = kept.with_suffix(".tmp.npy")
        np.save(temporary, expected)
        os.replace(temporary, kept)
    targets = faces.targets.copy()
    targets[chosen] = (1 - share) * targets[chosen] + share * expected
    return replace(faces, targets=targets)


def _said(
    teacher: Path,
    faces: PreparedFaces,
    chosen: IntArray,
    emotions: tuple[str, ...],
    device: str,
    progress: Callable[[str, int, int], None],
) -> FloatArray:
    """Posteriors at temperature 1, float32 [len(chosen), C]."""
    classifier = ExpressionClassifier(teacher, device=device)
    spec = classifier.spec
    if spec.labels.emotions != emotions or spec.input_px != faces.input_px:
        raise SettingsError(
            "the teacher has other emotions or another input size than the recipe",
            remedy="Give teachers that were trained under the recipe's scheme and input_px.",
            path=teacher,
        )
    parts = []
    for start in range(0, len(chosen), _BATCH):
        rows = chosen[start : start + _BATCH]
        crops = np.stack([centre(faces.canvas[k], faces.input_px, faces.frame_px) for k in rows])
        parts.append(softmax(classifier.predict(crops).logits))
        progress(f"Asking {spec.name}", start + len(rows), len(chosen))
    return np.concatenate(parts).astype(np.float32)
