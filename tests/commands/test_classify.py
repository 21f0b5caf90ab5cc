"""`poise classify`, from the command line."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

from tests.commands.kit import Poise
from tests.conftest import SampleFaces


def test_classify(poise: Poise, model_dir: Path, sample_faces: SampleFaces, tmp_path: Path) -> None:
    Pillow.fromarray(sample_faces.images[0]).save(tmp_path / "a.png")
    model = ("--model", model_dir, "--device", "cpu")
    whole = poise("classify", "a.png", "--csv", "out.csv", *model)
    assert whole.exit_code == 0, whole.output
    assert whole.stdout.strip() == "out.csv"
    assert "1 pictures: 0 without a face found, 0 unreadable." in whole.stderr
    Path("b.png").write_bytes(b"no picture")
    assert poise("classify", "a.png", "b.png", "--csv", "out.csv", *model).exit_code == 3
    assert poise("classify", "b.png", "--csv", "out.csv", *model).exit_code == 4
