from __future__ import annotations

import zipfile
from pathlib import Path

from poise_training.datasets.ferplus import EMOTIONS, read_ferplus
from poise_training.files import FileTree
from tests.training.lookalike import draw_face

_ROWS = {  # the votes: eight emotions, unknown, no face
    "a.png": (6, 3, 0, 0, 1, 0, 0, 0, 0, 0),
    "b.png": (5, 4, 0, 0, 0, 0, 0, 0, 1, 0),
    "c.png": (1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    "d.png": (1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
    "missing.png": (10, 0, 0, 0, 0, 0, 0, 0, 0, 0),
}


def test_votes_majority_and_faults(tmp_path: Path) -> None:
    lines = [",".join(("Usage", "Image name", *EMOTIONS, "unknown", "NF"))]
    lines += [",".join(("PrivateTest", name, *map(str, v))) for name, v in _ROWS.items()]
    with zipfile.ZipFile(tmp_path / "ferplus.zip", "w") as archive:
        archive.writestr("fer2013new.csv", "\n".join(lines))
        for name in list(_ROWS)[:-1]:
            archive.writestr(f"data/FER2013Test/{name}", draw_face(1))
    dataset = read_ferplus(FileTree(tmp_path / "ferplus.zip"))
    first, second, fourth = dataset.faces
    assert first.votes == {"neutral": 6 / 9, "happiness": 3 / 9}
    assert (first.majority, first.split) == ("neutral", "test")
    assert second.majority is None  # five of ten is not more than half
    assert fourth.votes == dict.fromkeys(EMOTIONS, 1 / 8)
    assert [(d.source, d.reason) for d in dataset.dropped] == [
        ("FER2013Test/c.png", "most votes: unknown or no face"),
        ("FER2013Test/missing.png", "no picture of that name"),
    ]
