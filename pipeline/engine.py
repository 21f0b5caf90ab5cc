"""The engine: what a worker keeps from one recording to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.classify import Classifier, ExpressionClassifier
from pipeline.decode import DecodingProcess
from pipeline.detect import FaceDetector
from pipeline.follow import Detector
from pipeline.network import ModelSpec
from pipeline.owner import Address, RemoteNetworks
from pipeline.settings import Settings
from pipeline.stopwatch import Stopwatch


@dataclass(frozen=True)
class Engine:
    """Networks, decoding process, settings, and where the time goes."""

    settings: Settings
    classifier: Classifier
    detector: Detector
    decoding: DecodingProcess
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def spec(self) -> ModelSpec:
        """Of the expression model."""
        return self.classifier.spec

    @classmethod
    def start(cls, settings: Settings, owner: Address | None = None) -> Engine:
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
