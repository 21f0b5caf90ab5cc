"""A folder or a zip archive, read in the same way; files written whole."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from poise.errors import SettingsError
from poise_training.files import FileTree, write_json, write_table


@pytest.fixture(params=["folder", "zip"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> FileTree:
    files = {"a/1.JPG": b"one", "a/b/2.png": b"two", "labels.csv": b"label"}
    for name, data in files.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(data)
    if request.param == "folder":
        return FileTree(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return FileTree(tmp_path / "set.zip")


def test_files_are_found_wherever_they_lie(tree: FileTree) -> None:
    assert tree.names(".jpg", ".png") == ["a/1.JPG", "a/b/2.png"]
    assert tree.read("a/b/2.png") == b"two" and tree.find("2.png") == "a/b/2.png"
    with pytest.raises(SettingsError, match=r"no 3\.png in it"):
        tree.find("3.png")


def test_a_folder_that_may_not_be_read_is_not_passed_over(
    tree: FileTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(place: str) -> object:
        if Path(place).name == "b":
            raise PermissionError(13, "Permission denied", place)
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    if tree.root.is_dir():
        with pytest.raises(SettingsError, match=r"b: cannot be read \(Permission denied\)"):
            tree.names(".png")
    else:
        assert tree.names(".png") == ["a/b/2.png"]


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"cut off")
    with pytest.raises(SettingsError, match="neither a folder nor a zip archive"):
        FileTree(tmp_path / "set.zip")


def test_what_is_written_is_whole(tmp_path: Path) -> None:
    write_json({"이름": [1, 2]}, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"이름": [1, 2]}
    write_table(pd.DataFrame({"x": [1 / 3]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").split() == ["x", "0.333333"]
    assert len(list(tmp_path.iterdir())) == 2
