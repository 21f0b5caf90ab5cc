"""The identity network: its shapes, its weights, and that it tells people apart."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from poise.errors import ModelError
from poise.faces.detection.detector import FaceDetector
from poise.faces.identity import CHIP_PX, FaceEmbedder, IdentityNetwork, face_chip
from poise.types import Image
from tests.conftest import SampleFaces
from tests.drawn_people import Drawn, frame


@pytest.fixture(scope="module")
def embedder() -> FaceEmbedder:
    return FaceEmbedder()


def _chip(image: Image, detector: FaceDetector) -> Image:
    faces = detector.detect(image[None])
    assert len(faces)
    return face_chip(image, faces.landmarks_px[0])


def test_the_network_is_the_one_described() -> None:
    network = IdentityNetwork().eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 150, 150)).shape == (2, 128)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network.modules()) == 29
    assert sum(p.numel() for p in network.head.parameters()) == 256 * 128


def test_embeddings_of_any_number_of_chips(embedder: FaceEmbedder) -> None:
    chips = np.random.default_rng(0).integers(0, 255, (19, CHIP_PX, CHIP_PX, 3), np.uint8)
    found = embedder.embed(chips)
    assert found.shape == (19, 128) and found.dtype == np.float32
    assert embedder.embed(chips[:0]).shape == (0, 128)
    np.testing.assert_allclose(embedder.embed(chips[17:]), found[17:], atol=0.02)


def test_one_face_in_two_sizes_is_close_and_another_is_far(
    embedder: FaceEmbedder, detector: FaceDetector
) -> None:
    own = [_chip(frame([Drawn(scale=s)], t), detector) for s, t in ((1.3, 0.3), (0.6, 0.9))]
    other = _chip(frame([Drawn(who="B", smiles=True)], 0.3), detector)
    first, second, third = embedder.embed(np.stack([*own, other]))
    assert np.linalg.norm(first - second) < 0.4 < 0.5 < np.linalg.norm(first - third)


def test_expressions_of_the_sample_stay_within_a_person(
    embedder: FaceEmbedder, sample_faces: SampleFaces
) -> None:
    chips = [
        face_chip(image, points)
        for image, points in zip(sample_faces.images, sample_faces.faces.landmarks_px, strict=True)
    ]
    found = embedder.embed(np.stack(chips))
    assert np.linalg.norm(found - found.mean(axis=0), axis=1).max() < 0.5


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="identity network"):
        FaceEmbedder(path=damaged)
    with pytest.raises(ModelError, match="no-identity"):
        FaceEmbedder(path=tmp_path / "absent.safetensors")


def test_people_of_one_origin_in_one_light_are_told_apart(
    shared: Path, embedder: FaceEmbedder, detector: FaceDetector
) -> None:
    chips, people = [], []
    with zipfile.ZipFile(shared / "data" / "session_faces.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
        for row in rows[::12]:
            with archive.open(f"images/{row['image']}") as file:
                image = np.asarray(Pillow.open(file).convert("RGB"))
            chips.append(_chip(image, detector))
            people.append(row["person"])
    found = embedder.embed(np.stack(chips))
    apart = np.linalg.norm(found[:, None] - found[None], axis=2)
    first, second = np.triu_indices(len(found), 1)
    same = np.array(people)[first] == np.array(people)[second]
    values = apart[first, second]
    limit = 0.46
    assert (values[same] > limit).mean() < 0.1
    assert (values[~same] <= limit).mean() < 0.1
