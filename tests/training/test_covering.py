"""The detector of covered faces: what is drawn over faces, and that it can be learned."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from poise.faces.covering import SIDE_PX, CoveringNetwork
from poise.types import FloatArray, Image
from poise_training import covering
from poise_training.covering import crops_of, drawn
from poise_training.datasets.prepare import PreparedFaces
from tests.conftest import SampleFaces

INPUT_PX, CANVAS_PX, FRAME_PX = 48, 96, 72


@pytest.fixture(scope="module")
def prepared(sample_faces: SampleFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample faces as `poise-train` would leave them, some for training, some for the test."""
    count = 16
    crops = [cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in sample_faces.crops]
    margin = (CANVAS_PX - FRAME_PX) // 2
    canvases = [
        cv2.copyMakeBorder(
            cv2.resize(crop, (FRAME_PX, FRAME_PX)), margin, margin, margin, margin,
            cv2.BORDER_REPLICATE,
        )
        for crop in crops
    ]  # fmt: skip
    template = np.array([[15, 19], [33, 19], [24, 29], [17, 38], [32, 38]], np.float32)
    path = tmp_path_factory.mktemp("faces") / "faces.npz"
    PreparedFaces(
        canvas=np.stack([canvases[k % 4] for k in range(count)]).astype(np.uint8),
        targets=np.full((count, 2), 0.5, np.float32),
        majority=np.zeros(count, np.int64),
        split=np.array(["train", "test"] * (count // 2)),
        source=np.array([str(k) for k in range(count)]),
        aligned=np.ones(count, bool),
        eye_px=np.full(count, 40, np.float32),
        template_px=template,
        input_px=INPUT_PX,
    ).save(path)
    return path


def test_only_faces_of_the_split_are_read(prepared: Path) -> None:
    canvases, template = crops_of(prepared, "train")
    assert canvases.shape == (8, CANVAS_PX, CANVAS_PX)
    np.testing.assert_allclose(template[0], np.array([15, 19]) * 1.5 + 12)


def test_all_kinds_are_drawn_and_told(prepared: Path) -> None:
    canvases, template = crops_of(prepared, "train")
    rng = np.random.default_rng(0)
    made: list[tuple[Image, list[int]]] = [
        drawn(rng, canvases[k % 8], template) for k in range(400)
    ]
    assert {face.shape for face, _ in made} == {(SIDE_PX, SIDE_PX)}
    assert {face.dtype for face, _ in made} == {np.dtype(np.uint8)}
    eyes, mouth = np.array([truth for _, truth in made]).T
    assert not (eyes & mouth).any()
    assert 0.12 < eyes.mean() < 0.26 and 0.38 < mouth.mean() < 0.54


def test_the_same_seed_draws_the_same(prepared: Path) -> None:
    canvases, template = crops_of(prepared, "train")
    first, second = (
        [drawn(np.random.default_rng(seed), canvases[0], template) for seed in range(20)]
        for _ in range(2)
    )
    for (a, x), (b, y) in zip(first, second, strict=True):
        assert (a == b).all() and x == y


def test_the_script_writes_weights_that_load(
    prepared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "covering.safetensors"
    monkeypatch.setattr(sys, "argv", ["covering", str(prepared), "--out", str(out), "--most", "64"])
    covering.main()
    assert "above 0.9:" in capsys.readouterr().out
    weights: dict[str, FloatArray] = load_file(out)
    assert set(weights) == set(CoveringNetwork().state_dict())
