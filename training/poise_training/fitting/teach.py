"""Teachers: earlier models whose expectation of the votes is mixed into the training targets.

Ten votes are a small sample of what people say of a face. What a model that has seen all faces
expects them to say is another estimate of the same shares; the mean of both is nearer to it.

Source: Hinton et al., arXiv:1503.02531; a student of its teacher's own size: Furlanello et al.,
    Born-Again Neural Networks, arXiv:1805.04770.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from poise.errors import SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.system.atomic_files import write_arrays
from poise.types import FloatArray, IntArray
from poise_training.datasets.prepare import PreparedFaces
from poise_training.evaluation.calibrate import softmax
from poise_training.fitting.augment import centre

TEACHING_FILE = "teaching.npz"
_BATCH = 512


def taught(
    faces: PreparedFaces,
    emotions: tuple[str, ...],
    teachers: Sequence[Path],
    share: float,
    directory: Path,
    *,
    device: str = "auto",
    untaught: Sequence[str] = (),
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
        device: See `poise.expression.classifier.choose_device`.
        untaught: Titles of data sets whose targets stay what people said.
        progress: Is told what is being done, how many are done, and of how many.

    Raises:
        ModelError: If a teacher cannot be loaded.
        SettingsError: If a teacher knows other emotions or another alignment.
    """
    own = tuple(f"{title}: " for title in untaught)
    alone = np.array([source.startswith(own) for source in faces.source.tolist()], np.bool_)
    chosen = np.flatnonzero((faces.split == "train") & ~alone)
    kept = directory / TEACHING_FILE
    if kept.exists():
        with np.load(kept, allow_pickle=False) as file:
            expected: FloatArray = file["expected"]
    else:
        said = [_said(path, faces, chosen, emotions, device, progress) for path in teachers]
        expected = np.mean(said, axis=0, dtype=np.float32)
        write_arrays({"expected": expected}, kept)
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
