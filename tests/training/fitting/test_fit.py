from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from poise.errors import ModelError, SettingsError
from poise.expression.classifier import normalise
from poise.expression.model_spec import ModelSpec
from poise.labels import LabelScheme
from poise.types import FloatArray, Image
from poise_training.datasets.options import FitOptions
from poise_training.datasets.prepare import PreparedFaces
from poise_training.fitting.fit import (
    CHECKPOINT_FILE,
    CURVES_FILE,
    FIGURE_FILE,
    Fit,
    Progress,
    read_checkpoint,
)
from tests.training.tiny import TEMPLATE, VALENCE, TinyNetwork, tiny_faces

_OPTIONS = FitOptions(epochs=4, batch_size=8, checkpoint_steps=3, seed=7, freeze_stem=False)


_SPEC = ModelSpec(
    name="tiny",
    architecture="VGG16Baseline",
    labels=LabelScheme(
        name="four",
        emotions=("neutral", "happiness", "surprise", "sadness"),
        valence={"neutral": "neutral", "happiness": "positive", "sadness": "negative"},
    ),
    input_px=48,
    template_px=TEMPLATE,
)


def _fit(directory: Path, faces: PreparedFaces | None = None) -> Fit:
    torch.manual_seed(0)
    return Fit(
        TinyNetwork(),
        faces or tiny_faces(),
        VALENCE,
        lambda images, device: normalise(images, _SPEC, device),
        _OPTIONS,
        directory,
        torch.device("cpu"),
    )


def _killed(directory: str, at_step: int) -> None:
    """What a process does that is killed between two checkpoints."""
    torch.set_num_threads(1)

    def progress(state: Progress) -> None:
        if state.step == at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    _fit(Path(directory)).run(progress)


@pytest.mark.slow
def test_killed_and_started_again_gives_the_curve_of_an_undisturbed_run(tmp_path: Path) -> None:
    whole = _fit(tmp_path / "whole")
    whole.run()
    context = multiprocessing.get_context("spawn")
    for at_step, checkpoint in ((8, 6), (14, 12)):  # within an epoch, steps after a checkpoint
        process = context.Process(target=_killed, args=(str(tmp_path / "killed"), at_step))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        reached = read_checkpoint(tmp_path / "killed", torch.device("cpu"))["step"]
        assert reached == checkpoint
    resumed = _fit(tmp_path / "killed")
    resumed.run()
    assert (tmp_path / "killed" / CURVES_FILE).read_bytes() == (
        tmp_path / "whole" / CURVES_FILE
    ).read_bytes()
    for mine, theirs in zip(
        resumed.averaged.state_dict().values(), whole.averaged.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_curves_and_figure(tmp_path: Path) -> None:
    states: list[Progress] = []
    run = _fit(tmp_path)
    run.run(states.append)
    curves = pd.read_csv(tmp_path / CURVES_FILE)
    assert curves["epoch"].tolist() == [1, 2, 3, 4]
    assert list(curves) == [
        "epoch", "train_loss", "validation_loss", "emotion_accuracy", "valence_macro_f1",
    ]  # fmt: skip
    assert curves["train_loss"].iloc[-1] < curves["train_loss"].iloc[0]
    assert (tmp_path / FIGURE_FILE).read_bytes().startswith(b"\x89PNG")
    assert [state.step for state in states] == list(range(1, run.steps + 1))
    assert states[-1].left_s == 0
    assert not list(tmp_path.glob("*.tmp"))


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    _fit(tmp_path).run()
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()
    again = _fit(tmp_path)
    again.run(lambda state: pytest.fail("it trained on"))
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before
    assert len(again.curves) == 4


def test_without_validation_faces_only_the_training_loss_is_watched(tmp_path: Path) -> None:
    faces = tiny_faces((10, 0))
    run = _fit(tmp_path, faces)
    run.run()
    assert set(run.curves[-1]) == {"epoch", "train_loss"}


def test_checkpoints_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        read_checkpoint(tmp_path, torch.device("cpu"))
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"cut off")
    with pytest.raises(ModelError, match="begin anew"):
        _fit(tmp_path).run()
    other = _fit(tmp_path / "other")
    other.network.classifier = torch.nn.Linear(8, 3)
    other.averaged.classifier = torch.nn.Linear(8, 3)
    (tmp_path / "other").mkdir()
    other.save_checkpoint()
    with pytest.raises(ModelError, match="another network"):
        _fit(tmp_path / "other").run()


def test_no_face_to_train_on(tmp_path: Path) -> None:
    faces = tiny_faces((2, 2))
    with pytest.raises(SettingsError, match="no face to train on"):
        _fit(tmp_path, replace(faces, split=np.full(len(faces.split), "test")))


def test_negative_logits_of_large_faces_are_raised_while_training(tmp_path: Path) -> None:
    faces = tiny_faces()
    sizes = np.where(np.arange(len(faces.split)) % 2, 60, 18).astype(np.float32)
    run = _fit(tmp_path, replace(faces, eye_px=sizes))
    run.options = replace(run.options, large_bias=2.0, mixup=0.0)
    _, targets, added = run.next_batch()
    order = np.random.default_rng([_OPTIONS.seed, 1, 0]).permutation(run.train_index)[:8]
    assert torch.equal(targets, torch.from_numpy(faces.targets[order]))
    expected = np.zeros((8, 4), np.float32)
    expected[sizes[order] == 60, 3] = 2.0  # sadness, the only negative emotion
    assert 0 < (expected > 0).sum() < 8
    np.testing.assert_array_equal(added.numpy(), expected)


def test_targets_are_asked_for_the_faces_as_they_are_varied(tmp_path: Path) -> None:
    seen: list[tuple[Image, FloatArray]] = []

    def teach(images: Image, targets: FloatArray) -> FloatArray:
        seen.append((images, targets))
        return np.roll(targets, 1, axis=1)

    run = _fit(tmp_path, tiny_faces())
    run.options = replace(run.options, mixup=0.0)
    inputs, targets, _ = run.next_batch()
    run.teach = teach
    same_inputs, moved, _ = run.next_batch()
    ((images, given),) = seen
    assert torch.equal(inputs, same_inputs)
    assert images.dtype == np.uint8 and images.shape == (len(inputs), 48, 48)
    assert torch.equal(inputs, run.normalise(images, run.device))
    np.testing.assert_array_equal(given, targets.numpy())
    np.testing.assert_array_equal(moved.numpy(), np.roll(given, 1, axis=1))
