"""Classification: posteriors, batches, memory and devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from poise.errors import ModelError
from poise.expression.calibration import posteriors
from poise.expression.classifier import ExpressionClassifier, normalise
from poise.types import Image, Predictions
from tests.conftest import SampleFaces


@pytest.fixture(scope="module")
def crops(sample_faces: SampleFaces) -> Image:
    """Nine crops, not all alike."""
    shifted = [np.roll(sample_faces.crops, k, axis=2) for k in range(3)]
    return np.concatenate(shifted)[:9]


@pytest.fixture(scope="module")
def predictions(classifier: ExpressionClassifier, crops: Image) -> Predictions:
    """Of these crops."""
    return classifier.predict(crops)


@pytest.fixture
def own(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ExpressionClassifier:
    """A classifier whose network only averages pixels; the test may change it."""
    classifier = ExpressionClassifier(model_dir, device="cpu", batch_size=8)
    classes = len(classifier.spec.labels.emotions)

    class Mean(torch.nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.mean(dim=(1, 2, 3))[:, None] * torch.arange(classes)

    monkeypatch.setattr(classifier, "network", Mean())
    monkeypatch.setattr(classifier, "dtype", torch.float32)
    return classifier


def test_posteriors_sum_to_one(predictions: Predictions) -> None:
    np.testing.assert_allclose(predictions.posterior.sum(axis=1), 1, atol=1e-5)
    assert (predictions.posterior >= 0).all()
    assert predictions.posterior.dtype == predictions.logits.dtype == np.float32


def test_posteriors_are_those_of_the_calibrated_logits(
    classifier: ExpressionClassifier, predictions: Predictions
) -> None:
    spec = classifier.spec
    expected = posteriors(
        predictions.logits, spec.labels, spec.temperature, spec.valence_calibrations
    )
    np.testing.assert_allclose(predictions.posterior, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


def test_the_size_of_the_batch_does_not_matter(
    classifier: ExpressionClassifier, crops: Image, predictions: Predictions, model_dir: Path
) -> None:
    small = ExpressionClassifier(model_dir, device="cpu", batch_size=2).predict(crops)
    tolerance = 0.03 if classifier.dtype is torch.bfloat16 else 1e-4
    np.testing.assert_allclose(small.posterior, predictions.posterior, atol=tolerance)


def test_a_face_and_its_mirror_image_are_the_same(
    classifier: ExpressionClassifier, crops: Image, predictions: Predictions
) -> None:
    mirrored = classifier.predict(np.ascontiguousarray(crops[:, :, ::-1]))
    tolerance = 0.03 if classifier.dtype is torch.bfloat16 else 1e-4
    np.testing.assert_allclose(mirrored.posterior, predictions.posterior, atol=tolerance)


def test_gray_and_colour_agree(classifier: ExpressionClassifier, crops: Image) -> None:
    gray = (crops @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    colour = np.repeat(gray[..., None], 3, axis=3)
    device = torch.device("cpu")
    a, b = (normalise(images, classifier.spec, device) for images in (gray, colour))
    torch.testing.assert_close(a, b)
    assert a.shape == (len(crops), 3, 48, 48)


def test_a_gray_model_sees_no_colour(classifier: ExpressionClassifier, crops: Image) -> None:
    if not classifier.spec.grayscale:
        pytest.skip("the shipped model sees colour")
    seen = normalise(crops, classifier.spec, torch.device("cpu"))
    spec = classifier.spec
    levels = seen * torch.tensor(spec.std)[:, None, None] + torch.tensor(spec.mean)[:, None, None]
    torch.testing.assert_close(levels[:, 0], levels[:, 2])
    gray = crops.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(levels[:, 1].numpy() * 255, gray, atol=0.51)


def test_no_crops(classifier: ExpressionClassifier) -> None:
    nothing = classifier.predict(np.zeros((0, 48, 48, 3), np.uint8))
    assert nothing.posterior.shape == (0, len(classifier.spec.labels.emotions))


def _limited(classifier: ExpressionClassifier, at_most: int, error: type[Exception]) -> list[int]:
    """Let the network run out of memory above a batch size; the sizes it was asked for."""
    asked: list[int] = []
    whole = classifier.network

    class Limited(torch.nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            asked.append(len(inputs))
            if len(inputs) > at_most:
                raise error("no memory left")
            result: Tensor = whole(inputs)
            return result

    classifier.network = Limited()  # type: ignore[assignment]
    return asked


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_out_of_memory_halves_the_batch_for_good(
    own: ExpressionClassifier, crops: Image, error: type[Exception]
) -> None:
    expected = own.predict(crops)
    asked = _limited(own, 3, error)
    np.testing.assert_allclose(own.predict(crops).logits, expected.logits, rtol=1e-5)
    assert own.batch_size == 2
    asked.clear()
    own.predict(crops)
    assert max(asked) == 2


def test_out_of_memory_for_a_single_face_is_an_error(
    own: ExpressionClassifier, crops: Image
) -> None:
    _limited(own, 0, torch.OutOfMemoryError)
    with pytest.raises(torch.OutOfMemoryError):
        own.predict(crops)
    assert own.batch_size == 1


def test_no_gradients_are_kept(own: ExpressionClassifier, crops: Image) -> None:
    seen = []
    handle = own.network.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    own.predict(crops)
    handle.remove()
    assert set(seen) == {False} and torch.is_grad_enabled()


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model here"):
        ExpressionClassifier(tmp_path / "none", device="cpu")


@pytest.mark.needs_cuda
def test_a_gpu_says_the_same_as_the_processor(
    model_dir: Path, crops: Image, predictions: Predictions
) -> None:
    on_gpu = ExpressionClassifier(model_dir, device="cuda").predict(crops)
    np.testing.assert_allclose(on_gpu.posterior, predictions.posterior, atol=0.05)
