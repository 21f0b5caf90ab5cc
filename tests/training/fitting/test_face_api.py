"""The network of face-api, computed in numpy as TensorFlow defines it, and as training asks it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from poise.errors import ModelError
from poise.types import FloatArray, Image
from poise_training.fitting.face_api import EMOTIONS, FaceApi

WIDTHS = (32, 64, 128, 256)


def random_weights() -> dict[str, FloatArray]:
    """Of the names and shapes in face-api's manifest."""
    rng = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for block, width in enumerate(WIDTHS):
        for layer in range(4):
            name = f"dense{block}/conv{layer}"
            if (block, layer) == (0, 0):
                shapes[f"{name}/filters"] = (3, 3, 3, width)
            else:
                shapes[f"{name}/depthwise_filter"] = (3, 3, inputs, 1)
                shapes[f"{name}/pointwise_filter"] = (1, 1, inputs, width)
            shapes[f"{name}/bias"] = (width,)
            inputs = width
    shapes |= {"fc/weights": (256, 7), "fc/bias": (7,)}
    seen = {n: 9 if n.endswith("depthwise_filter") else np.prod(s[:-1]) for n, s in shapes.items()}
    return {
        name: (rng.standard_normal(shape) * np.sqrt(0.7 / seen[name])).astype(np.float32)
        for name, shape in shapes.items()
    }


def stored(weights: dict[str, FloatArray], directory: Path) -> Path:
    """The weights as a package carries them; the path of their manifest."""
    named = [{"name": name, "shape": list(values.shape)} for name, values in weights.items()]
    (directory / "model.bin").write_bytes(b"".join(v.tobytes() for v in weights.values()))
    path = directory / "model-weights_manifest.json"
    path.write_text(json.dumps([{"weights": named, "paths": ["model.bin"]}]))
    return path


def windows(maps: FloatArray, stride: int) -> FloatArray:
    """What each place of a 3x3 convolution with padding "same" sees, float [H, W, 3, 3, C].

    TensorFlow pads by as much as the last window needs, half of it, rounded down, in front.
    """
    side = maps.shape[0]
    places = -(-side // stride)
    missing = max(0, (places - 1) * stride + 3 - side)
    around = (missing // 2, missing - missing // 2)
    padded = np.pad(maps, (around, around, (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.asarray(seen[::stride, ::stride].transpose(0, 1, 3, 4, 2))


def expected(weights: dict[str, FloatArray], face: Image) -> FloatArray:
    """Posteriors, after face-api's own source."""
    large = cv2.resize(face, (112, 112), interpolation=cv2.INTER_LINEAR).astype(np.float64)
    maps = (np.repeat(large[..., None], 3, 2) - [122.782, 117.001, 104.298]) / 255

    def convolved(name: str, maps: FloatArray, stride: int) -> FloatArray:
        seen = windows(maps, stride)
        if f"{name}/filters" in weights:
            result = np.einsum("hwijc,ijco->hwo", seen, weights[f"{name}/filters"])
        else:
            depth = np.einsum("hwijc,ijc->hwc", seen, weights[f"{name}/depthwise_filter"][..., 0])
            result = depth @ weights[f"{name}/pointwise_filter"][0, 0]
        return np.asarray(result + weights[f"{name}/bias"])

    for block in range(4):
        out = [np.maximum(convolved(f"dense{block}/conv0", maps, 2), 0)]
        for layer in (1, 2, 3):
            out.append(convolved(f"dense{block}/conv{layer}", np.maximum(sum(out), 0), 1))
        maps = np.maximum(sum(out), 0)
    logits = maps.mean(axis=(0, 1)) @ weights["fc/weights"] + weights["fc/bias"]
    odds = np.exp(logits - logits.max())
    return np.asarray(odds / odds.sum())


def test_it_computes_what_face_api_computes(tmp_path: Path) -> None:
    weights = random_weights()
    faces = np.random.default_rng(5).integers(0, 256, (18, 48, 48), np.uint8)
    faces[0, :20], faces[1, :, :20], faces[17, 30:] = 0, 255, 0
    said = FaceApi(stored(weights, tmp_path))(faces)
    assert said.shape == (18, len(EMOTIONS)) and said.dtype == np.float32
    for k in (0, 1, 17):  # the last lies in another batch than the first
        assert said[k] == pytest.approx(expected(weights, faces[k]), abs=1e-4)
    assert np.abs(said[0] - said[1]).max() > 0.01


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = random_weights()
    weights["fc/weights"] = weights["fc/weights"][:, :5].copy()
    weights["fc/bias"] = weights["fc/bias"][:5]
    with pytest.raises(ModelError, match="not the expression network") as raised:
        FaceApi(stored(weights, tmp_path))
    assert raised.value.remedy
