"""How a recording is looked at: which of its streams, which way up, in what size.

Containers say it, but not always rightly: a shared screen may come before the camera, and a picture
may stand on its head without a word. Faces tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from poise.analysis.context import AnalysisContext
from poise.errors import VideoError
from poise.faces.people import FaceTrack
from poise.media.decoders.protocol import AS_IT_IS, View
from poise.media.decoders.sampling import SampleSpan
from poise.media.decoders.sizes import MAX_PIXELS
from poise.types import FloatArray, Image, IntArray, VideoInfo

_TURNS = (90, 180, 270)
_LOOKS = 6  # frames that are asked which way is up, or which stream shows a face
_FACE = 0.95  # confidence of a face that a stream shows
# Certainty is minus the decimal logarithm of a detection's doubt: 2 is 99 %, 3 is 99.9 %. Upright
# faces of real recordings have 3.5 to 5 on average, the same head down or on the side 0 to 2.7.
_MOST_CERTAIN = 5.0
_PLAUSIBLE = 2.8
_CLEARLY_BETTER = 0.7
_LEAST_CERTAIN = 2.0  # on average, of the turn that is taken instead
_LEAST_PRESENCE = 0.5  # of the frames; where a face is in fewer, the picture may lie on its side


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a recording is looked at.

    Args:
        short_side_px: Of the frames that faces are looked for in.
        view: What of the recording, and how it is laid down.
        turn_checked: Whether it is known which way is up.
    """

    short_side_px: int
    view: View = field(default_factory=lambda: AS_IT_IS)
    turn_checked: bool = False


def certainty(confidence: FloatArray) -> FloatArray:
    """Minus the decimal logarithm of a detection's doubt, at most 5.

    Args:
        confidence: float32 [M].
    """
    doubt = np.maximum(1 - confidence.astype(np.float64), 10**-_MOST_CERTAIN)
    return np.asarray(-np.log10(doubt), np.float32)


def is_doubtful(
    chosen: Sequence[FaceTrack], frame: IntArray, confidence: FloatArray, frames: int
) -> bool:
    """Whether the candidate's face is seen so rarely or unsurely that it may not stand upright.

    Args:
        chosen: Face tracks of the candidate.
        frame, confidence: Frame and detection confidence of all faces, [M].
        frames: How many were looked at.
    """
    if not frames:
        return False
    rows = np.concatenate([np.zeros(0, np.int64), *(track.rows for track in chosen)])
    if len(np.unique(frame[rows])) < _LEAST_PRESENCE * frames:
        return True
    return float(certainty(confidence[rows]).mean()) < _PLAUSIBLE


def upright_turn(path: Path, context: AnalysisContext, look: Look, info: VideoInfo) -> int:
    """Clockwise turn that brings faces upright, in degrees; 0 where none is clearly better.

    Frames spread over the recording are shown to the detector in all four turns, each turn for as
    long as it may still turn out to be clearly better.
    """
    images = _spread(path, context, look, info)
    if not images:
        return 0
    as_it_is = [_certainty_of(context, image) for image in images]
    least = len(images) * max(float(np.mean(as_it_is)) + _CLEARLY_BETTER, _LEAST_CERTAIN)
    best, turned_by = as_it_is, 0
    for degrees in _TURNS:
        found: list[float] = []
        for image in images:
            if sum(found) + _MOST_CERTAIN * (len(images) - len(found)) < least:
                break  # even if all others were certain
            found.append(_certainty_of(context, np.rot90(image, -degrees // 90)))
        if sum(found) >= least and sum(found) > sum(best):
            best, turned_by = found, degrees
    seen = sum(value > 0 for value in best)
    return turned_by if seen > len(images) * _LEAST_PRESENCE else 0


def stream_with_faces(path: Path, context: AnalysisContext, look: Look, info: VideoInfo) -> int:
    """Index of the video stream that shows a face most often; the likeliest one where none does."""
    scores = {}
    for stream in (info.stream, *info.other_streams):
        view = replace(look.view, stream=stream)
        images = _spread(path, context, replace(look, view=view), info)
        found = [_surest(context, image) for image in images]
        faces = [height for sure, height in found if sure >= _FACE]
        scores[stream] = (len(faces), float(np.mean(faces)) if faces else 0.0)
    most = max(count for count, _ in scores.values())
    often = [stream for stream, (count, _) in scores.items() if count >= max(1, 0.8 * most)]
    return max(often, key=lambda stream: scores[stream][1], default=info.stream)


def wider_canvas(look: Look, wanted_px: tuple[int, int], size_px: tuple[int, int]) -> View | None:
    """The view in which all frames of a recording keep their detail, if this one is too small.

    Args:
        look: As the recording was looked at.
        wanted_px: Width and height into which all frames fit.
        size_px: Width and height as it was looked at.
    """
    fits = wanted_px[0] <= size_px[0] and wanted_px[1] <= size_px[1]
    if fits or look.view.canvas_px or wanted_px[0] * wanted_px[1] > MAX_PIXELS:
        return None
    return replace(look.view, canvas_px=wanted_px)


def _spread(path: Path, context: AnalysisContext, look: Look, info: VideoInfo) -> list[Image]:
    """Up to `_LOOKS` frames from all parts of a recording, reduced as for detection."""
    rate_hz = context.settings.sample_rate_hz
    length_s = (info.duration_s or 0.0) - info.start_offset_s
    if length_s * rate_hz >= 4 * _LOOKS:
        firsts = [int((k + 0.5) / _LOOKS * length_s * rate_hz) for k in range(_LOOKS)]
        spans = [SampleSpan(first=first, last=first + 2) for first in firsts]
    else:
        spans = [SampleSpan(last=4 * _LOOKS)]
    images: list[Image] = []
    for span in spans:
        try:
            _, items = context.decoding.sample(
                path,
                backend=context.settings.decoder,
                rate_hz=rate_hz,
                short_side_px=look.short_side_px,
                span=span,
                view=look.view,
            )
            found = [image for item in items for image in getattr(item, "images", ())]
        except VideoError:  # nothing there: a preview has ended, or the end is missing
            continue
        step = 4 if len(spans) == 1 else max(1, len(found))
        images += found[::step]
    return images


def _certainty_of(context: AnalysisContext, image: Image) -> float:
    """Of the surest face of a picture, see `certainty`; 0 without one."""
    sure, _ = _surest(context, image)
    return float(certainty(np.array([sure], np.float32))[0])


def _surest(context: AnalysisContext, image: Image) -> tuple[float, float]:
    """Confidence of the surest face, and its height as a share of the picture's; 0 without one."""
    faces = context.detector.detect(np.ascontiguousarray(image)[None])
    if not len(faces):
        return 0.0, 0.0
    k = int(faces.detection_confidence.argmax())
    box = faces.boxes_xyxy_px[k]
    return float(faces.detection_confidence[k]), float(box[3] - box[1]) / image.shape[0]
