from __future__ import annotations

import io
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poise.errors import SettingsError
from poise_training.datasets.folders import LFW_PERSON, read_csv, read_folders
from poise_training.files import FileTree

_COLUMNS = "image,emotion,person,split,gender,age,box_x1_px,box_y1_px,box_x2_px,box_y2_px"


def _png(value: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((6, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _tree(root: Path, *names: str, table: str | bytes = "", packed: bool = False) -> FileTree:
    files = {name: _png(k) for k, name in enumerate(names)}
    if table:
        files["labels.csv"] = table.encode() if isinstance(table, str) else table
    if packed:
        with zipfile.ZipFile(root / "faces.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return FileTree(root / "faces.zip")
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return FileTree(root)


@pytest.mark.parametrize("packed", [False, True])
def test_folders(tmp_path: Path, packed: bool) -> None:
    names = ("faces/train/Happiness/a_1.png", "faces/val/neutral/b.PNG", "test/anger/c.png")
    tree = _tree(tmp_path, *names, "anger/d.png", "stray.png", "train/e.png", packed=packed)
    dataset = read_folders(tree, cropped=True, person_pattern=r"(.)_\d")
    assert {(f.majority, f.split, f.person) for f in dataset.faces} == {
        ("happiness", "train", "a"),
        ("neutral", "validation", None),
        ("anger", "test", None),
        ("anger", None, None),
    }
    assert {d.source for d in dataset.dropped} == {"stray.png", "train/e.png"}
    assert all(face.load().shape == (6, 4, 3) and face.cropped for face in dataset.faces)


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(SettingsError, match="no pictures"):
        read_folders(FileTree(tmp_path), cropped=True)


@pytest.mark.parametrize("packed", [False, True])
def test_csv_with_every_column(tmp_path: Path, packed: bool) -> None:
    table = f"{_COLUMNS}\na.png,Happiness,p,val,female,20,1,2,3,4\nsub\\b.png,anger,,,,,,,,\n"
    tree = _tree(tmp_path, "a.png", "images/sub/b.png", table=table, packed=packed)
    first, second = read_csv(tree, cropped=False).faces
    assert first.votes == {"happiness": 1}
    assert (first.majority, first.person, first.split) == ("happiness", "p", "validation")
    assert first.box_xyxy_px == (1, 2, 3, 4)
    assert first.groups == {"gender": "female", "age": "20"}
    assert (second.person, second.split, second.box_xyxy_px) == (None, None, None)
    assert second.groups == {}
    assert second.load()[0, 0].tolist() == [1, 1, 1]


def test_csv_votes(tmp_path: Path) -> None:
    table = "image,votes_anger,votes_fear\na.png,3,1\nb.png,2,2\nc.png,,1\n"
    faces = read_csv(_tree(tmp_path, "a.png", "b.png", "c.png", table=table), cropped=True).faces
    assert [f.votes for f in faces] == [
        {"anger": 0.75, "fear": 0.25},
        {"anger": 0.5, "fear": 0.5},
        {"fear": 1},
    ]
    assert [f.majority for f in faces] == ["anger", None, "fear"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("none.png,anger,,,,,,,,", "no picture of that name"),
        (",anger,,,,,,,,", "no picture of that name"),
        ("b.png,,,,,,,,,", "no label"),
        ("b.png", "no label"),
        ("a.png,anger,,,,,,,,", "listed before"),
        ("b.png,anger,,somewhere,,,,,,", "unknown split 'somewhere'"),
        ("b.png,anger,,,,,1,2,3,", "the box is not four numbers"),
        ("b.png,anger,,,,,3,2,1,4", "the box has no area"),
    ],
)
def test_csv_faults_are_accounted_for(tmp_path: Path, row: str, reason: str) -> None:
    table = f"{_COLUMNS}\na.png,anger,,,,,,,,\n{row}\n"
    dataset = read_csv(_tree(tmp_path, "a.png", "b.png", table=table), cropped=True)
    assert [face.source for face in dataset.faces] == ["a.png"]
    assert [d.reason for d in dataset.dropped] == [reason]


@pytest.mark.parametrize("votes", ["many", "-1", "inf", "0"])
def test_csv_votes_that_are_no_counts(tmp_path: Path, votes: str) -> None:
    tree = _tree(tmp_path, "a.png", table=f"image,votes_anger\na.png,{votes}\n")
    dataset = read_csv(tree, cropped=True)
    assert (len(dataset.faces), len(dataset.dropped)) == (0, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_csv_in_korean(tmp_path: Path, encoding: str) -> None:
    table = "image,label\r\n기쁨.png,happiness\r\n".encode(encoding)
    tree = _tree(tmp_path, unicodedata.normalize("NFD", "기쁨.png"), table=table)
    (face,) = read_csv(tree, cropped=True).faces
    assert face.source == "기쁨.png"
    assert face.load().shape == (6, 4, 3)


@pytest.mark.parametrize("header", ["image,person", "file,emotion"])
def test_csv_without_its_columns_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SettingsError, match="column image"):
        read_csv(_tree(tmp_path, "a.png", table=f"{header}\na.png,x\n"), cropped=True)


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="regular expression"):
        read_folders(_tree(tmp_path, "anger/a.png"), cropped=True, person_pattern="(")


def test_lfw(shared: Path) -> None:
    tree = FileTree(shared / "data" / "lfw_expressions.zip")
    dataset = read_csv(tree, cropped=True, person_pattern=LFW_PERSON)
    counts = Counter(face.majority for face in dataset.faces)
    assert (counts["neutral"], counts["happiness"]) == (6864, 5693)
    assert (len(dataset.faces), len(dataset.dropped)) == (13681, 0)
    assert sum(face.person == "George_W_Bush" for face in dataset.faces) > 400
    assert min(dataset.faces[0].load().shape[:2]) == 128
