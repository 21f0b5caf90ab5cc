"""The portrait of a candidate, brought to the numbers that faces are compared by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from poise.analysis.context import AnalysisContext
from poise.analysis.people.portraits import portrait_embedding
from poise.errors import SettingsError
from poise.faces.identity import FaceEmbedder
from tests.conftest import SampleFaces


@pytest.fixture
def comparing(context: AnalysisContext) -> AnalysisContext:
    return replace(context, embedder=FaceEmbedder())


def test_of_any_size_it_is_the_same_person(
    comparing: AnalysisContext, sample_faces: SampleFaces, tmp_path: Path
) -> None:
    picture = Pillow.fromarray(sample_faces.images[0])
    x1, y1, x2, y2 = sample_faces.faces.boxes_xyxy_px[0].tolist()
    picture.save(tmp_path / "whole.png")
    picture.resize((1920, 1440)).save(tmp_path / "large.jpg")
    picture.crop((round(x1), round(y1), round(x2), round(y2))).save(tmp_path / "close.png")
    found = [
        portrait_embedding(tmp_path / name, comparing)
        for name in ("whole.png", "large.jpg", "close.png")
    ]
    for one in found:
        assert one is not None and one.shape == (128,) and one.dtype == np.float32
        assert np.linalg.norm(one - found[0]) < 0.4


def test_where_faces_are_not_compared_there_are_no_numbers(
    context: AnalysisContext, tmp_path: Path
) -> None:
    assert portrait_embedding(tmp_path / "missing.png", context) is None


def test_what_is_no_portrait_is_said(comparing: AnalysisContext, tmp_path: Path) -> None:
    Pillow.new("RGB", (300, 300), "gray").save(tmp_path / "nobody.png")
    with pytest.raises(SettingsError, match=r"no face is found in the portrait.*candidates\.csv"):
        portrait_embedding(tmp_path / "nobody.png", comparing)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(SettingsError, match="the portrait cannot be read"):
        portrait_embedding(tmp_path / "broken.jpg", comparing)
