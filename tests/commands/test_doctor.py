"""`poise doctor`: what is sound, and what is wrong."""

from __future__ import annotations

from pathlib import Path

from tests.commands.kit import Poise


def test_doctor_of_a_sound_machine(poise: Poise, model_dir: Path) -> None:
    result = poise("doctor", "--model", model_dir, "--device", "cpu")
    for subject in ("python", "machine", "torch", "decoder pyav", "decoder decord", "detector",
                    "device", "model", "disk"):  # fmt: skip
        assert f"  {subject}: " in result.stdout
    problems = [line for line in result.stdout.splitlines() if line.startswith("PROBLEM")]
    assert result.exit_code == (1 if problems else 0)
    assert not [line for line in problems if "  machine:" not in line and "  disk:" not in line]


def test_doctor_says_what_is_wrong(poise: Poise, tmp_path: Path) -> None:
    result = poise("doctor", "--model", tmp_path / "none", "--device", "cpu")
    assert result.exit_code == 1
    assert "PROBLEM  model: " in result.stdout and "no model here" in result.stdout
