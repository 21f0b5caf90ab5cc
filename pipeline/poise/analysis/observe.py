"""Observing a recording: decode, detect, align; all faces of it, or of a part of it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.analysis.people.chips import ChipPicker
from poise.analysis.people.who import rough_choice
from poise.analysis.sightings import Sightings, gathered
from poise.analysis.views import Look, is_doubtful, stream_with_faces, upright_turn, wider_canvas
from poise.errors import VideoError
from poise.expression.model_spec import ModelSpec
from poise.faces.alignment import align_face
from poise.faces.appearance import signatures, standardised, surroundings, thumbnails
from poise.faces.detection.detector import MIN_FACE_PX
from poise.faces.detection.keyframes import PERIOD_S, PERIOD_SAMPLES, follow
from poise.faces.identity import face_chip
from poise.faces.people import FaceTrack
from poise.faces.quality import brightness_of, quality_flags, sharpness_of
from poise.media.decoders.sampling import WHOLE, SampleSpan
from poise.media.decoders.server import SampleEnd
from poise.system.timing import ALLOWANCE
from poise.types import FaceDetections, FloatArray, FrameBatch, Image, IntArray, VideoInfo

_CLEAR_FACE_PX = 64.0  # a smaller face in the reduced frames is worth a closer look
_MAX_DETECTION_PX = 2160
_GLANCE_SAMPLES = 25  # enough to see how large the candidate's face is
_UNKNOWN_LENGTH_S = 6 * 3600.0  # taken for the length of what does not say how long it is


def closer(seen: Sightings, chosen: Sequence[FaceTrack]) -> int | None:
    """Short side of the frames in which the candidate's face would be large enough, if it is not.

    Returns:
        In pixels; None where these frames do, or larger ones are not to be had.
    """
    limit = min(*seen.size_px, _MAX_DETECTION_PX)
    if not chosen or seen.short_side_px >= limit:
        return None
    face_px = chosen[0].side_px * seen.short_side_px / min(seen.size_px)
    if face_px >= _CLEAR_FACE_PX:
        return None
    return min(limit, int(seen.short_side_px * 1.25 * _CLEAR_FACE_PX / face_px))


def glance(path: Path, context: AnalysisContext, crops: CropFile) -> tuple[VideoInfo, Look]:
    """What the container says, and how to look at a recording, from a first look.

    Raises:
        VideoError: If the recording cannot be read at all.
    """
    look = Look(short_side_px=context.settings.detection_px)
    span = SampleSpan(last=_GLANCE_SAMPLES)
    info, seen = observe(path, context, crops, look=look, span=span)
    chosen = rough_choice(seen)
    if _may_lie(seen, chosen):
        turned = _turned(path, context, seen.look, info)
        if turned.view != seen.look.view:
            info, seen = observe(path, context, crops, look=turned, span=span)
            chosen = rough_choice(seen)
        seen = replace(seen, look=turned)
    return info, replace(seen.look, short_side_px=closer(seen, chosen) or look.short_side_px)


def observe(
    path: Path,
    context: AnalysisContext,
    crops: CropFile,
    *,
    look: Look,
    span: SampleSpan = WHOLE,
    glancing: bool = False,
) -> tuple[VideoInfo, Sightings]:
    """Look at a recording, or at a part of it.

    Args:
        path: The recording.
        context: Detector, decoding process, settings.
        crops: Takes the aligned crop of each face.
        look: How closely, and which way up. Where it names no stream and there are several, the
            one that shows faces is taken.
        span: The part.
        glancing: Whether to stop after the first seconds where these call for another look.

    Raises:
        VideoError: If it cannot be read at all.
    """
    settings, watch = context.settings, context.timing
    crops.keep(0)
    info, items = _sampled(path, context, look, span)
    if look.view.stream is None and info.other_streams:
        items.close()
        stream = stream_with_faces(path, context, look, info)
        look = replace(look, view=replace(look.view, stream=stream))
        info, items = _sampled(path, context, look, span)
    ALLOWANCE.for_samples((info.duration_s or _UNKNOWN_LENGTH_S) * settings.sample_rate_hz)
    size = (info.width_px, info.height_px)
    reading = _Reading(watch.timing("decode", items))
    followed = follow(
        reading,
        context.detector,
        min_face_px=MIN_FACE_PX * max(1.0, look.short_side_px / settings.detection_px),
        period_s=min(PERIOD_S, PERIOD_SAMPLES / settings.sample_rate_hz),
        start_s=info.start_offset_s,
    )
    glance_s = _GLANCE_SAMPLES / settings.sample_rate_hz - 1e-6 + info.start_offset_s
    end_s = np.inf if span.last is None else span.last / settings.sample_rate_hz - 1e-6
    begin_s = info.start_offset_s + span.first / settings.sample_rate_hz
    length_s = (info.duration_s or 0.0) - info.start_offset_s
    parts: list[dict[str, npt.NDArray[Any]]] = []
    picker, seen = ChipPicker(size, info.start_offset_s), 0
    for batch, found in watch.timing("detect", followed, inner="decode"):
        with watch("align"):
            parts.append(_described(batch, found, context.spec, size, seen, crops, picker))
        seen += len(batch)
        if length_s > 0:
            context.progress((batch.pts_s[-1] - begin_s) / length_s)
        if glancing and batch.pts_s[-1] >= glance_s:
            glancing = False
            early = gathered(parts, info, look, reading.end, glance_s)
            chosen = rough_choice(early)
            if _may_lie(early, chosen):
                items.close()
                look = _turned(path, context, look, info)
                return observe(path, context, crops, look=look, span=span)
            if closer(early, chosen):
                return info, early
        del batch  # two at once would take half as much memory again
    end_s += info.start_offset_s
    sightings = gathered(parts, info, look, reading.end, end_s)
    crops.keep(len(sightings.frame), chips=sightings.chip_count)
    return info, sightings


def next_look(
    path: Path,
    context: AnalysisContext,
    info: VideoInfo,
    seen: Sightings,
    chosen: Sequence[FaceTrack],
) -> Look | None:
    """How to look again at a recording that was looked at as a whole; None if that will do."""
    look = seen.look
    if _may_lie(seen, chosen):
        turned = _turned(path, context, look, info)
        if turned.view != look.view:
            return turned
        look = turned
    if view := wider_canvas(look, seen.wanted_px, seen.size_px):
        return replace(look, view=view)
    if short_side_px := closer(seen, chosen):
        return replace(look, short_side_px=short_side_px)
    return None


def _may_lie(seen: Sightings, chosen: Sequence[FaceTrack]) -> bool:
    """Whether it is still to be asked which way is up."""
    return not seen.look.turn_checked and is_doubtful(
        chosen, seen.frame, seen.confidence, len(seen.pts_s)
    )


def _turned(path: Path, context: AnalysisContext, look: Look, info: VideoInfo) -> Look:
    """The look with faces upright, as far as that can be told."""
    with context.timing("detect"):
        turn_deg = upright_turn(path, context, look, info)
    return replace(look, view=replace(look.view, turn_deg=turn_deg), turn_checked=True)


def _sampled(
    path: Path, context: AnalysisContext, look: Look, span: SampleSpan
) -> tuple[VideoInfo, Generator[FrameBatch | SampleEnd, None, None]]:
    """Samples of a recording, and of what follows a part one more, which closes its last period."""
    settings = context.settings
    return context.decoding.sample(
        path,
        backend=settings.decoder,
        rate_hz=settings.sample_rate_hz,
        short_side_px=look.short_side_px,
        span=span if span.last is None else replace(span, beyond=1),
        skip_frames=settings.skip_frames == "auto",
        view=look.view,
    )


class _Reading:
    """Batches of frames; the end of the recording is kept apart.

    Where reading breaks off, the frames that came before are all there is; those that still wait to
    be looked at are among them.
    """

    def __init__(self, items: Iterable[FrameBatch | SampleEnd]) -> None:
        self._items = items
        self.end = SampleEnd(loss="", span_frames=0)

    def __iter__(self) -> Iterator[FrameBatch]:
        last_s: float | None = None
        try:
            for item in self._items:
                if isinstance(item, SampleEnd):
                    self.end = item
                else:
                    last_s = float(item.pts_s[-1])
                    yield item
        except VideoError as error:
            if last_s is None:
                raise
            self.end = SampleEnd(loss=f"{error.cause} after {last_s:.1f} s", span_frames=0)


def _described(
    batch: FrameBatch,
    found: FaceDetections,
    spec: ModelSpec,
    size: tuple[int, int],
    seen: int,
    crops: CropFile,
    picker: ChipPicker,
) -> dict[str, npt.NDArray[Any]]:
    """Columns of `Sightings` for the faces of a batch, whose crops go to the file."""
    aligned = _align(batch.images, found.landmarks_px, found.row, spec)
    crops.append(aligned)
    faces = found.scaled(1 / batch.scale)
    small, coarse = thumbnails(aligned), signatures(batch.images)
    chip = _chipped(batch, found, faces.boxes_xyxy_px, small, coarse, picker, crops)
    return {
        "pts_s": batch.pts_s,
        "frame_index": batch.frame_index,
        "frame": faces.row + seen,
        "boxes": faces.boxes_xyxy_px,
        "landmarks": faces.landmarks_px,
        "confidence": faces.detection_confidence,
        "signature": coarse,
        "thumbnail": small,
        "surroundings": _around(batch.images, found),
        "chip": chip,
        "sharpness": sharpness_of(aligned),
        "brightness": brightness_of(aligned),
        "flags": quality_flags(faces.boxes_xyxy_px, faces.landmarks_px, aligned, size),
    }


def _chipped(
    batch: FrameBatch,
    found: FaceDetections,
    boxes: FloatArray,
    small: Image,
    coarse: Image,
    picker: ChipPicker,
    crops: CropFile,
) -> IntArray:
    """Keep chips of some faces of a batch; their rows in the file, or -1, int64 [M]."""
    chip, standard = np.full(len(found), -1, np.int64), standardised(small)
    of_frame = np.searchsorted(found.row, np.arange(len(batch) + 1))
    for k, pts_s in enumerate(batch.pts_s):
        own = np.arange(of_frame[k], of_frame[k + 1])
        here = picker.pick(float(pts_s), boxes[own], small[own], standard[own], coarse[k])
        picked = own[here]
        chip[picked] = crops.chip_count + np.arange(len(picked))
        for row in picked:
            crops.append_chips(face_chip(batch.images[k], found.landmarks_px[row])[None])
    return chip


def _around(images: Image, found: FaceDetections) -> Image:
    """What is around each face of a batch, uint8 [M, P]."""
    of_frame = np.searchsorted(found.row, np.arange(len(images) + 1))
    parts = [
        surroundings(image, found.boxes_xyxy_px[of_frame[k] : of_frame[k + 1]])
        for k, image in enumerate(images)
    ]
    return np.concatenate(parts)


def _align(images: Image, landmarks: FloatArray, row: IntArray, spec: ModelSpec) -> Image:
    crops = np.empty((len(row), spec.input_px, spec.input_px, 3), np.uint8)
    for k, frame in enumerate(row):
        crops[k] = align_face(images[frame], landmarks[k], spec.template_px, spec.input_px)
    return crops
