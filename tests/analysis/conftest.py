"""An analysis in this process, and what it is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.media.reader import DecodingProcess
from poise.settings import Settings
from poise.types import Image, RecordingAnalysis
from tests.analysis.kit import Analyse
from tests.conftest import SampleFaces


@pytest.fixture
def context(
    classifier: ExpressionClassifier, detector: FaceDetector, decoding: DecodingProcess
) -> AnalysisContext:
    settings = Settings(device="cpu", frames_per_class=0, sound=False)
    return AnalysisContext(settings, classifier, detector, decoding)


@pytest.fixture
def analyse(context: AnalysisContext, tmp_path: Path) -> Analyse:
    def one(path: Path) -> RecordingAnalysis:
        return analyse_recording(path, context, tmp_path)

    return one


@pytest.fixture(scope="module")
def images(sample_faces: SampleFaces) -> list[Image]:
    """Two seconds of a neutral face, two of a smile, ten pictures a second, 320 x 240."""
    neutral, smile = (np.ascontiguousarray(i[::2, ::2]) for i in sample_faces.images[:2])
    return [neutral] * 20 + [smile] * 20
