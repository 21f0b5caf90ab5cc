"""What every reader of a data set yields."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image as Pillow

from poise.errors import VideoError
from poise_training.datasets.labelled_faces import majority_of, read_picture, vote_shares
from poise_training.files import FileTree


def test_shares_of_votes() -> None:
    shares = vote_shares({"happy": 3, "sad": 0, "neutral": 1})
    assert shares == {"happy": 0.75, "neutral": 0.25} and list(shares) == ["happy", "neutral"]


@pytest.mark.parametrize(
    ("counts", "abstained", "expected"),
    [({"happy": 6, "sad": 4}, 0, "happy"), ({"happy": 5, "sad": 5}, 0, None),
     ({"happy": 6, "sad": 3}, 3, None), ({}, 10, None)],
)  # fmt: skip
def test_a_majority_is_more_than_half_of_all_people(
    counts: dict[str, float], abstained: float, expected: str | None
) -> None:
    assert majority_of(counts, abstained) == expected


def test_pictures_that_cannot_be_read_say_where_they_lie(tmp_path: Path) -> None:
    Pillow.new("RGB", (4, 2), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    tree = FileTree(tmp_path)
    assert read_picture(tree, "a.png").shape == (2, 4, 3)
    for name in ("b.png", "missing.png"):
        with pytest.raises(VideoError) as caught:
            read_picture(tree, name)
        assert Path(str(caught.value.path)) == tmp_path / name


def test_an_archive_that_is_damaged_costs_one_picture(tmp_path: Path) -> None:
    Pillow.new("RGB", (4, 2), "red").save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    data = bytearray((tmp_path / "set.zip").read_bytes())
    data[45] ^= 0xFF
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(VideoError, match="cannot be read"):
        read_picture(FileTree(tmp_path / "set.zip"), "a.png")
