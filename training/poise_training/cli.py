"""The command `poise-train`. Alone knows Click in this package; imports the rest lazily."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from poise import __version__
from poise.system.exit_codes import exits

if TYPE_CHECKING:
    from poise_training.evaluation.testset import TestSet
    from poise_training.fitting.fit import Progress

_LINE_EVERY_S = 30.0
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="poise-train")
def main() -> None:
    """Make expression models, and measure them.

    Beside other programs on the same machine, threads that wait should sleep: this is what
    OMP_WAIT_POLICY=PASSIVE says, which is set unless you set it otherwise.
    """
    # Read once, when torch is loaded; spinning threads make a shared machine many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _common(command: _Command) -> _Command:
    """Options of every command that computes."""
    for option in (
        click.option("--debug", is_flag=True, help="Show where an error came from."),
        click.option("--threads", type=click.IntRange(0), default=0, show_default=True,
                     help="Threads to compute with (0: one per core)."),
        click.option("--device", default="auto", show_default=True,
                     help="Where networks run: auto, cpu, cuda, cuda:N, mps."),
    ):  # fmt: skip
        command = option(command)
    return command


_Path = click.Path(path_type=Path)
_out = click.option("--out", type=_Path, required=True,
                    help="Directory to write.")  # fmt: skip
_cache = click.option("--cache", type=_Path,
                      help="Where prepared faces are kept, to share them among runs.  "
                      "[default: in the run]")  # fmt: skip


def _set_threads(threads: int) -> None:
    """Threads of torch, and OpenCV's own off: they only get in the way of these."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    if threads:
        torch.set_num_threads(threads)


@main.command()
@click.argument("recipe")
@_out
@_cache
@_common
def prepare(
    recipe: str, out: Path, cache: Path | None, device: str, threads: int, debug: bool
) -> None:
    """Begin a run of RECIPE: find, split and align its faces, but do not train.

    RECIPE is the name of a recipe that comes with Poise, or a TOML file.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.datasets.recipe import load_recipe
        from poise_training.fitting.run import prepare_run

        faces = prepare_run(
            load_recipe(recipe), out, device=device, cache=cache, progress=_Counter()
        )
        for split in ("train", "validation", "test"):
            click.echo(f"{split}\t{int((faces.split == split).sum())}")
        return 0

    exits(run, debug)


@main.command()
@click.argument("recipe")
@_out
@_cache
@click.option("--imagenet", type=click.Path(path_type=Path, dir_okay=False),
              help="VGG16's ImageNet weights as a safetensors file.  "
              "[default: what the recipe says]")  # fmt: skip
@_common
def fit(
    recipe: str,
    out: Path,
    cache: Path | None,
    imagenet: Path | None,
    device: str,
    threads: int,
    debug: bool,
) -> None:
    """Train RECIPE, going on from where an earlier run in the same directory was stopped.

    RECIPE is the name of a recipe that comes with Poise, or a TOML file. Prints the directory.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.datasets.recipe import load_recipe
        from poise_training.fitting.run import fit_run, resumable

        chosen = load_recipe(recipe)
        if resumable(out):
            click.echo(f"Going on from the checkpoint in {out}.", err=True)
        display = _Steps()
        try:
            fitted = fit_run(
                chosen, out, device=device, cache=cache, imagenet=imagenet,
                preparing=_Counter(), training=display,
            )  # fmt: skip
        finally:
            display.close()
        for name, value in fitted.curves[-1].items():
            click.echo(f"{name}\t{value:g}")
        click.echo(str(out))
        return 0

    exits(run, debug)


@main.command()
@click.argument("run_directory", metavar="RUN", type=_Path)
@_out
@_cache
@click.option("--metrics", type=click.Path(path_type=Path, dir_okay=False),
              help="evaluation.json of an earlier export, to be kept with the model.")  # fmt: skip
@_common
def export(
    run_directory: Path,
    out: Path,
    cache: Path | None,
    metrics: Path | None,
    device: str,
    threads: int,
    debug: bool,
) -> None:
    """Write the model of RUN, finished or not, in the form that `poise` loads.

    Its temperature is measured on the validation faces. Prints the directory.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.fitting.export import export as export_run

        spec, found = export_run(run_directory, out, cache=cache, metrics=metrics, device=device)
        click.echo(
            f"{spec.training['summary']} Temperature {found.temperature:g}, measured on "
            f"{found.faces} faces: expected calibration error {found.error_before:.3f} before, "
            f"{found.error_after:.3f} after.",
            err=True,
        )
        click.echo(str(out))
        return 0

    exits(run, debug)


def _data_options(command: _Command) -> _Command:
    """What DATA is, for commands that measure."""
    for option in (
        click.option("--split", type=click.Choice(["train", "validation", "test", "all"]),
                     help="Which faces.  [default: test if there is such a split, else all]"),
        click.option("--scheme", help="Label scheme of the data: a name or a TOML file.  "
                     "[default: the model's]"),
        click.option("--person-pattern", default="", help="Regular expression for file names; its "
                     "first group names the person."),
        click.option("--table", default="labels.csv", show_default=True,
                     help="File name of the table, for --kind csv."),
        click.option("--cropped/--whole", default=True, show_default=True,
                     help="Whether the pictures are cropped to the face."),
        click.option("--kind", type=click.Choice(["ferplus", "aihub", "folders", "csv"]),
                     help="DATA is a folder or a zip of this kind; without it, a recipe."),
    ):  # fmt: skip
        command = option(command)
    return command


def _test_set(model: Path, data: str, given: dict[str, Any]) -> TestSet:
    """The faces that DATA and its options mean."""
    from poise.expression.model_spec import read_spec
    from poise_training.datasets.recipe import DataSource, load_recipe
    from poise_training.datasets.schemes import load_scheme
    from poise_training.evaluation.testset import collect, recipe_for, scheme_for

    scheme, kind, split = given.pop("scheme"), given.pop("kind"), given.pop("split")
    if kind is None:
        recipe = load_recipe(data)
        if scheme:
            recipe = replace(recipe, scheme=load_scheme(scheme))
    else:
        chosen = load_scheme(scheme) if scheme else scheme_for(read_spec(model))
        recipe = recipe_for(DataSource(kind=kind, path=data, **given), chosen)
    return collect(recipe, split=split, trained=kind is None, telling=_Counter())


@main.command()
@click.argument("model", type=_Path)
@click.argument("data")
@_out
@_data_options
@click.option(
    "--changes",
    is_flag=True,
    help="Measure the same faces gray, small, compressed, cropped otherwise, and so on.",
)
@_common
def evaluate(
    model: Path,
    data: str,
    out: Path,
    changes: bool,
    device: str,
    threads: int,
    debug: bool,
    **given: Any,
) -> None:
    """Measure MODEL on the faces of DATA with a clear majority.

    DATA is a recipe (a name or a TOML file), whose test split is taken, or with --kind a folder
    or a zip. Faces are seen exactly as `poise classify` sees them. Prints a table; figures,
    tables and evaluation.json go to the directory.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.evaluation.evaluate import evaluate as evaluate_model

        result = evaluate_model(
            model, _test_set(model, data, given), out,
            device=device, changes=changes, telling=_Counter(),
        )  # fmt: skip
        for name, task in result["tasks"].items():
            click.echo(
                f"{name:<14}{task['faces']:>6} faces  accuracy {_value(task, 'accuracy')}  "
                f"macro-F1 {_value(task, 'macro_f1')}  "
                f"calibration error {task['expected_calibration_error']:.3f}"
            )
        for row in result.get("groups", []):
            name = f"{row['attribute']} {row['group']}"
            click.echo(f"{name:<44}{row['faces']:>6}  macro-F1 {row['macro_f1']:.3f}")
        for row in result.get("changes", []):
            click.echo(
                f"{row['change']:<44}{row['faces']:>6}  macro-F1 {row['macro_f1']:.3f}  "
                f"{row['difference']:+.3f}"
            )
        return 0

    exits(run, debug)


def _value(task: dict[str, Any], name: str) -> str:
    low, high = task[f"{name}_interval"]
    return f"{task[name]:.3f} [{low:.3f}, {high:.3f}]"


@main.command()
@click.argument("model", type=_Path)
@click.argument("data")
@click.option(
    "--eye-px",
    type=float,
    default=36.0,
    show_default=True,
    help="From which distance of the eyes in the picture on it is to hold.",
)
@click.option(
    "--negative-bias",
    type=float,
    help="Keep this bias of the negative class; measure the scale alone.",
)
@_data_options
@_common
def calibrate(
    model: Path,
    data: str,
    eye_px: float,
    negative_bias: float | None,
    device: str,
    threads: int,
    debug: bool,
    **given: Any,
) -> None:
    """Measure on the faces of DATA how sure MODEL may be of large faces, and note it in MODEL.

    DATA is as for `evaluate`; none of it should have been trained on. Prints scale and biases.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.fitting.export import calibrate as calibrate_model

        found = calibrate_model(
            model, _test_set(model, data, given), eye_px=eye_px, negative_bias=negative_bias,
            device=device, telling=_Counter(),
        )  # fmt: skip
        click.echo(f"scale\t{found.scale:g}")
        for name, value in zip(("positive", "neutral", "negative"), found.bias, strict=True):
            click.echo(f"{name}\t{value:g}")
        return 0

    exits(run, debug)


@main.command()
@click.argument("first", type=_Path)
@click.argument("second", type=_Path)
@click.argument("data")
@_out
@_data_options
@_common
def compare(
    first: Path,
    second: Path,
    data: str,
    out: Path,
    device: str,
    threads: int,
    debug: bool,
    **given: Any,
) -> None:
    """Compare the models FIRST and SECOND on the same faces of DATA.

    DATA is as for `evaluate`. Prints each model's scores, the difference (second less first)
    with its interval, and McNemar's p; a figure, a table and comparison.json go to the directory.
    """

    def run() -> int:
        _set_threads(threads)
        from poise_training.evaluation.compare import compare as compare_models

        result = compare_models(
            first, second, _test_set(first, data, given), out, device=device, telling=_Counter()
        )
        names = [model["name"] for model in result["models"]]
        for task, found in result["tasks"].items():
            click.echo(f"{task}: {found['faces']} faces")
            for name, key in zip(names, ("first", "second"), strict=True):
                click.echo(
                    f"  {name:<20} accuracy {_value(found[key], 'accuracy')}  "
                    f"macro-F1 {_value(found[key], 'macro_f1')}"
                )
            click.echo(
                f"  {'difference':<20} accuracy {_value(found['difference'], 'accuracy')}  "
                f"macro-F1 {_value(found['difference'], 'macro_f1')}"
            )
            click.echo(
                f"  right alone: {found['only_first']} and {found['only_second']}; "
                f"McNemar's p = {found['mcnemar_p']:.4g}"
            )
        return 0

    exits(run, debug)


class _Counter:
    """Progress of what is counted, on stderr: rewritten on a terminal, now and then elsewhere."""

    def __init__(self) -> None:
        self._last, self._started, self._what = 0.0, 0.0, ""

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._started, self._last = what, now, now
        finished = done == total
        if now - self._last < (0.2 if sys.stderr.isatty() else _LINE_EVERY_S) and not finished:
            return
        self._last = now
        left_s = (now - self._started) / max(done, 1) * (total - done)
        text = f"{what}: {done}/{total}" + ("" if finished else f", {_duration(left_s)} left")
        if sys.stderr.isatty():
            click.echo(f"\r{text:<70}", nl=finished, err=True)
        else:
            click.echo(text, err=True)


class _Steps:
    """Progress of training, on stderr: rewritten on a terminal, now and then elsewhere."""

    def __init__(self) -> None:
        self._last, self._open = 0.0, False

    def __call__(self, state: Progress) -> None:
        now, finished = time.monotonic(), state.step == state.steps
        if now - self._last < (0.2 if sys.stderr.isatty() else _LINE_EVERY_S) and not finished:
            return
        self._last = now
        text = (
            f"step {state.step}/{state.steps}, loss {state.loss:.3f}, "
            f"{state.faces_per_s:.0f} faces/s, {_duration(state.left_s)} left"
        )
        if sys.stderr.isatty():
            click.echo(f"\r{text:<78}", nl=finished, err=True)
            self._open = not finished
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """End a line that is still open."""
        if self._open:
            click.echo(err=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


if __name__ == "__main__":
    main()
