"""The training loop: resumable at any step, the same curve whether interrupted or not.

Everything random is a function of the seed and the step (or the epoch), never of a generator's
state, so a run that continues from a checkpoint draws what an undisturbed one would have drawn.
"""

from __future__ import annotations

import copy
import math
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poise.errors import ModelError, SettingsError
from poise.expression.architectures import ExpressionNetwork
from poise.expression.calibration import LARGE_EYE_PX
from poise.expression.device import computing_type
from poise.labels import NEGATIVE, VALENCES
from poise.system.atomic_files import write_whole
from poise.system.quick_loading import not_collecting
from poise.types import FloatArray, Image
from poise_training.augment import augment, centre
from poise_training.figures import learning_curves
from poise_training.metrics import confusion_matrix, macro_f1
from poise_training.options import FitOptions
from poise_training.prepare import PreparedFaces

CHECKPOINT_FILE = "checkpoint.pt"
CURVES_FILE = "curves.csv"
FIGURE_FILE = "curves.png"
_NEGATIVE = VALENCES.index(NEGATIVE)

Normalise = Callable[[Image, torch.device], Tensor]
Teach = Callable[[Image, FloatArray], FloatArray]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """State of a running fit, for display."""

    step: int
    steps: int
    loss: float
    faces_per_s: float
    left_s: float


class Fit:
    """One training run in one directory.

    Args:
        network: With the weights to start from.
        faces: Prepared faces; `train` is trained on, `validation` is watched.
        valence_matrix: float32 [C, 3], `LabelScheme.valence_matrix`.
        normalise: Brings uint8 [N, S, S] gray to the network's input, float32 [N, 3, S, S].
        options: How.
        directory: Where checkpoint and curves go.
        device: `cpu` or a GPU.
        teach: Gives the targets, float [N, C], of faces as they are varied, uint8 [N, S, S], from
            those of the faces as they are.

    Raises:
        SettingsError: If there is no face to train on.
    """

    def __init__(
        self,
        network: ExpressionNetwork,
        faces: PreparedFaces,
        valence_matrix: FloatArray,
        normalise: Normalise,
        options: FitOptions,
        directory: Path,
        device: torch.device,
        teach: Teach | None = None,
    ) -> None:
        self.teach = teach
        self.options, self.directory, self.device = options, directory, device
        self.faces, self.normalise = faces, normalise
        self.network = network.to(device)
        if options.freeze_stem:
            self.network.freeze_stem()
        self.averaged = copy.deepcopy(self.network).eval()
        self.valence = torch.from_numpy(valence_matrix).to(device)
        groups = self._parameter_groups()
        with not_collecting():  # the first optimizer of a process loads torch's compiler
            self.optimizer = torch.optim.AdamW(
                groups, lr=options.learning_rate, weight_decay=options.weight_decay
            )
        self.train_index = np.flatnonzero(faces.split == "train")
        if len(self.train_index) == 0:
            raise SettingsError("no face to train on", remedy="Look at the splits of the data.")
        self.steps_per_epoch = max(1, len(self.train_index) // options.batch_size)
        self.steps = self.steps_per_epoch * options.epochs
        self.step = 0
        self.curves: list[dict[str, float]] = []
        self._losses: list[float] = []  # of the steps of the epoch under way

    def run(self, progress: Callable[[Progress], None] = lambda state: None) -> None:
        """Train to the end, from the last checkpoint if there is one.

        Raises:
            ModelError: If the checkpoint cannot be read or belongs to another network.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if (self.directory / CHECKPOINT_FILE).exists():
            self._load_checkpoint()
        started, first = time.monotonic(), self.step
        while self.step < self.steps:
            loss = self._train_step()
            self._losses.append(loss)
            self.step += 1
            ends_epoch = self.step % self.steps_per_epoch == 0
            if ends_epoch:
                self._close_epoch()
            if ends_epoch or self.step % self.options.checkpoint_steps == 0:
                self.save_checkpoint()
            rate = (self.step - first) / (time.monotonic() - started)
            progress(
                Progress(
                    step=self.step,
                    steps=self.steps,
                    loss=loss,
                    faces_per_s=rate * self.options.batch_size,
                    left_s=(self.steps - self.step) / rate,
                )
            )

    def _parameter_groups(self) -> list[dict[str, object]]:
        """Pretrained and new layers apart, and no decay on biases and norms."""
        groups = []
        pretrained = {id(p) for p in self.network.backbone.parameters()}
        for is_pretrained in (True, False):
            for decays in (True, False):
                parameters = [
                    p
                    for p in self.network.parameters()
                    if p.requires_grad
                    and (id(p) in pretrained) == is_pretrained
                    and (p.ndim > 1) == decays
                ]
                groups.append(
                    {
                        "params": parameters,
                        "relative": self.options.pretrained_rate if is_pretrained else 1.0,
                        **({} if decays else {"weight_decay": 0.0}),
                    }
                )
        return groups

    def _rate(self) -> float:
        """Warm-up, plateau, linear decay (Zhai et al., arXiv:2106.04560, plateau without root)."""
        done = self.step / self.steps
        rise = min(1.0, (done + 1 / self.steps) / max(self.options.warmup, 1e-9))
        fall = min(1.0, (1 - done) / max(self.options.decay, 1e-9))
        return self.options.learning_rate * min(rise, fall)

    def _plateau(self) -> bool:
        """Whether the rate has not begun to fall; the end belongs to unmixed faces."""
        return self.step < (1 - self.options.decay) * self.steps

    def next_batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of the next step: inputs, targets, and what is added to the logits, float [N, C]."""
        options, faces = self.options, self.faces
        epoch, position = divmod(self.step, self.steps_per_epoch)
        order = np.random.default_rng([options.seed, 1, epoch]).permutation(self.train_index)
        chosen = order[position * options.batch_size : (position + 1) * options.batch_size]
        rng = np.random.default_rng([options.seed, 2, self.step])
        images = np.stack(
            [
                augment(
                    faces.canvas[k], faces.input_px, faces.frame_px, rng, portrait=options.portrait
                )
                for k in chosen
            ]
        )
        inputs = self.normalise(images, self.device)
        wanted = faces.targets[chosen]
        if self.teach:
            wanted = self.teach(images, wanted)
        targets = torch.from_numpy(wanted).to(self.device)
        large = torch.from_numpy(faces.eye_px[chosen] >= LARGE_EYE_PX).to(self.device).float()
        added = options.large_bias * large[:, None] * self.valence[:, _NEGATIVE]
        if rng.random() < options.mixup and self._plateau():
            # Zhang et al., mixup, arXiv:1710.09412.
            share = float(rng.beta(0.4, 0.4))
            partner = torch.from_numpy(rng.permutation(len(chosen))).to(self.device)
            inputs = share * inputs + (1 - share) * inputs[partner]
            targets = share * targets + (1 - share) * targets[partner]
            added = share * added + (1 - share) * added[partner]
        return inputs, targets, added

    def _train_step(self) -> float:
        inputs, targets, added = self.next_batch()
        torch.manual_seed(self.options.seed * 1_000_003 + self.step)
        self.network.train()
        rate = self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["relative"]
        with _autocast(self.device):
            logits = self.network(inputs)
        loss = self._loss(logits.float() + added, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self._average()
        return float(loss.detach())

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy with the vote shares, of the emotions and of the valence classes."""
        log_posterior = F.log_softmax(logits, dim=1)
        emotion = -(targets * log_posterior).sum(dim=1).mean()
        if self.options.valence_weight == 0:
            return emotion
        return emotion + self.options.valence_weight * valence_loss(
            log_posterior, targets, self.valence
        )

    @torch.no_grad()
    def _average(self) -> None:
        """Moving average of the weights, shorter at the beginning."""
        keep = min(self.options.average, (1 + self.step) / (10 + self.step))
        for mine, theirs in zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)

    def _close_epoch(self) -> None:
        watched = validate(
            self.averaged, self.faces, "validation", self.valence, self.normalise, self.device
        )
        epoch = self.step // self.steps_per_epoch
        train_loss = float(np.mean(self._losses))
        self._losses.clear()
        self.curves.append({"epoch": epoch, "train_loss": train_loss, **watched})
        curves = pd.DataFrame(self.curves).round(6)
        write_whole(self.directory / CURVES_FILE, lambda draft: curves.to_csv(draft, index=False))
        learning_curves(self.curves, self.directory / FIGURE_FILE)

    def save_checkpoint(self) -> None:
        """Write what the fit needs to go on from here."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curves": self.curves,
            "partial_losses": list(self._losses),
        }
        write_whole(self.directory / CHECKPOINT_FILE, lambda draft: torch.save(state, draft))

    def _load_checkpoint(self) -> None:
        state = read_checkpoint(self.directory, self.device)
        try:
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the checkpoint is of another network ({error})",
                remedy="Give another directory for this recipe.",
                path=self.directory / CHECKPOINT_FILE,
            ) from error
        self.step, self.curves = state["step"], state["curves"]
        self._losses = state["partial_losses"]


def read_checkpoint(directory: Path, device: torch.device) -> dict[str, Any]:
    """The last checkpoint of a run: step, network, averaged, optimizer, curves, partial_losses.

    Raises:
        ModelError: If there is none or it cannot be read.
    """
    path = directory / CHECKPOINT_FILE
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ModelError(
            f"no checkpoint that can be read ({error})",
            remedy="Give the directory of a run; delete a broken checkpoint to begin anew.",
            path=path,
        ) from error
    return dict(state)


def _autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the processor is good at it; float16 would need its losses scaled."""
    good = computing_type(device) is torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=good)


def valence_loss(log_posterior: Tensor, targets: Tensor, valence: Tensor) -> Tensor:
    """Cross entropy of the valence classes, weighted by how much of the votes has a valence.

    Args:
        log_posterior: float [N, C] of the emotions.
        targets: float [N, C].
        valence: float [C, 3], 0 or 1.
    """
    joint = log_posterior.exp() @ valence
    wanted = targets @ valence
    log_share = torch.log(joint + 1e-8) - torch.log(joint.sum(dim=1, keepdim=True) + 1e-8)
    return -(wanted * log_share).sum(dim=1).mean()


@torch.inference_mode()
def mean_logits(
    network: ExpressionNetwork,
    images: Iterator[Image],
    normalise: Normalise,
    device: torch.device,
) -> Tensor:
    """Logits of batches of gray crops, averaged with those of their mirror images: float [N, C]."""
    parts = []
    for batch in images:
        inputs = normalise(batch, device)
        with _autocast(device):
            parts.append((network(inputs).float() + network(inputs.flip(3)).float()) / 2)
    return torch.cat(parts)


def validate(
    network: ExpressionNetwork,
    faces: PreparedFaces,
    split: str,
    valence: Tensor,
    normalise: Normalise,
    device: torch.device,
) -> dict[str, float]:
    """Loss, accuracy of the emotions and macro-F1 of the valence classes, on clear majorities."""
    index = np.flatnonzero(faces.split == split)
    if len(index) == 0:
        return {}
    crops = (
        np.stack([centre(faces.canvas[k], faces.input_px, faces.frame_px) for k in part])
        for part in np.array_split(index, math.ceil(len(index) / 256))
    )
    logits = mean_logits(network, crops, normalise, device)
    targets = torch.from_numpy(faces.targets[index]).to(device)
    log_posterior = F.log_softmax(logits, dim=1)
    clear = targets.max(dim=1).values > 0.5
    truth, guess = targets.argmax(dim=1)[clear], log_posterior.argmax(dim=1)[clear]
    has_valence = valence[truth].sum(dim=1) > 0
    valence_truth = valence[truth][has_valence].argmax(dim=1).cpu().numpy()
    valence_guess = (log_posterior.exp() @ valence)[clear][has_valence].argmax(dim=1).cpu().numpy()
    return {
        "validation_loss": float(-(targets * log_posterior).sum(dim=1).mean()),
        "emotion_accuracy": float((truth == guess).float().mean()),
        "valence_macro_f1": macro_f1(
            confusion_matrix(valence_truth, valence_guess, valence.shape[1])
        ),
    }
