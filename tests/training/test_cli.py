"""`poise-train` from end to end: what `make train-smoke` does, in one process."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from poise_training.cli import main
from poise_training.evaluation.changes import CHANGES


@pytest.fixture(autouse=True)
def _quiet_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _done(*arguments: str | Path) -> Result:
    result = _run(*arguments, "--threads", "1", "--device", "cpu")
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.slow
def test_fit_export_evaluate_compare(drawn: Path, tmp_path: Path) -> None:
    models = {}
    for name in ("dense", "baseline"):
        run, models[name] = tmp_path / f"run-{name}", tmp_path / name
        recipe = drawn / f"{name}.toml"
        fitted = _done("fit", recipe, "--out", run, "--cache", tmp_path / "cache")
        assert fitted.stdout.splitlines()[-1] == str(run)
        assert "train_loss" in fitted.stdout and "left" in fitted.stderr
        assert "Going on" not in fitted.stderr
        exported = _done("export", run, "--out", models[name], "--cache", tmp_path / "cache")
        assert exported.stdout == f"{models[name]}\n"
        assert "24 faces of drawings for 2 epochs. Temperature" in exported.stderr
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1  # both see the same faces
    assert (
        "Going on from the checkpoint"
        in _done(
            "fit",
            drawn / "dense.toml",
            "--out",
            tmp_path / "run-dense",
            "--cache",
            tmp_path / "cache",
        ).stderr
    )

    out = tmp_path / "evaluation"
    shown = _done("evaluate", models["dense"], drawn / "dense.toml", "--changes", "--out", out)
    assert "valence " in shown.stdout and "macro-F1" in shown.stdout
    table = pd.read_csv(out / "changes.csv")
    assert table["change"].tolist() == ["unchanged", *CHANGES]
    assert table["difference"][0] == 0
    _done(
        "export", tmp_path / "run-dense", "--out", models["dense"], "--cache", tmp_path / "cache",
        "--metrics", out / "evaluation.json",
    )  # fmt: skip
    assert json.loads((models["dense"] / "model.json").read_text())["metrics"]["valence"]

    compared = _done(
        "compare", models["baseline"], models["dense"], drawn / "faces", "--kind", "folders",
        "--split", "validation", "--out", tmp_path / "comparison",
    )  # fmt: skip
    assert "McNemar's p" in compared.stdout
    assert (tmp_path / "comparison" / "comparison_valence.png").exists()


def test_prepare(drawn: Path, tmp_path: Path) -> None:
    result = _done("prepare", drawn / "dense.toml", "--out", tmp_path)
    assert result.stdout == "train\t24\nvalidation\t16\ntest\t24\n"
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".csv"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("fit", "no-recipe", "--out", "x"), 2, "no such recipe"),
        (("fit", "poise", "--out", "x", "--device", "tpu"), 2, "unknown device"),
        (("evaluate", "no-model", "faces", "--kind", "folders", "--out", "x"), 1, "no model here"),
        (("export", "no-run", "--out", "x"), 2, "no recipe here"),
        (("evaluate", "m", "d", "--kind", "fer2013", "--out", "x"), 2, "fer2013"),
    ],
)
def test_errors_and_exit_codes(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_DATA", str(tmp_path))
    result = _run(*arguments)
    assert result.exit_code == code
    assert said in result.output


def test_help_of_every_command() -> None:
    for name in (None, *main.commands):
        result = _run(*([name] if name else []), "--help")
        assert result.exit_code == 0
        assert "Usage: " in result.output
