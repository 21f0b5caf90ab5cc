"""What is kept of who was seen: for its owner alone, read back as it was."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.settings import Settings
from poise.storage.results.format import IDENTITY_FILE, StoredResult, write_result
from poise.types import RecordingAnalysis
from tests.drawn_people import Drawn, record


@pytest.fixture(scope="module")
def analysis(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> RecordingAnalysis:
    folder = tmp_path_factory.mktemp("identity")
    pair = [Drawn(at=(130, 250), scale=1.0), Drawn(who="B", at=(350, 250), scale=0.7, smiles=True)]
    path = record(folder / "two.mp4", 3, lambda t: pair)
    settings = Settings(model=str(model_dir), device="cpu", frames_per_class=0, sound=False)
    context = AnalysisContext.start(settings)
    try:
        return analyse_recording(path, context, folder)
    finally:
        context.close()


def test_embeddings_and_faces_are_for_their_owner_alone(
    tmp_path: Path, analysis: RecordingAnalysis
) -> None:
    before = os.umask(0o000)
    try:
        write_result(analysis, tmp_path)
    finally:
        os.umask(before)
    kept = [tmp_path / IDENTITY_FILE, *tmp_path.glob("face-*.jpg")]
    assert len(kept) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


def test_they_are_read_back_as_they_were(tmp_path: Path, analysis: RecordingAnalysis) -> None:
    write_result(analysis, tmp_path)
    found, written = StoredResult.read(tmp_path).read_identity(), analysis.identity
    assert found is not None and written is not None
    assert (found.doubt, found.by_portrait) == (written.doubt, written.by_portrait)
    np.testing.assert_array_equal(found.embedding, written.embedding)
    np.testing.assert_array_equal(found.others, written.others)
    assert found.embedding.shape == found.others.shape == (1, 128)


def test_a_result_without_any_is_read(tmp_path: Path, analysis: RecordingAnalysis) -> None:
    write_result(replace(analysis, identity=None), tmp_path)
    assert StoredResult.read(tmp_path).read_identity() is None
