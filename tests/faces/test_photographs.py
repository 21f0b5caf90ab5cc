"""Still pictures: loaded upright, and the face they show found."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from poise.errors import VideoError
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import landmarks_in_crops, load_picture
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


def _gray(sample: SampleFaces) -> np.ndarray:  # type: ignore[type-arg]
    return (sample.images[0] @ np.array([0.299, 0.587, 0.114])).round()


@pytest.mark.parametrize("kind", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16", "I", "F"])
def test_pictures_of_every_kind_become_colour(
    tmp_path: Path, sample_faces: SampleFaces, kind: str
) -> None:
    picture = Pillow.fromarray(sample_faces.images[0])
    suffix = ".tif" if kind in ("CMYK", "I", "F") else ".png"
    if kind in ("I;16", "I"):
        deep = (_gray(sample_faces) * 257).astype(np.uint16 if kind == "I;16" else np.int32)
        picture = Pillow.fromarray(deep)
    elif kind == "F":  # as software of laboratories writes it, from 0 to 1
        picture = Pillow.fromarray((_gray(sample_faces) / 255).astype(np.float32))
    else:
        picture = picture.convert(kind)
    picture.save(tmp_path / f"a{suffix}")
    image = load_picture(tmp_path / f"a{suffix}")
    assert image.shape == (480, 640, 3) and image.dtype == np.uint8
    seen, expected = image.mean(axis=2).ravel(), _gray(sample_faces).ravel()
    assert np.corrcoef(seen, expected)[0, 1] > (0.4 if kind == "1" else 0.95)
    assert abs(seen.mean() - expected.mean()) < 25


def test_a_sixteen_bit_picture_is_turned_by_its_exif(
    tmp_path: Path, sample_faces: SampleFaces
) -> None:
    deep = Pillow.fromarray((_gray(sample_faces) * 257).astype(np.uint16))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    deep.transpose(Pillow.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif)
    assert load_picture(tmp_path / "a.png").shape == (480, 640, 3)


@pytest.mark.parametrize(
    "data", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a"],
    ids=["empty", "text", "broken png", "broken gif"],
)  # fmt: skip
def test_a_broken_picture_is_a_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(VideoError, match="cannot be read as a picture") as caught:
        load_picture(tmp_path / "a.png")
    assert caught.value.path == str(tmp_path / "a.png")


def test_a_picture_cut_off_is_a_clear_error(tmp_path: Path, sample_faces: SampleFaces) -> None:
    path = _save(tmp_path / "a.jpg", sample_faces.images[0])
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(VideoError):
        load_picture(path)


def test_a_picture_whose_exif_is_damaged_is_a_clear_error(
    tmp_path: Path, sample_faces: SampleFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _save(tmp_path / "a.jpg", sample_faces.images[0])

    def transpose(picture: object) -> object:
        raise struct.error("required argument is not an integer")

    monkeypatch.setattr(ImageOps, "exif_transpose", transpose)
    with pytest.raises(VideoError, match="cannot be read as a picture"):
        load_picture(path)


def test_a_picture_of_absurd_size_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow refuses what may be a decompression bomb."""
    path = _save(tmp_path / "a.png", np.zeros((100, 100, 3), np.uint8))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(VideoError):
        load_picture(path)


@pytest.mark.parametrize("k", range(4))
def test_landmarks_in_a_crop_are_those_in_the_frame(
    sample_faces: SampleFaces, detector: FaceDetector, k: int
) -> None:
    box = sample_faces.faces.boxes_xyxy_px[k]
    corner = np.maximum(box[:2].astype(int), 0)
    (points,) = landmarks_in_crops([_cropped(sample_faces, k)], detector)
    assert points is not None
    side = box[3] - box[1]
    difference = np.abs(points + corner - sample_faces.faces.landmarks_px[k]).max()
    assert difference < 0.06 * side


def test_no_crops(detector: FaceDetector) -> None:
    assert landmarks_in_crops([], detector) == []
