"""The engine of live practice: a picture of the camera in, what the face in it looks like out.

Detector, alignment, quality flags, model, calibration and baseline are those of `poise analyze`, on
frames reduced as there, so that both say the same of the same picture. What differs is time: each
answer is given when its frame comes, so faces are carried from the frame before (`following`), and
the smoothing looks back only.
"""

from __future__ import annotations

import io
import warnings
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image as Pictures
from PIL import UnidentifiedImageError

from poise.analysis.looks import BESIDE_S, TURN_S, is_mirrored, look_at
from poise.desk.live.cue import NOTHING, Cue
from poise.desk.live.following import FaceFollower
from poise.desk.live.mouth import Mouth
from poise.expression.calibration import posteriors
from poise.expression.classifier import Classifier, ExpressionClassifier
from poise.faces.alignment import align_face
from poise.faces.detection.detector import MIN_FACE_PX, FaceDetector
from poise.faces.detection.keyframes import Detector
from poise.faces.pose import head_pose
from poise.faces.quality import quality_flags
from poise.labels import QUALITY_FLAGS, display_labels, display_posterior
from poise.media.decoders.sizes import reduced_size
from poise.settings import Settings
from poise.timeline.articulation import while_speaking
from poise.timeline.baseline import GIVEN, UNKNOWN, against, find_baseline, resting_odds
from poise.types import Baseline, FaceDetections, FloatArray, Image

MOST_WIDTH_PX, MOST_HEIGHT_PX = 1280, 960
CLEAR_FACE_PX = 64.0  # a smaller face in the reduced frames is worth a closer look
_EYES_KEPT = 300  # frames whose median distance of the eyes counts
_RESTING_KEPT = 600  # frames of a resting face: more than any countdown takes


class PictureRefused(ValueError):
    """What came is no JPEG of a size that is taken."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is seen in one frame.

    Args:
        state: `read`, `unreadable` (a face, but `flags` say why it is not read) or `no_face`.
        box: Of the face, x1, y1, x2, y2 as shares of the frame's width and height; None without.
        confidence: Of the detector, 0..1.
        others: Other faces that are seen.
        pose_deg: Yaw, pitch, roll as `faces.pose.head_pose` has them.
        flags: Of `QUALITY_FLAGS`, those that hold.
        label: The most visible of `labels`, as the model reads it; empty unless read.
        posterior: Of `labels`, as the model reads it.
        reading: The same against the resting face; while the mouth speaks, negative and what has no
            valence have to be clearer, as in `poise.timeline.articulation`.
        smoothed: The mean of the last readings, the newer the heavier.
        cue: The label that prevails, with hysteresis as episodes have it; empty where none does.
    """

    state: str
    box: tuple[float, float, float, float] | None = None
    confidence: float = 0.0
    others: int = 0
    pose_deg: tuple[float, float, float] | None = None
    flags: tuple[str, ...] = ()
    label: str = ""
    posterior: tuple[float, ...] = ()
    reading: tuple[float, ...] = ()
    smoothed: tuple[float, ...] = ()
    cue: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain form, sent to the page."""
        return asdict(self)


class LiveEngine:
    """Reads frame after frame; what it keeps does not grow.

    Args:
        detector, classifier: As `poise analyze` has them.
        short_side_px: Of the frames that faces are looked for in.
        smoothing_s: Standard deviation of the half Gaussian that looks back.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier,
        *,
        short_side_px: int,
        smoothing_s: float,
    ) -> None:
        self._detector, self._classifier = detector, classifier
        self._short_side_px = short_side_px
        self._cue = Cue(smoothing_s)
        self.labels = display_labels(classifier.spec.labels)
        self.begin()

    def begin(self) -> None:
        """Somebody sits down: nothing of who was there before is left."""
        self.baseline = UNKNOWN
        self._looked_at_px = self._short_side_px
        self._follower = FaceFollower(self._detector)
        self._eyes_px: deque[float] = deque(maxlen=_EYES_KEPT)
        self._resting: deque[tuple[float, FloatArray]] | None = None
        # Of the last moment's looks at the face: when, what was said, and whether it was mirrored.
        self._looks: list[tuple[float, FloatArray, bool]] = []
        self._mouth = Mouth()
        self._cue.clear()

    def rest(self) -> None:
        """From now on the face rests."""
        self._resting = deque(maxlen=_RESTING_KEPT)

    def rested(self) -> Baseline:
        """The resting face is over; what was found of it. Of kind `none` where that is too little.

        From here on expressions are read against it.
        """
        seen, self._resting = list(self._resting or ()), None
        self.use(UNKNOWN)
        if seen:
            times = np.array([time_s for time_s, _ in seen])
            found = np.stack([posterior for _, posterior in seen])
            span = (times[0], times[-1] + 1e-3)
            self.use(find_baseline(times, *resting_odds(found), mode=GIVEN, span_s=span))
        return self.baseline

    def use(self, baseline: Baseline) -> None:
        """Read against a baseline that was found before."""
        self.baseline = baseline
        self._cue.clear()

    def see(self, jpeg: bytes, time_s: float) -> Answer:
        """What is seen in a picture.

        Args:
            jpeg: At most 1280 x 960 pixels.
            time_s: When it was taken, on any clock that ascends.

        Raises:
            PictureRefused: If it is no such picture.
        """
        return self.look(decoded(jpeg), time_s)

    def look(self, image: Image, time_s: float) -> Answer:
        """As `see`, of a picture uint8 [H, W, 3] RGB."""
        height, width = image.shape[:2]
        size = reduced_size(width, height, self._looked_at_px)
        small = image
        if size != (width, height):
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        least_px = MIN_FACE_PX * max(1.0, min(size) / self._short_side_px)
        followed = self._follower.follow(small, time_s, min_face_px=least_px)
        if len(followed.face) == 0:
            return Answer(state="no_face", others=followed.others)
        self._come_closer(followed.face, min(size))
        spec = self._classifier.spec
        points = followed.face.landmarks_px
        crop = align_face(small, points[0], spec.template_px, spec.input_px)[None]
        face = followed.face.scaled(width / size[0])
        found = quality_flags(face.boxes_xyxy_px, face.landmarks_px, crop, (width, height))[0]
        flags = tuple(name for name, holds in zip(QUALITY_FLAGS, found, strict=True) if holds)
        x1, y1, x2, y2 = (float(v) for v in face.boxes_xyxy_px[0])
        yaw, pitch, roll = (float(v) for v in head_pose(face.landmarks_px)[0])
        seen: dict[str, Any] = {
            "box": (x1 / width, y1 / height, x2 / width, y2 / height),
            "confidence": float(face.detection_confidence[0]),
            "others": followed.others,
            "pose_deg": (yaw, pitch, roll),
            "flags": flags,
        }
        if flags:
            return Answer(state="unreadable", **seen)
        return Answer(state="read", **seen, **self._read(crop, face.landmarks_px[0], time_s))

    def _come_closer(self, face: FaceDetections, short_side_px: int) -> None:
        """Look at larger frames from now on where the face is small, as `analysis.observe` does."""
        face_px = float(face.boxes_xyxy_px[0, 3] - face.boxes_xyxy_px[0, 1])
        if face_px < CLEAR_FACE_PX:
            wanted_px = int(1.25 * short_side_px * CLEAR_FACE_PX / max(face_px, 1.0))
            self._looked_at_px = min(MOST_HEIGHT_PX, max(self._looked_at_px, wanted_px))

    def _read(self, crop: Image, landmarks_px: FloatArray, time_s: float) -> dict[str, Any]:
        """What the model says of an aligned crop, now and over the last moments."""
        spec = self._classifier.spec
        self._eyes_px.append(float(np.linalg.norm(landmarks_px[1] - landmarks_px[0])))
        eye_px = np.full(1, np.median(self._eyes_px), np.float32)
        logits = self._logits(crop, time_s)
        emotions = posteriors(
            logits, spec.labels, spec.temperature, spec.valence_calibrations, eye_px
        )
        posterior = display_posterior(spec.labels, emotions)
        if self._resting is not None:
            self._resting.append((time_s, posterior[0]))
        speaks = np.array([self._mouth.speaks(crop, time_s)])
        against_rest = against(self.baseline, posterior)
        (reading,) = while_speaking(against_rest, speaks, self.baseline.threshold)
        smoothed, prevails = self._cue.after(reading, time_s)
        return {
            "label": self.labels[int(posterior[0].argmax())],
            "posterior": _plain(posterior[0]),
            "reading": _plain(reading),
            "smoothed": _plain(smoothed),
            "cue": "" if prevails == NOTHING else self.labels[prevails],
        }

    def _logits(self, crop: Image, time_s: float) -> FloatArray:
        """A plain look and a mirrored one, in turn, as in `poise.analysis.looks`.

        More pictures may come than `analyze` samples: the other look is the one a turn ago.
        """
        way = bool(is_mirrored(np.array(time_s)))
        now = self._look(crop, mirrored=way)
        looks = [look for look in self._looks if 0 <= time_s - look[0] <= BESIDE_S]
        others = [(abs(time_s - TURN_S - then), said) for then, said, as_ in looks if as_ != way]
        if others:
            _, other = min(others, key=lambda found: found[0])
        else:
            other = self._look(crop, mirrored=not way)
            looks.append((time_s, other, not way))
        self._looks = [*looks, (time_s, now, way)]
        return np.asarray((now + other) / 2, np.float32)

    def _look(self, crop: Image, *, mirrored: bool) -> FloatArray:
        return self._classifier.predict(look_at(crop, mirrored=mirrored), mirrored=False).logits


def decoded(jpeg: bytes) -> Image:
    """A JPEG as uint8 [H, W, 3] RGB; its size is asked for before a pixel is decoded.

    Raises:
        PictureRefused: If it is no JPEG, too large, or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pictures.DecompressionBombWarning)
            with Pictures.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
                width, height = picture.size
                if not (0 < width <= MOST_WIDTH_PX and 0 < height <= MOST_HEIGHT_PX):
                    raise PictureRefused(f"{width} x {height} pixels")
                return np.asarray(picture.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, Warning) as error:
        raise PictureRefused(str(error)) from error


def _plain(values: FloatArray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def started_engine(settings: Settings) -> LiveEngine:
    """An engine with its networks loaded, on one thread.

    Raises:
        ModelError, SettingsError: If the model or the device cannot be used.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    classifier = ExpressionClassifier(
        Path(settings.model) if settings.model else None, device=settings.device
    )
    engine = LiveEngine(
        FaceDetector(device=str(classifier.device)),
        classifier,
        short_side_px=settings.detection_px,
        smoothing_s=settings.smoothing_s,
    )
    engine.look(np.full((480, 640, 3), 127, np.uint8), 0.0)  # the first picture takes longest
    size_px = classifier.spec.input_px
    classifier.predict(np.full((1, size_px, size_px, 3), 127, np.uint8), mirrored=False)
    engine.begin()
    return engine
