"""The moments of a recording that a report shows: pictures of their frames, with heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from poise.analysis.context import AnalysisContext
from poise.analysis.sightings import Sightings
from poise.errors import VideoError
from poise.expression.calibration import posteriors
from poise.expression.heatmap import (
    confirmed_region,
    energy_shares,
    overlay,
    within_face,
    without_regions,
)
from poise.faces.alignment import align_face, similarity
from poise.labels import NEUTRAL, display_labels, display_posterior
from poise.types import FloatArray, Image, IntArray, RepresentativeFrame


def face_region(
    image: Image, box_xyxy_px: FloatArray, side_px: int = 320
) -> tuple[Image, npt.NDArray[np.float64]]:
    """A square around a face, cut out of the full frame and reduced for the report.

    Args:
        image: uint8 [H, W, 3].
        box_xyxy_px: float32 [4].
        side_px: Longest side of the result.

    Returns:
        The region, and the float [2, 3] matrix from its pixels to the frame's.
    """
    height, width = image.shape[:2]
    centre = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2
    half = 0.8 * float((box_xyxy_px[2:] - box_xyxy_px[:2]).max())
    low = np.clip(np.floor(centre - half), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(centre + half), low + 1, [width, height]).astype(int)
    region = image[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, side_px / max(region.shape[:2]))
    size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
    reduced = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    step = np.array(region.shape[1::-1]) / np.array(size)
    offset = low + 0.5 * step - 0.5
    return np.asarray(reduced, np.uint8), np.column_stack([np.diag(step), offset])


def illustrate(
    path: Path,
    context: AnalysisContext,
    seen: Sightings,
    usable: IntArray,
    posterior: FloatArray,
    reading: FloatArray,
    picked: Sequence[tuple[str, int]],
) -> tuple[list[RepresentativeFrame], dict[str, bytes], str]:
    """Pictures of chosen frames, with their heat maps.

    Args:
        path: The recording.
        context: Networks and decoding process.
        seen: All faces of the recording.
        usable: Positions among them of the faces that were classified, int64 [K].
        posterior: Emotion posteriors of these, float32 [K, C].
        reading: Posteriors of the labels, float32 [K, L].
        picked: From `picking.choose_frames`.

    Returns:
        Representative frames, JPEG files by name, and what is said where frames are lost.
    """
    if not picked:
        return [], {}, ""
    faces = [int(usable[k]) for _, k in picked]
    times = [float(seen.pts_s[seen.frame[face]]) for face in faces]
    images = context.decoding.fetch(
        path, backend=context.settings.decoder, pts_s=times, view=seen.look.view
    )
    template_px, input_px = context.spec.template_px, context.spec.input_px
    cut_out: list[tuple[Image, npt.NDArray[np.float64]]] = []
    crops: list[Image] = []
    remark = ""
    try:
        for face, image in zip(faces, images, strict=True):
            cut_out.append(face_region(image, seen.boxes[face]))
            crops.append(align_face(image, seen.landmarks[face], template_px, input_px))
    except VideoError as error:
        remark = f"representative frames are missing: {error.cause}"
    labels = [label for label, _ in picked[: len(crops)]]
    explanations = _explained(context, crops, seen.landmarks[faces[: len(crops)]], labels)
    scheme = context.spec.labels
    pictures: list[RepresentativeFrame] = []
    files: dict[str, bytes] = {}
    for number, (label, (region, to_frame)) in enumerate(zip(labels, cut_out, strict=True)):
        k, shown = picked[number][1], explanations.get(number)
        image_file, overlay_file = f"frame-{number}.jpg", ""
        files[image_file] = _jpeg(region)
        if shown is not None:
            overlay_file = f"heat-map-{number}.jpg"
            to_crop = similarity(seen.landmarks[faces[number]], template_px)
            chained = to_crop @ np.vstack([to_frame, [0, 0, 1]])
            files[overlay_file] = _jpeg(overlay(region, shown.cam, chained))
        columns = zip(display_labels(scheme), reading[k], strict=True)
        pictures.append(
            RepresentativeFrame(
                label=label,
                emotion=scheme.emotions[int(posterior[k].argmax())],
                pts_s=times[number],
                posterior={name: float(p) for name, p in columns},
                image_file=image_file,
                overlay_file=overlay_file,
                energy=shown.energy if shown else {},
                region=shown.region if shown else "",
            )
        )
    return pictures, files, remark


@dataclass(frozen=True)
class _Explanation:
    """A map as it is shown, where its energy lies, and the region that deletion confirms."""

    cam: FloatArray
    energy: dict[str, float]
    region: str


def _explained(
    context: AnalysisContext, crops: Sequence[Image], landmarks: FloatArray, labels: Sequence[str]
) -> dict[int, _Explanation]:
    """Why faces were said to be of their classes, by position.

    Neutral ones have no explanation: neutral is what remains where nothing else is seen, and a map
    of it would point at skin. Nor have those of whose places none speaks for the class.
    """
    spec, classifier = context.spec, context.classifier
    found: dict[int, _Explanation] = {}
    for label in dict.fromkeys(labels):
        rows = [k for k, one in enumerate(labels) if one == label]
        if label == NEUTRAL:
            continue
        together = np.stack([crops[k] for k in rows])
        cams = classifier.explain(together, label, context.settings.heat_map)
        deleted = [without_regions(crop, spec.template_px) for crop in together]
        tried = np.stack(
            [one for k, d in zip(rows, deleted, strict=True) for one in (crops[k], *d.values())]
        )
        eye_px = np.linalg.norm(landmarks[rows, 1] - landmarks[rows, 0], axis=1)
        each = len(tried) // len(rows)
        said = _posterior_of(context, label, tried, np.repeat(eye_px, each).astype(np.float32))
        for k, cam, names, own in zip(rows, cams, deleted, said.reshape(-1, each), strict=True):
            within = within_face(cam, spec.template_px)
            if within.any():
                energy = energy_shares(within, spec.template_px)
                without = dict(zip(names, own[1:].tolist(), strict=True))
                region = confirmed_region(energy, float(own[0]), without)
                found[k] = _Explanation(within, energy, region)
    return found


def _posterior_of(
    context: AnalysisContext, label: str, crops: Image, eye_px: FloatArray
) -> FloatArray:
    """Posterior of a class, float32 [M]: each crop seen once, read as the model is calibrated."""
    scheme = context.spec.labels
    seen = context.classifier.predict(crops, mirrored=False)
    posterior = posteriors(
        seen.logits,
        scheme,
        context.spec.temperature,
        context.spec.valence_calibrations,
        eye_px,
    )
    return display_posterior(scheme, posterior)[:, display_labels(scheme).index(label)]


def _jpeg(image: Image) -> bytes:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    return data.tobytes()
