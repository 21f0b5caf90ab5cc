"""The context: what a process keeps from one recording to the next, and how it is given back."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import torch

from poise.analysis.gpu.client import RemoteNetworks
from poise.analysis.gpu.protocol import Address, GpuServerGone
from poise.expression.classifier import Classifier, ExpressionClassifier
from poise.expression.device import all_devices
from poise.expression.device_name import device_name
from poise.expression.model_spec import ModelSpec
from poise.faces.detection.detector import FaceDetector
from poise.faces.detection.keyframes import Detector
from poise.faces.identity import Embedder, FaceEmbedder
from poise.media.engines.slots import SLOTS_PER_GPU, EngineSlots
from poise.media.reader import DecodingProcess
from poise.settings import Settings
from poise.system.timing import Progress, StageTiming

_MANY_SLOTS = 256  # more than there are workers: every recording is given to the GPU


@dataclass(frozen=True)
class AnalysisContext:
    """Networks, decoding process, settings, and where the time goes.

    Args:
        notes: What a reader of the log should know of it, such as that a GPU was given up.
        progress: Of the looking at a recording, as a share of the whole.
    """

    settings: Settings
    classifier: Classifier
    detector: Detector
    decoding: DecodingProcess
    embedder: Embedder | None = None
    timing: StageTiming = field(default_factory=StageTiming)
    progress: Progress = field(default_factory=Progress)
    notes: tuple[str, ...] = ()

    @property
    def spec(self) -> ModelSpec:
        """Of the expression model."""
        return self.classifier.spec

    @classmethod
    def start(cls, settings: Settings, server: Address | None = None) -> AnalysisContext:
        """Load the networks, or ask a GPU server; without them if that one was given up.

        Raises:
            ModelError, SettingsError: If the model or the device cannot be used.
        """
        notes: tuple[str, ...] = ()
        decoding = DecodingProcess(
            stall_timeout_s=settings.stall_timeout_s, engines=engines_for(settings)
        )
        decoding.prepare()  # its libraries are loaded while networks are, here or in the server
        try:
            if server:
                try:
                    networks = RemoteNetworks(server)
                    return cls(
                        settings,
                        classifier=networks,
                        detector=networks,
                        decoding=decoding,
                        embedder=FaceEmbedder() if settings.identity else None,
                    )
                except GpuServerGone as gone:
                    notes = (f"{gone.cause}; computed on the processor",)
                    settings = replace(settings, device="cpu")
            classifier = ExpressionClassifier(
                Path(settings.model) if settings.model else None,
                device=settings.device,
                batch_size=settings.batch_size,
            )
            device = str(classifier.device)
            return cls(
                settings,
                classifier=classifier,
                detector=FaceDetector(device=device),
                decoding=decoding,
                embedder=FaceEmbedder(device=device) if settings.identity else None,
                notes=notes,
            )
        except BaseException:
            decoding.close()
            raise

    def close(self) -> None:
        """End the decoding process and the connection to a GPU server."""
        self.decoding.close()
        if isinstance(self.classifier, RemoteNetworks):
            self.classifier.close()


def engines_for(settings: Settings) -> EngineSlots | None:
    """The decoding engines that recordings are read with, where the networks run on a GPU too."""
    if settings.decode == "cpu" or not device_name(settings.device).startswith("cuda"):
        return None
    each = SLOTS_PER_GPU if settings.decode == "auto" else _MANY_SLOTS
    gpus = [int(name.partition(":")[2]) for name in all_devices(settings.device)]
    return EngineSlots(gpus, each)


@dataclass(frozen=True)
class _Kept:
    """A context, what it was made for, and how the process was before."""

    made_for: tuple[Settings, tuple[Address, ...]]
    context: AnalysisContext
    threads: int
    cv2_threads: int


_kept: _Kept | None = None
_keeping = 0


def started_context(settings: Settings, servers: Sequence[Address] = ()) -> AnalysisContext:
    """This process's context; networks are loaded for its first recording only.

    Until `close_context`, torch and OpenCV compute with one thread (processes share the cores, and
    thread pools in each would get into each other's way), and what is loaded is left out of
    garbage collection.

    Raises:
        ModelError, SettingsError: If the model or the device cannot be used.
    """
    global _kept
    made_for = (settings, tuple(servers))
    if _kept is None or _kept.made_for != made_for:
        close_context()
        threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        server = servers[os.getpid() % len(servers)] if servers else None
        try:
            context = AnalysisContext.start(settings, server)
        except BaseException:
            torch.set_num_threads(threads)
            cv2.setNumThreads(cv2_threads)
            raise
        _kept = _Kept(made_for, context, threads, cv2_threads)
        gc.freeze()
    return _kept.context


def close_context() -> None:
    """Give back what `started_context` took: child processes, thread counts, frozen objects."""
    global _kept
    if _kept is not None:
        _kept.context.close()
        torch.set_num_threads(_kept.threads)
        cv2.setNumThreads(_kept.cv2_threads)
        gc.unfreeze()
        _kept = None


def release_context() -> None:
    """As `close_context`, unless within `context_kept`."""
    if not _keeping:
        close_context()


@contextmanager
def context_kept() -> Iterator[None]:
    """Keep the context of this process from run to run within this block, to load it once."""
    global _keeping
    _keeping += 1
    try:
        yield
    finally:
        _keeping -= 1
        release_context()
