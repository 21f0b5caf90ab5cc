"""`poise classify`: pictures of faces in all the ways they come, as a table."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from poise.batch import photographs
from poise.batch.photographs import Counts, classify_pictures
from poise.errors import ModelError, SettingsError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import landmarks_in_picture, load_picture
from poise.labels import VALENCES
from poise.settings import Settings
from poise.types import Image
from tests.conftest import SampleFaces


def _save(path: Path, image: Image, **keywords: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(image).save(path, **keywords)  # type: ignore[arg-type]
    return path


def _cropped(sample: SampleFaces, k: int, margin: float = 0.0) -> Image:
    """The face cut out of its frame at the detector's box."""
    x1, y1, x2, y2 = sample.faces.boxes_xyxy_px[k]
    more = margin * (y2 - y1)
    low_x, low_y = int(max(0, x1 - more)), int(max(0, y1 - more))
    return np.ascontiguousarray(sample.images[k, low_y : int(y2 + more), low_x : int(x2 + more)])


@pytest.fixture(scope="module")
def settings(model_dir: Path) -> Settings:
    """The session's model on the CPU."""
    return Settings(model=str(model_dir), device="cpu")


@pytest.fixture(autouse=True)
def loaded_once(
    monkeypatch: pytest.MonkeyPatch, classifier: ExpressionClassifier, detector: FaceDetector
) -> None:
    """The networks are loaded once per session."""

    def same(directory: Path | None = None, **keywords: object) -> ExpressionClassifier:
        if directory is not None and not directory.is_dir():
            raise ModelError("no model here")
        return classifier

    monkeypatch.setattr(photographs, "ExpressionClassifier", same)
    monkeypatch.setattr(photographs, "FaceDetector", lambda **keywords: detector)


def _rows(
    sources: list[Path], tmp_path: Path, settings: Settings, *, cropped: bool = False
) -> tuple[pd.DataFrame, Counts]:
    counts = classify_pictures(sources, tmp_path / "out.csv", cropped=cropped, settings=settings)
    return pd.read_csv(tmp_path / "out.csv"), counts


def _posteriors(table: pd.DataFrame) -> np.ndarray:  # type: ignore[type-arg]
    return table[[f"p_{v}" for v in VALENCES]].to_numpy()


def test_columns_are_those_that_are_promised(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces, classifier: ExpressionClassifier
) -> None:
    table, _ = _rows([_save(tmp_path / "a.png", sample_faces.images[0])], tmp_path, settings)
    emotions = classifier.spec.labels.emotions
    expected = [
        "path",
        *(f"p_{n}" for n in VALENCES),
        *(f"emotion_p_{n}" for n in emotions),
        "label",
        "emotion",
    ]
    assert list(table.columns)[: len(expected)] == expected
    assert list(table.columns)[len(expected) :] == ["face_found", "error"]
    assert table[[f"emotion_p_{n}" for n in emotions]].sum(axis=1)[0] == pytest.approx(1, abs=1e-3)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600


def test_rows_add_up(tmp_path: Path, settings: Settings, sample_faces: SampleFaces) -> None:
    for k, image in enumerate(sample_faces.images):
        _save(tmp_path / "in" / f"{k}.png", image)
    table, counts = _rows([tmp_path / "in"], tmp_path, settings)
    assert counts == Counts(pictures=4, without_face=0, unreadable=0)
    assert table["path"].tolist() == [str(tmp_path / "in" / f"{k}.png") for k in range(4)]
    np.testing.assert_allclose(_posteriors(table).sum(axis=1), 1, atol=2e-3)
    best = [VALENCES[k] for k in _posteriors(table).argmax(axis=1)]
    assert table["label"].tolist() == best
    assert table["face_found"].all() and table["error"].isna().all()


def test_a_still_says_what_the_recording_says(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces, classifier: ExpressionClassifier
) -> None:
    """One way in which a face becomes a crop."""
    for k, image in enumerate(sample_faces.images):
        _save(tmp_path / "in" / f"{k}.png", image)
    table, _ = _rows([tmp_path / "in"], tmp_path, settings)
    eyes = sample_faces.faces.landmarks_px[:, :2]
    eye_px = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    posterior = classifier.predict(sample_faces.crops, eye_px=eye_px).posterior
    expected = classifier.spec.labels.valence_posterior(posterior)
    # (One of the faces is near the middle between two classes, where a pixel moves it.)
    np.testing.assert_allclose(_posteriors(table), expected, atol=0.12)


@pytest.mark.parametrize("margin", [0.0, 0.15, 0.3])
def test_cropped_faces_are_found_and_read_alike(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces, margin: float
) -> None:
    for k in range(4):
        _save(tmp_path / "whole" / f"{k}.png", sample_faces.images[k])
        _save(tmp_path / "cropped" / f"{k}.png", _cropped(sample_faces, k, margin))
    whole, _ = _rows([tmp_path / "whole"], tmp_path, settings)
    cropped, counts = _rows([tmp_path / "cropped"], tmp_path, settings, cropped=True)
    assert counts.without_face == 0
    assert np.abs(_posteriors(whole) - _posteriors(cropped)).mean() < 0.12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_turned_by_its_exif_is_turned_back(
    tmp_path: Path, sample_faces: SampleFaces, orientation: int
) -> None:
    upright = Pillow.fromarray(sample_faces.images[0])
    stored = {
        1: None, 2: Pillow.Transpose.FLIP_LEFT_RIGHT, 3: Pillow.Transpose.ROTATE_180,
        4: Pillow.Transpose.FLIP_TOP_BOTTOM, 5: Pillow.Transpose.TRANSPOSE,
        6: Pillow.Transpose.ROTATE_90, 7: Pillow.Transpose.TRANSVERSE,
        8: Pillow.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    picture = upright if stored is None else upright.transpose(stored)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(load_picture(tmp_path / "a.png"), sample_faces.images[0])


def test_transparent_parts_do_not_hide_the_face(
    tmp_path: Path, sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    picture = Pillow.fromarray(sample_faces.images[0]).convert("RGBA")
    picture.save(tmp_path / "a.png")
    assert landmarks_in_picture(load_picture(tmp_path / "a.png"), detector) is not None


def test_a_broken_picture_has_a_row_and_costs_the_others_nothing(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"no picture")
    _save(tmp_path / "in" / "b.png", sample_faces.images[1])
    table, counts = _rows([tmp_path / "in"], tmp_path, settings)
    assert counts == Counts(pictures=2, without_face=0, unreadable=1)
    assert "cannot be read" in table["error"][0] and pd.isna(table["error"][1])
    assert table.loc[0, ["p_positive", "label", "face_found"]].isna().all()
    assert table.loc[1, "face_found"]


@pytest.mark.parametrize("name", ["a.HEIC", "a.avif", "a.jfif", "a.jp2"])
def test_a_picture_of_a_phone_or_a_scanner_in_a_folder_has_a_row(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces, name: str
) -> None:
    if name == "a.HEIC":
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1")
    else:
        kind = {"a.avif": "AVIF", "a.jfif": "JPEG", "a.jp2": "JPEG2000"}[name]
        _save(tmp_path / "in" / name, sample_faces.images[0], format=kind)
    (tmp_path / "in" / "notes.txt").touch()
    table, counts = _rows([tmp_path / "in"], tmp_path, settings)
    assert counts == Counts(pictures=1, without_face=0, unreadable=int(name == "a.HEIC"))
    assert table["path"].tolist() == [str(tmp_path / "in" / name)]


def test_a_folder_that_may_not_be_read_has_a_row(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path / "in" / "a.png", sample_faces.images[0])
    (tmp_path / "in" / "shut").mkdir()
    listed = os.scandir

    def scandir(place: str) -> object:
        if Path(place).name == "shut":
            raise PermissionError(13, "Permission denied", place)
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    table, counts = _rows([tmp_path / "in"], tmp_path, settings)
    assert counts == Counts(pictures=2, without_face=0, unreadable=1)
    assert table["path"].tolist()[1] == str(tmp_path / "in" / "shut")
    assert "cannot be read" in table["error"][1]


def test_only_broken_pictures(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    table, counts = _rows([tmp_path / "a.jpg"], tmp_path, settings)
    assert counts.unreadable == counts.pictures == len(table) == 1


@pytest.mark.parametrize("cropped", [True, False])
def test_a_picture_without_a_face_is_read_as_a_whole_and_says_so(
    tmp_path: Path, settings: Settings, cropped: bool
) -> None:
    path = _save(tmp_path / "wall.png", np.full((100, 80, 3), 130, np.uint8))
    table, counts = _rows([path], tmp_path, settings, cropped=cropped)
    assert counts.without_face == 1
    assert not table["face_found"][0]
    assert table["label"][0] in (*VALENCES, "surprise")


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (20, 20)])
@pytest.mark.parametrize("cropped", [True, False])
def test_odd_sizes(
    tmp_path: Path, settings: Settings, cropped: bool, size: tuple[int, int]
) -> None:
    path = _save(tmp_path / "a.png", np.full((*size, 3), 90, np.uint8))
    table, _ = _rows([path], tmp_path, settings, cropped=cropped)
    np.testing.assert_allclose(_posteriors(table).sum(), 1, atol=2e-3)


def test_the_largest_face_is_taken(
    tmp_path: Path, sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    small = sample_faces.images[1, ::4, ::4]
    scene = sample_faces.images[0].copy()
    scene[:120, :160] = small
    points = landmarks_in_picture(scene, detector)
    assert points is not None
    np.testing.assert_allclose(points, sample_faces.faces.landmarks_px[0], atol=8)


def test_a_large_picture_is_read_in_its_own_pixels(
    sample_faces: SampleFaces, detector: FaceDetector
) -> None:
    large = sample_faces.images[0].repeat(4, axis=0).repeat(4, axis=1)
    points = landmarks_in_picture(large, detector)
    assert points is not None
    np.testing.assert_allclose(points, 4 * sample_faces.faces.landmarks_px[0], atol=24)


def test_folders_are_searched_for_pictures_only(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces
) -> None:
    _save(tmp_path / "in" / "deep" / "한 글.PNG", sample_faces.images[0])
    (tmp_path / "in" / "notes.txt").write_text("no picture", encoding="utf-8")
    table, _ = _rows([tmp_path / "in"], tmp_path, settings)
    assert [Path(p).name for p in table["path"]] == ["한 글.PNG"]


def test_hidden_pictures_in_folders_are_left_alone(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces
) -> None:
    """As recordings are: macOS leaves `._name.jpg` beside each picture."""
    _save(tmp_path / "in" / "a.png", sample_faces.images[0])
    (tmp_path / "in" / "._a.png").write_bytes(b"\0\5\x16\7")
    _, counts = _rows([tmp_path / "in"], tmp_path, settings)
    assert counts.pictures == 1


def test_no_pictures(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SettingsError, match="no pictures"):
        _rows([tmp_path / "in"], tmp_path, settings)


def test_a_missing_picture(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        _rows([tmp_path / "none.png"], tmp_path, settings)


def test_the_table_is_called_as_asked_and_nothing_beside_it_is_touched(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces
) -> None:
    picture = _save(tmp_path / "a.png", sample_faces.images[0])
    (tmp_path / "out.csv").write_text("mine\n", encoding="utf-8")
    classify_pictures([picture], tmp_path / "out.txt", cropped=False, settings=settings)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").startswith("path,")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "mine\n"


def test_a_byte_order_mark_when_asked_for(
    tmp_path: Path, settings: Settings, sample_faces: SampleFaces
) -> None:
    picture = _save(tmp_path / "a.png", sample_faces.images[0])
    bom = Settings(model=settings.model, device="cpu", csv_bom=True)
    classify_pictures([picture], tmp_path / "out.csv", cropped=False, settings=bom)
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")
