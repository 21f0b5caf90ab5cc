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
    pictures: list[RepresentativeFrame] = []
    files: dict[str, bytes] = {}
    if not picked:
        return pictures, files, ""
    times = [float(seen.pts_s[seen.frame[usable[k]]]) for _, k in picked]
    images = context.decoding.fetch(
        path, backend=context.settings.decoder, pts_s=times, view=seen.look.view
    )
    scheme = context.spec.labels
    try:
        for number, ((label, k), image) in enumerate(zip(picked, images, strict=True)):
            face = int(usable[k])
            image_file, overlay_file = f"frame-{number}.jpg", f"heat-map-{number}.jpg"
            region, to_frame = face_region(image, seen.boxes[face])
            files[image_file] = _jpeg(region)
            shown = _explained(context, image, seen.landmarks[face], label)
            if shown is None:
                overlay_file = ""
            else:
                to_crop = similarity(seen.landmarks[face], context.spec.template_px)
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
    except VideoError as error:
        return pictures, files, f"representative frames are missing: {error.cause}"
    return pictures, files, ""


@dataclass(frozen=True)
class _Explanation:
    """A map as it is shown, where its energy lies, and the region that deletion confirms."""

    cam: FloatArray
    energy: dict[str, float]
    region: str


def _explained(
    context: AnalysisContext, image: Image, landmarks: FloatArray, label: str
) -> _Explanation | None:
    """Why the face was said to be of a class; None for neutral, and where no place says so.

    Neutral is what remains where nothing else is seen: a map of it would point at skin.
    """
    spec, classifier = context.spec, context.classifier
    if label == NEUTRAL:
        return None
    crop = align_face(image, landmarks, spec.template_px, spec.input_px)
    cams = classifier.explain(crop[None], label, context.settings.heat_map)
    cam = within_face(cams[0], spec.template_px)
    if not cam.any():
        return None
    energy = energy_shares(cam, spec.template_px)
    deleted = without_regions(crop, spec.template_px)
    tried = np.stack([crop, *deleted.values()])
    eye_px = np.full(len(tried), np.linalg.norm(landmarks[1] - landmarks[0]), np.float32)
    posterior = posteriors(
        classifier.predict(tried, mirrored=False).logits,
        spec.labels,
        spec.temperature,
        spec.valence_calibrations,
        eye_px,
    )
    said = display_posterior(spec.labels, posterior)[:, display_labels(spec.labels).index(label)]
    without = dict(zip(deleted, said[1:].tolist(), strict=True))
    return _Explanation(cam, energy, confirmed_region(energy, float(said[0]), without))


def _jpeg(image: Image) -> bytes:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    return data.tobytes()
