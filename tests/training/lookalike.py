"""A small data set that looks like AI Hub no. 82, with drawn faces and all its faults.

AI Hub's pictures may not be passed on, so what reads them is tried on these.
"""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from poise_training.datasets.aihub import EMOTIONS, Fault

WIDTH_PX, HEIGHT_PX = 96, 128
BOX = (24, 20, 72, 100)
UNKNOWN = "알수없음"
BOTH_SIDES = 7  # the number of a person in Training and in Validation
_PLACES = ("공공시설&종교&의료시설", "도심 환경", "교통&이동공간(엘리베이터 포함)")
_TURNED = {  # EXIF orientation: what was done to the upright picture
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass
class LookAlike:
    """What was made, and what a reader should find in it."""

    root: Path
    kept: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    rows: int = 0
    pictures: int = 0


def make_aihub(root: Path, *, zips: bool, per_emotion: int = 12) -> LookAlike:
    """Make Training and Validation with `per_emotion` (at least 12) and 4 faces per emotion."""
    made = LookAlike(root)
    for number, emotion in enumerate(EMOTIONS):
        part = _Part(made, emotion, "Training", "TRAIN", person_from=0)
        for k in range(per_emotion):
            part.face(k)
        if number == 0:
            _add_faults(part)
        part.write(
            f"img_emotion_training_data({emotion}).json",
            encoding=("utf-8-sig", "cp949", "utf-8")[number % 3],
            zips=zips,
            names=("cp949", "utf-8")[number % 2] if zips else _FOLDER_NAMES[number % 4],
        )
        part = _Part(made, emotion, "Validation", "VALID", person_from=BOTH_SIDES)
        for k in range(4):
            part.face(k)
        part.write(
            f"img_emotion_validation_data({emotion}).json",
            encoding=("cp949", "utf-8")[number % 2],
            zips=zips,
            names="utf-8" if zips else _FOLDER_NAMES[0],
        )
    _add_broken_files(made)
    return made


def make_sample(root: Path) -> LookAlike:
    """Make the sample set, which has no splits."""
    made = LookAlike(root)
    for emotion in ("기쁨", "중립"):
        part = _Part(made, emotion, "Sample", "SAMPLE", person_from=0)
        for k in range(3):
            part.face(k)
        part.write(f"img_emotion_sample_data({emotion}).json", "utf-8", False, _FOLDER_NAMES[0])
    return made


def person(number: int) -> str:
    """The 64 hexadecimal digits of a person."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def draw_face(seed: int, orientation: int | None = None) -> bytes:
    """A JPEG of a light face in BOX on a dark ground, turned if an EXIF orientation is given."""
    ground = np.random.default_rng(seed).integers(0, 60, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    picture = Image.fromarray(ground)
    pen = ImageDraw.Draw(picture)
    pen.ellipse(BOX, fill=(230, 190, 160))
    for x in (38, 58):
        pen.ellipse((x - 4, 45, x + 4, 53), fill=(40, 20, 10))
    pen.arc((36, 66, 60, 86), 0, 180, fill=(150, 30, 30), width=3)
    buffer = io.BytesIO()
    if orientation is None:
        picture.save(buffer, "JPEG", quality=90)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        picture.transpose(_TURNED[orientation]).save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def annotation(emotion: str | None, box: tuple[Any, Any, Any, Any] | None = BOX) -> dict[str, Any]:
    """What one annotator said."""
    sides = ("minX", "minY", "maxX", "maxY")
    boxes = None if box is None else dict(zip(sides, box, strict=True))
    return {"faceExp": emotion, "bg": "실내", "boxes": boxes}


class _Part:
    """The pictures and labels of one emotion in Training, Validation or the sample."""

    def __init__(
        self, made: LookAlike, emotion: str, place: str, mark: str, person_from: int
    ) -> None:
        self.made, self.emotion, self.place, self.mark = made, emotion, place, mark
        self.person_from = person_from
        self.rows: list[Any] = []
        self.pictures: defaultdict[str, dict[str, bytes]] = defaultdict(dict)

    @property
    def split(self) -> str | None:
        return {"TRAIN": "train", "VALID": "validation"}.get(self.mark)

    def name(self, k: int, suffix: str = ".jpg") -> str:
        number = self.person_from + k % 8
        stamp = f"20210126{hash_number(self.mark + self.emotion) % 10**6:06d}-001-{k:03d}"
        gender, age = ("여", "남")[number % 2], 20 + 10 * (number % 4)
        place = _PLACES[k % 3]
        return f"{person(number)}_{gender}_{age}_{self.emotion}_{place}_{stamp}{suffix}"

    def folder(self, k: int) -> str:
        return self.mark + (f"_{k % 4 + 1:02d}" if self.mark == "TRAIN" else "")

    def row(self, name: str, *annotations: dict[str, Any] | None) -> dict[str, Any]:
        _, gender, age, *_ = name.split("_")
        return {
            "filename": name,
            "gender": gender,
            "age": int(age),
            "isProf": "일반인",
            "faceExp_uploader": self.emotion,
            "bg_uploader": "실내",
            **dict(zip(("annot_A", "annot_B", "annot_C"), annotations, strict=True)),
        }

    def add(self, k: int, name: str, picture: bytes | None = None) -> None:
        data = draw_face(hash_number(name)) if picture is None else picture
        self.pictures[self.folder(k)][name] = data

    def face(self, k: int) -> None:
        """A face that a reader should keep, in one of the guises of the real ones."""
        orientation = (None, *_TURNED)[k % 5]
        name = self.name(k)
        self.add(k, name, draw_face(hash_number(name), orientation))
        x1, y1, x2, y2 = BOX
        mine = annotation(self.emotion)
        other = annotation("슬픔" if self.emotion == "상처" else "상처", (x1 - 9, y1, x2, y2))
        self.rows.append(
            self.row(
                name,
                *(
                    (mine, mine, mine),
                    (mine, other, mine),
                    (mine, mine, annotation(UNKNOWN, None)),
                    (mine, annotation(self.emotion, (x2, y2, x1, y1)), mine),
                    (annotation(self.emotion, None),) * 3,
                    (mine, annotation(self.emotion, (None, y1, x2, y2)), mine),
                )[k % 6],
            )
        )
        self.made.kept[self.split, EMOTIONS[self.emotion]] += 1

    def write(self, json_name: str, encoding: str, zips: bool, names: Any) -> None:
        """Write the label file and the pictures, as folders or zips."""
        labels = json.dumps(self.rows, ensure_ascii=False).encode(encoding)
        self.made.rows += len(self.rows)
        self.made.pictures += sum(map(len, self.pictures.values()))
        archives = {f"[원천]EMOIMG_{self.emotion}_{k}": v for k, v in self.pictures.items()}
        archives[f"[라벨]EMOIMG_{self.emotion}_{self.mark}"] = {json_name: labels}
        for title, files in archives.items():
            if zips:
                target = self.made.root / self.place / f"{title}.zip"
                target.parent.mkdir(parents=True, exist_ok=True)
                write_zip(target, files, names)
            else:
                for name, data in files.items():
                    renamed = names(name) if "라벨" not in title else name
                    target = self.made.root / self.place / title / renamed
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(data)


def write_zip(path: Path, files: dict[str, bytes], encoding: str) -> None:
    """A zip whose names are in UTF-8, said so, or in CP949 without a word."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(_Cp949Info(name) if encoding == "cp949" else name, data)


class _Cp949Info(zipfile.ZipInfo):
    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("cp949"), self.flag_bits


def hash_number(text: str) -> int:
    """A number that depends on a text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def _as_cp437(name: str) -> str:
    return name.encode("cp949").decode("cp437")


_FOLDER_NAMES: tuple[Callable[[str], str], ...] = (
    lambda name: name.replace("&", "_"),
    _nfd,
    _as_cp437,
    lambda name: name.replace(".jpg", ".JPEG"),
)


def _add_faults(part: _Part) -> None:
    """Each fault of rows and pictures, beside faces that are as they should be."""
    mine, other, third = (annotation(e) for e in ("기쁨", "당황", "슬픔"))
    unknown = annotation(UNKNOWN)
    faults = part.made.faults

    part.rows.append(part.row(part.name(90), mine, mine, mine))
    faults[Fault.NO_PICTURE] += 1
    for k, (votes, fault) in enumerate(
        [
            ((mine, other, third), Fault.DISAGREE),
            ((mine, other, unknown), Fault.DISAGREE),
            ((unknown, unknown, mine), Fault.UNKNOWN),
            ((None, mine, None), Fault.UNKNOWN),
            ((annotation("놀람"),) * 3, Fault.UNKNOWN),
        ],
        start=20,
    ):
        part.add(k, part.name(k))
        part.rows.append(part.row(part.name(k), *votes))
        faults[fault] += 1
    malformed = ["a line", None, {"filename": None}, {"filename": part.name(91)}]
    part.rows += malformed
    faults[Fault.MALFORMED] += len(malformed)
    part.rows.append(part.rows[0])
    faults[Fault.REPEATED] += 1
    part.add(30, part.name(30))
    faults[Fault.NO_LABEL] += 1
    copied = part.name(0)
    part.add(1, copied, part.pictures[part.folder(0)][copied])
    faults[Fault.SECOND_COPY] += 1
    meant = part.name(33)  # its place holds two &
    part.add(33, meant.replace("&", "_"))
    part.add(33, meant.replace("&", " "))
    part.rows.append(part.row(meant, mine, mine, mine))
    faults[Fault.AMBIGUOUS] += 1
    faults[Fault.NO_LABEL] += 2


def _add_broken_files(made: LookAlike) -> None:
    folder = made.root / "Validation" / "[라벨]EMOIMG_더_VALID"
    folder.mkdir(parents=True)
    (folder / "img_emotion_validation_data(더).json").write_bytes('[{"filename": "기'.encode())
    (folder / "img_emotion_validation_data(또).json").write_bytes(b'{"not": "a list"}')
    made.faults[Fault.BAD_JSON] += 2
    (made.root / "Training" / "[원천]EMOIMG_더_TRAIN_01.zip").write_bytes(b"PK\x03\x04 cut off")
    made.faults[Fault.BAD_ZIP] += 1
    (made.root / "Training" / "[원천]EMOIMG_더_TRAIN_02.zip.part0").write_bytes(b"PK\x03\x04")
    made.faults[Fault.PART_OF_ZIP] += 1
    (made.root / "Training" / ".DS_Store").write_bytes(b"\0")
    (made.root / "__MACOSX").mkdir()
    (made.root / "__MACOSX" / "._a.jpg").write_bytes(b"\0")
