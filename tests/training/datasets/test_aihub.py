from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poise.errors import SettingsError, VideoError
from poise_training.datasets.aihub import EMOTIONS, Fault, read_aihub
from poise_training.datasets.labelled_faces import Dataset
from poise_training.datasets.schemes import apply_scheme, load_scheme
from poise_training.datasets.splits import split_faces
from tests.training.lookalike import (
    BOTH_SIDES,
    BOX,
    HEIGHT_PX,
    WIDTH_PX,
    LookAlike,
    annotation,
    draw_face,
    make_aihub,
    make_sample,
    person,
    write_zip,
)


@pytest.fixture(scope="module", params=["folders", "zips"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LookAlike:
    return make_aihub(tmp_path_factory.mktemp(request.param), zips=request.param == "zips")


@pytest.fixture(scope="module")
def dataset(made: LookAlike) -> Dataset:
    return read_aihub(made.root)


def test_keeps_every_good_face(made: LookAlike, dataset: Dataset) -> None:
    assert Counter((face.split, face.majority) for face in dataset.faces) == made.kept


def test_accounts_for_every_fault(made: LookAlike, dataset: Dataset) -> None:
    assert Counter(d.reason for d in dataset.dropped) == made.faults


def test_every_row_and_picture_ends_in_one_place(made: LookAlike, dataset: Dataset) -> None:
    places = [face.source for face in dataset.faces] + [d.source for d in dataset.dropped]
    assert len(set(places)) == len(places)
    rows = [d for d in dataset.dropped if d.source.endswith("]")]
    assert len(dataset.faces) + len(rows) == made.rows
    without_picture = {Fault.NO_PICTURE, Fault.MALFORMED, Fault.REPEATED, Fault.AMBIGUOUS}
    with_row = len(dataset.faces) + sum(d.reason not in without_picture for d in rows)
    left_over = sum(d.reason in {Fault.NO_LABEL, Fault.SECOND_COPY} for d in dataset.dropped)
    assert with_row + left_over == made.pictures


def test_votes_are_shares_of_those_who_named_an_emotion(dataset: Dataset) -> None:
    for face in dataset.faces:
        assert sum(face.votes.values()) == pytest.approx(1)
        assert set(face.votes) <= set(EMOTIONS.values())
        assert max(face.votes.values()) in (pytest.approx(2 / 3), 1)


def test_pictures_are_upright_and_boxes_fit_them(dataset: Dataset) -> None:
    without_box = 0
    for face in dataset.faces:
        picture = face.load()
        assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert not face.cropped
        if face.box_xyxy_px is None:
            without_box += 1
            continue
        assert face.box_xyxy_px == BOX
        x1, y1, x2, y2 = map(int, face.box_xyxy_px)
        outside = np.ones(picture.shape[:2], bool)
        outside[y1 - 2 : y2 + 3, x1 - 2 : x2 + 3] = False
        assert picture[y1:y2, x1:x2].mean() > 100 > 60 > picture[outside].mean()
        # the eyes are above, the mouth is below: not upside down
        assert picture[y1:60, 34:42].min() < picture[64 : y2 - 20, 34:42].min()
    assert without_box


def test_person_gender_and_age(dataset: Dataset) -> None:
    assert {face.person for face in dataset.faces} == {person(k) for k in range(11)}
    assert {face.groups["gender"] for face in dataset.faces} == {"female", "male"}
    assert {face.groups["age"] for face in dataset.faces} == {"20", "30", "40", "50"}


def test_no_person_is_in_two_splits(dataset: Dataset) -> None:
    splits = split_faces(dataset.faces, seed=0)
    pairs = {(face.person, split) for face, split in zip(dataset.faces, splits, strict=True)}
    assert len(pairs) == len({face.person for face in dataset.faces})
    assert (person(BOTH_SIDES), "validation") in pairs
    assert any(f.person == person(BOTH_SIDES) and f.split == "train" for f in dataset.faces)


def test_paper_scheme_is_balanced(dataset: Dataset) -> None:
    scheme = replace(load_scheme("aihub_paper"), per_class=10)
    result = apply_scheme(dataset, scheme, seed=1)
    classes = np.bincount(result.targets.argmax(axis=1), minlength=3)
    assert classes.tolist() == [10, 10, 10]
    assert Counter(face.majority for face in result.faces) == {
        "happiness": 10,
        "neutral": 10,
        "embarrassment": 5,
        "anxiety": 5,
    }
    assert len(result.faces) + len(result.dropped) == len(dataset.faces)


def test_sample_has_no_splits(tmp_path: Path) -> None:
    made = make_sample(tmp_path)
    dataset = read_aihub(tmp_path)
    assert Counter((face.split, face.majority) for face in dataset.faces) == made.kept
    assert {face.split for face in dataset.faces} == {None}
    assert not dataset.dropped


def test_zips_beside_what_was_unpacked_from_them_count_once(tmp_path: Path) -> None:
    make_aihub(tmp_path / "a", zips=True)
    alone = read_aihub(tmp_path / "a")
    make_aihub(tmp_path / "a" / "unpacked", zips=False)
    both = read_aihub(tmp_path / "a")
    assert len(both.faces) == len(alone.faces)


def test_bytes_on_disk_that_are_no_text(tmp_path: Path) -> None:
    name = f"{person(1)}_여_20_기쁨_도심 환경_20210126102023-001-001.jpg"
    try:
        (tmp_path / name.encode("cp949").decode("utf-8", "surrogateescape")).write_bytes(
            draw_face(1)
        )
    except (OSError, UnicodeError):
        pytest.skip("this file system takes names in UTF-8 only")
    _label(tmp_path, name)
    (face,) = read_aihub(tmp_path).faces
    assert face.source == name
    assert face.load().shape == (HEIGHT_PX, WIDTH_PX, 3)


def test_the_median_box_withstands_one_bad_annotator(tmp_path: Path) -> None:
    name = f"{person(1)}_여_20_기쁨_도심_1-1-1.jpg"
    (tmp_path / name).write_bytes(draw_face(1))
    boxes = [(10, 20, 50, 60), (11, 21, 51, 61), (4000, 3000, 9, 8)]
    _label(tmp_path, name, boxes)
    assert read_aihub(tmp_path).faces[0].box_xyxy_px == (10, 20, 51, 61)


def test_the_same_name_on_both_sides_stays_on_its_own(tmp_path: Path) -> None:
    name = f"{person(1)}_여_20_기쁨_도심_1-1-1.jpg"
    for folder in ("Training", "Validation"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(draw_face(1))
        _label(tmp_path / folder, name, json_name=f"{folder}.json")
    dataset = read_aihub(tmp_path)
    assert {(face.source, face.split) for face in dataset.faces} == {
        (f"Training/{name}", "train"),
        (f"Validation/{name}", "validation"),
    }
    assert not dataset.dropped


def test_names_differ_in_case_and_only_the_picture_tells_the_split(tmp_path: Path) -> None:
    name = f"{person(1)}_여_20_기쁨_도심_1-1-1.jpg"
    (tmp_path / "[원천]EMOIMG_기쁨_VALID").mkdir()
    (tmp_path / "[원천]EMOIMG_기쁨_VALID" / name).write_bytes(draw_face(1))
    _label(tmp_path, name.upper(), json_name="labels.json")
    (face,) = read_aihub(tmp_path).faces
    assert (face.split, face.person) == ("validation", person(1))


def test_an_unreadable_picture_names_itself(tmp_path: Path) -> None:
    name = f"{person(1)}_여_20_기쁨_도심_1-1-1.jpg"
    write_zip(tmp_path / "images.zip", {name: b"no picture"}, "cp949")
    _label(tmp_path, name)
    (face,) = read_aihub(tmp_path).faces
    with pytest.raises(VideoError, match=r"images\.zip"):
        face.load()


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(draw_face(1))
    with pytest.raises(SettingsError, match="Training and Validation"):
        read_aihub(tmp_path)


def _label(
    folder: Path,
    name: str,
    boxes: list[tuple[int, int, int, int]] | None = None,
    json_name: str = "img_emotion_training_data(기쁨).json",
) -> None:
    given = [annotation("기쁨", box) for box in boxes or [BOX] * 3]
    row: dict[str, object] = {"filename": name, "gender": "여", "age": "20대"}
    row |= dict(zip(("annot_A", "annot_B", "annot_C"), given, strict=True))
    (folder / json_name).write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
