"""The context: what a worker keeps from one recording to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from poise.analysis.gpu_server import Address, RemoteNetworks
from poise.expression.classifier import Classifier, ExpressionClassifier
from poise.expression.model_spec import ModelSpec
from poise.faces.detector import FaceDetector
from poise.faces.keyframes import Detector
from poise.media.reader import DecodingProcess
from poise.settings import Settings
from poise.system.timing import StageTiming


@dataclass(frozen=True)
class AnalysisContext:
    """Networks, decoding process, settings, and where the time goes."""

    settings: Settings
    classifier: Classifier
    detector: Detector
    decoding: DecodingProcess
    timing: StageTiming = field(default_factory=StageTiming)

    @property
    def spec(self) -> ModelSpec:
        """Of the expression model."""
        return self.classifier.spec

    @classmethod
    def start(cls, settings: Settings, owner: Address | None = None) -> AnalysisContext:
        """Load the networks, or ask the process that owns the device.

        Raises:
            ModelError, SettingsError: If the model or the device cannot be used.
        """
        decoding = DecodingProcess(stall_timeout_s=settings.stall_timeout_s)
        if owner:
            networks = RemoteNetworks(owner)
            return cls(settings, classifier=networks, detector=networks, decoding=decoding)
        classifier = ExpressionClassifier(
            Path(settings.model) if settings.model else None,
            device=settings.device,
            batch_size=settings.batch_size,
        )
        detector = FaceDetector(device=str(classifier.device))
        return cls(settings, classifier=classifier, detector=detector, decoding=decoding)
