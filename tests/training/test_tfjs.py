from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import ModelError
from poise_training.tfjs import read_weights, stored_tensors

QUANTISED = np.array([[0, 128], [255, 3]], np.uint8)
PLAIN = np.array([1.5, -2.0], np.float32)
BINARY = QUANTISED.tobytes() + PLAIN.tobytes()


def manifest() -> list[dict[str, Any]]:
    weights = [
        {"name": "fc/weights", "shape": [2, 2], "quantization": {"scale": 0.5, "min": -3.0}},
        {"name": "fc/bias", "shape": [2]},
    ]
    return [{"weights": weights, "paths": ["a.bin", "b.bin"]}]


def test_quantised_numbers_have_a_scale_and_a_minimum() -> None:
    first, second = stored_tensors(BINARY, manifest())
    assert (first.name, second.name) == ("fc/weights", "fc/bias")
    assert first.values.dtype == np.uint8 and (first.values == QUANTISED).all()
    assert first.numbers.tolist() == [[-3.0, 61.0], [124.5, -1.5]]
    assert second.scale is None and second.numbers.tolist() == [1.5, -2.0]


def test_numbers_that_lie_in_several_files_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(BINARY[:5])
    (tmp_path / "b.bin").write_bytes(BINARY[5:])
    path = tmp_path / "weights_manifest.json"
    path.write_text(json.dumps(manifest()))
    weights = read_weights(path)
    assert weights["fc/weights"][0, 1] == 61.0 and weights["fc/bias"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("binary", [BINARY + b"\0", BINARY[:-1]])
def test_what_does_not_belong_together_is_refused(binary: bytes) -> None:
    with pytest.raises(ValueError, match=r"bytes|buffer"):
        list(stored_tensors(binary, manifest()))


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '[{"paths": ["absent.bin"]}]'])
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights_manifest.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"TensorFlow\.js") as raised:
        read_weights(path)
    assert raised.value.path == str(path)
