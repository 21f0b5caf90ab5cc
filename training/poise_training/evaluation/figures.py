"""Figures of training and evaluation, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poise.system.atomic_files import write_whole
from poise.types import IntArray
from poise_training.evaluation.metrics import Interval, Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Apart from one another for colour-blind readers; line style or place says the same.
_BLUE, _ORANGE, _GRAY = "#0072b2", "#c04b00", "#6b7280"
_DPI = 150


def learning_curves(curves: Sequence[Mapping[str, float]], path: Path) -> None:
    """Loss, and accuracy and macro-F1 on the validation split, over the epochs.

    Args:
        curves: A mapping for each epoch: `epoch`, `train_loss`, and where there is a validation
            split `validation_loss`, `emotion_accuracy`, `valence_macro_f1`.
        path: PNG file to write.
    """
    figure = _blank(9, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in curves]
    panels = (
        (left, "train_loss", "training", _GRAY, "--"),
        (left, "validation_loss", "validation", _BLUE, "-"),
        (right, "emotion_accuracy", "accuracy, all emotions", _ORANGE, "--"),
        (right, "valence_macro_f1", "macro-F1, three valence classes", _BLUE, "-"),
    )
    for axes, key, label, colour, style in panels:
        if all(key in row for row in curves):
            values = [row[key] for row in curves]
            axes.plot(epochs, values, style, color=colour, label=label, marker=".")
    left.set(xlabel="epoch", ylabel="loss", title="Loss (training: augmented, mixed)")
    right.set(xlabel="epoch", title="Validation faces")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if axes.has_data():
            axes.legend(frameon=False)
    _save(figure, path)


def confusion_figure(confusion: IntArray, classes: Sequence[str], title: str, path: Path) -> None:
    """A confusion matrix int [C, C] with counts and the share of each row."""
    side = 2.2 + 0.75 * len(classes)
    figure = _blank(side + 0.8, side)
    axes = figure.subplots()
    _draw_confusion(axes, confusion, classes)
    axes.set_title(title)
    _save(figure, path)


def reliability_figure(found: Reliability, title: str, path: Path) -> None:
    """Accuracy over confidence, with the number of answers in each bin below."""
    figure = _blank(4.6, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = len(found.count)
    centre = (np.arange(bins) + 0.5) / bins
    upper.plot((0, 1), (0, 1), "--", color=_GRAY, label="perfect calibration")
    some = found.count > 0
    upper.bar(centre[some], found.accuracy[some], 0.9 / bins, color=_BLUE, alpha=0.75,
              label="share that is right")  # fmt: skip
    upper.plot(found.confidence[some], found.accuracy[some], ".", color=_ORANGE,
               label="at the mean confidence")  # fmt: skip
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy",
              title=f"{title}\nexpected calibration error {found.error:.3f}")  # fmt: skip
    upper.legend(frameon=False, loc="upper left")
    lower.bar(centre, found.count, 0.9 / bins, color=_GRAY)
    lower.set(xlabel="confidence", ylabel="faces")
    _save(figure, path)


def comparison_figure(
    names: tuple[str, str],
    confusions: tuple[IntArray, IntArray],
    scores: Mapping[str, tuple[tuple[float, Interval], tuple[float, Interval]]],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Two models side by side: their scores with intervals, and their confusion matrices.

    Args:
        names: Of the models.
        confusions: int [C, C] each.
        scores: By name of the measure, value and 95 % interval of each model.
        classes: [C].
        title: Of the figure.
        path: PNG file to write.
    """
    side = 2.2 + 0.75 * len(classes)
    figure = _blank(3.4 + 2 * side, side + 0.4)
    bars, *matrices = figure.subplots(1, 3, width_ratios=(3.2, side, side))
    for number, name in enumerate(names):
        colour, hatch = ((_GRAY, "//"), (_BLUE, ""))[number]
        for place, (value, (low, high)) in enumerate(pair[number] for pair in scores.values()):
            where = place + (number - 0.5) * 0.38
            bars.bar(where, value, 0.36, color=colour, alpha=0.8, hatch=hatch, edgecolor="white",
                     label=name if place == 0 else None)  # fmt: skip
            bars.errorbar(where, value, [[max(0.0, value - low)], [max(0.0, high - value)]],
                          color="black", capsize=3)  # fmt: skip
            bars.text(where, high + 0.015, f"{value:.3f}", ha="center", fontsize=8)
    bars.set(xticks=range(len(scores)), xticklabels=list(scores), ylim=(0, 1.25))
    bars.legend(frameon=False, loc="upper center", title="with 95 % intervals")
    for axes, name, confusion in zip(matrices, names, confusions, strict=True):
        _draw_confusion(axes, confusion, classes)
        axes.set_title(name)
    figure.suptitle(title + "\n ")
    _save(figure, path)


def _blank(width_in: float, height_in: float) -> Figure:
    """A figure of that size. Matplotlib takes half a second to load: only what draws does it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def _draw_confusion(axes: Axes, confusion: IntArray, classes: Sequence[str]) -> None:
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        colour = "white" if share[row, column] > 0.55 else "black"
        axes.text(column, row, f"{count}\n{share[row, column]:.0%}", ha="center", va="center",
                  color=colour, fontsize=8)  # fmt: skip
    places = range(len(classes))
    axes.set(xticks=places, yticks=places, yticklabels=classes, xlabel="model", ylabel="people")
    axes.set_xticks(places, classes, rotation=45, ha="right", rotation_mode="anchor")


def _save(figure: Figure, path: Path) -> None:
    """Write a PNG file, at once or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    write_whole(path, lambda draft: figure.savefig(draft, format="png", dpi=_DPI))
