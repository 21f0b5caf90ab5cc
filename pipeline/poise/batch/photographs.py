"""`poise classify`: posteriors for pictures of faces, as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch

from poise.errors import SettingsError, VideoError
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.faces.photographs import SUFFIXES, align_pictures, load_picture
from poise.labels import VALENCES, display_labels, display_posterior
from poise.reports.tables import write_csv
from poise.settings import Settings
from poise.storage.table_schema import Column, posterior_columns
from poise.system.atomic_files import private

_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many pictures were given, showed no face that was found, or could not be read."""

    pictures: int
    without_face: int
    unreadable: int


def classify_pictures(
    sources: Sequence[Path], table: Path, *, cropped: bool, settings: Settings
) -> Counts:
    """Classify pictures and write a row for each.

    A picture in which no face is found is classified as a whole, and `face_found` says so.

    Args:
        sources: Pictures, or directories that are searched for them.
        table: CSV file to write.
        cropped: Whether the pictures are already cropped to the face.
        settings: Model, device and batch size.

    Raises:
        SettingsError: If a source does not exist or there is no picture.
        ModelError: If the model cannot be loaded.
        ReportError: If the table cannot be written.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    paths = list(_pictures(sources))
    if not paths:
        raise SettingsError("no pictures found", remedy="Give pictures or directories of them.")
    classifier = ExpressionClassifier(
        Path(settings.model) if settings.model else None,
        device=settings.device,
        batch_size=settings.batch_size,
    )
    detector = FaceDetector(device=str(classifier.device))
    rows: list[dict[str, Any]] = []
    for start in range(0, len(paths), _BATCH):
        rows += _classify_batch(paths[start : start + _BATCH], classifier, detector, cropped)
    schema = [
        Column(name="path", dtype="string", meaning="Picture.", foreign=True),
        *posterior_columns(classifier.spec.labels),
        Column(name="face_found", dtype="boolean",
               meaning="Whether landmarks were found; if not, the picture was taken as a whole."),
        Column(name="error", dtype="string", foreign=True,
               meaning="Why the picture could not be read."),
    ]  # fmt: skip
    with private(settings.private):
        write_csv(pd.DataFrame(rows), schema, table, bom=settings.csv_bom)
    return Counts(
        pictures=len(rows),
        without_face=sum(row.get("face_found") is False for row in rows),
        unreadable=sum("error" in row for row in rows),
    )


def _classify_batch(
    paths: Sequence[Path], classifier: ExpressionClassifier, detector: FaceDetector, cropped: bool
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"path": str(path)} for path in paths]
    pictures, readable = [], []
    for row, path in zip(rows, paths, strict=True):
        try:
            pictures.append(load_picture(path))
            readable.append(row)
        except VideoError as error:
            row["error"] = error.cause
    if not pictures:
        return rows
    spec = classifier.spec
    crops, found, eye_px = align_pictures(
        pictures, detector, spec.template_px, spec.input_px, cropped=cropped
    )
    posterior = classifier.predict(crops, eye_px=eye_px).posterior
    valence = spec.labels.valence_posterior(posterior)
    names, display = display_labels(spec.labels), display_posterior(spec.labels, posterior)
    for k, row in enumerate(readable):
        row |= {
            f"emotion_p_{name}": float(p)
            for name, p in zip(spec.labels.emotions, posterior[k], strict=True)
        }
        row |= {f"p_{name}": float(p) for name, p in zip(VALENCES, valence[k], strict=True)}
        row["label"] = names[int(display[k].argmax())]
        row["emotion"] = spec.labels.emotions[int(posterior[k].argmax())]
        row["face_found"] = found[k]
    return rows


def _pictures(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            yield from sorted(_below(source))
        elif source.exists():
            yield source
        else:
            raise SettingsError("no such file or directory", path=source)


def _below(folder: Path) -> Iterator[Path]:
    """Pictures below a folder, and folders that may not be read: they get a row with an error."""
    closed: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: closed.append(Path(error.filename)))
    for place, folders, names in walk:
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and path.is_file():
                yield path
    yield from closed
