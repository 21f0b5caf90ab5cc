"""How a network is trained, and by whom it is taught."""

from __future__ import annotations

from dataclasses import dataclass

from poise.errors import SettingsError

LEAST_TARGET = 0.004


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to train.

    Args:
        epochs: Passes over the training faces.
        batch_size: Faces per step.
        learning_rate: Peak rate of the layers that start from nothing.
        pretrained_rate: Peak rate of the layers that start from ImageNet, relative to it.
        weight_decay: Of AdamW, decoupled.
        warmup: Share of all steps in which the rate rises.
        decay: Share of all steps, at the end, in which it falls to zero; constant between.
        mixup: Share of the steps whose faces are mixed in pairs (0: none).
        valence_weight: Weight of the cross entropy of the valence classes beside that of the
            emotions.
        average: Decay per step of the moving average of the weights, which is what is kept.
        large_bias: Added to the logits of negative emotions while training on large faces, whose
            calibration adds as much when the model is used: what their labels call neutral stays
            neutral, while slight negative expressions of other large faces come to count.
        portrait: Share of the faces lit more evenly, and of those made sharper (0: none).
        freeze_stem: Whether conv1 and conv2 stay as ImageNet left them.
        seed: Of everything random.
        checkpoint_steps: Steps between checkpoints.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    pretrained_rate: float = 0.3
    weight_decay: float = 0.05
    warmup: float = 0.05
    decay: float = 0.4
    mixup: float = 0.3
    valence_weight: float = 0.5
    average: float = 0.998
    large_bias: float = 0.0
    portrait: float = 0.0
    freeze_stem: bool = True
    seed: int = 0
    checkpoint_steps: int = 100

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "checkpoint_steps", "learning_rate"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} is {getattr(self, name)}", remedy="Use more than 0.")
        for name in ("warmup", "decay", "mixup", "average", "portrait"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}", remedy="Use a value from 0 to 1."
                )


@dataclass(frozen=True, kw_only=True)
class OutsideTeacher:
    """A network of other software that has a say in the targets.

    Args:
        path: Its `.tflite` file, which takes one gray face, or the manifest (`.json`) of face-api's
            expression network.
        emotions: What its outputs mean, in their order and by the names of the scheme.
        weight: Of its log posteriors beside those of the targets, above 0.
        lowest: What black becomes in its input; white becomes 1.
    """

    path: str
    emotions: tuple[str, ...]
    weight: float
    lowest: float = 0.0

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise SettingsError(f"weight is {self.weight}", remedy="Use more than 0.")
        if not self.lowest < 1:
            raise SettingsError(f"lowest is {self.lowest}", remedy="Use less than 1, such as -1.")
