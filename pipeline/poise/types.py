"""The values that flow from stage to stage.

Coordinates are pixels of the upright, full-resolution frame: origin top left, x to the right.
Times are seconds (float) from what a player shows as 0:00 (see
`poise.media.decoders.streams.OpenedRecording.zero_s`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from poise.coach_notes import CoachNote
from poise.identity_findings import IdentityFindings
from poise.labels import LabelScheme
from poise.remarks import ReadingRemark
from poise.spoken import Segment, Sound

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
TimeArray = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


def _expect(name: str, array: npt.NDArray[np.generic], shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `array` has the shape (None: any length)."""
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("*" if want is None else str(want) for want in shape)
        raise ValueError(f"{name} must have shape [{wanted}], got {list(array.shape)}")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One video file and whom it belongs to.

    Args:
        path: The file.
        recording_id: Its path below the input directory, with `/`, in Unicode NFC.
        candidate_id: Directory-safe name of the candidate.
        display_name: The candidate's name as a person would write it.
        session_date: YYYY-MM-DD, or empty: from `candidates.csv`, a name, or the container.
        session_time: HH:MM of that day, or empty if not known.
        note: As given in `candidates.csv`, or empty.
        sha256: Of the file's bytes; empty until computed.
        consent: Whether it may be analysed, as `candidates.csv` says.
        neutral_span_s: From when to when the face rests, in seconds; None if not given.
        portrait: A picture of the candidate; None if not given.
        pseudonym: Stands for `recording_id` in pages without names; empty until made.
        segments: As the centre gave them; None where that is not known.
        notes: Of coaches; None likewise.
    """

    path: Path
    recording_id: str
    candidate_id: str
    display_name: str
    session_date: str = ""
    session_time: str = ""
    note: str = ""
    sha256: str = ""
    consent: bool = True
    neutral_span_s: tuple[float, float] | None = None
    portrait: Path | None = None
    pseudonym: str = ""
    segments: tuple[Segment, ...] | None = None
    notes: tuple[CoachNote, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What the container says of a recording, and how it is read.

    Args:
        width_px, height_px: Size of the upright frame, its pixels square.
        duration_s: Time from a player's 0:00 to the recording's end; None where it does not say.
        frame_rate_hz: Average rate; for information, never for time stamps. None if unknown.
        rotation_deg: Clockwise rotation that was applied to make frames upright.
        codec: Name of the codec.
        start_offset_s: Time of the first frame, from a player's 0:00.
        mirrored: Whether frames were mirrored before they were rotated.
        stream: Index of the video stream that is read.
        other_streams: Indices of other streams that could be the recording, best first.
        pixel_aspect: Width of a stored pixel divided by its height.
        created: When it was made, ISO 8601, as the container says; empty where it does not.
    """

    width_px: int
    height_px: int
    duration_s: float | None
    frame_rate_hz: float | None
    rotation_deg: int
    codec: str
    start_offset_s: float = 0.0
    mirrored: bool = False
    stream: int = 0
    other_streams: tuple[int, ...] = ()
    pixel_aspect: float = 1.0
    created: str = ""


@dataclass(frozen=True, kw_only=True)
class FrameBatch:
    """Consecutive sampled frames, upright.

    Args:
        images: uint8 [N, H, W, 3] RGB, possibly reduced.
        frame_index: Index of each frame among all of the recording, or of the span, int64 [N].
        pts_s: Presentation time stamps in seconds from a player's 0:00, float64 [N].
        scale: Reduced pixels per full-resolution pixel, at most 1.
    """

    images: Image
    frame_index: IntArray
    pts_s: TimeArray
    scale: float = 1.0

    def __post_init__(self) -> None:
        _expect("images", self.images, (None, None, None, 3))
        _expect("frame_index", self.frame_index, (len(self.images),))
        _expect("pts_s", self.pts_s, (len(self.images),))

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: slice | IntArray) -> FrameBatch:
        """Some of the frames, in the given order."""
        return replace(
            self,
            images=self.images[index],
            frame_index=self.frame_index[index],
            pts_s=self.pts_s[index],
        )


@dataclass(frozen=True, kw_only=True)
class FaceDetections:
    """Faces found in a batch of frames.

    Args:
        boxes_xyxy_px: float32 [M, 4].
        landmarks_px: float32 [M, 5, 2]: left eye, right eye, nose, left and right corner of the
            mouth, left and right as seen in the picture.
        detection_confidence: float32 [M], 0..1, of MTCNN's last network.
        row: Frame of each face as index into the batch, int64 [M].
    """

    boxes_xyxy_px: FloatArray
    landmarks_px: FloatArray
    detection_confidence: FloatArray
    row: IntArray

    def __post_init__(self) -> None:
        count = len(self.row)
        _expect("boxes_xyxy_px", self.boxes_xyxy_px, (count, 4))
        _expect("landmarks_px", self.landmarks_px, (count, 5, 2))
        _expect("detection_confidence", self.detection_confidence, (count,))

    def __len__(self) -> int:
        return len(self.row)

    def scaled(self, factor: float) -> FaceDetections:
        """The same faces in a picture `factor` times as large."""
        return replace(
            self,
            boxes_xyxy_px=self.boxes_xyxy_px * np.float32(factor),
            landmarks_px=self.landmarks_px * np.float32(factor),
        )

    def take(self, index: IntArray | npt.NDArray[np.bool_]) -> FaceDetections:
        """Some of the faces, in the given order."""
        return FaceDetections(
            boxes_xyxy_px=self.boxes_xyxy_px[index],
            landmarks_px=self.landmarks_px[index],
            detection_confidence=self.detection_confidence[index],
            row=self.row[index],
        )

    @classmethod
    def joined(cls, parts: Sequence[FaceDetections]) -> FaceDetections:
        """All faces of several, one after the other; none of none."""
        return cls(
            boxes_xyxy_px=np.concatenate(
                [np.zeros((0, 4), np.float32), *(p.boxes_xyxy_px for p in parts)]
            ),
            landmarks_px=np.concatenate(
                [np.zeros((0, 5, 2), np.float32), *(p.landmarks_px for p in parts)]
            ),
            detection_confidence=np.concatenate(
                [np.zeros(0, np.float32), *(p.detection_confidence for p in parts)]
            ),
            row=np.concatenate([np.zeros(0, np.int64), *(p.row for p in parts)]),
        )


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What the network says of aligned crops.

    Args:
        logits: float32 [M, C], before the temperature.
        posterior: float32 [M, C], rows sum to 1.
    """

    logits: FloatArray
    posterior: FloatArray

    def __post_init__(self) -> None:
        _expect("logits", self.logits, (None, None))
        _expect("posterior", self.posterior, self.logits.shape)


@dataclass(frozen=True, kw_only=True)
class Episode:
    """A stretch of time in which one apparent expression prevails.

    Args:
        label: A valence class, or an emotion that has none (surprise).
        start_s, end_s: From the first frame to the end of the last one.
        peak_s: Where the smoothed posterior is highest.
        mean_posterior: Mean of the smoothed posterior of `label` over the episode, 0..1.
    """

    label: str
    start_s: float
    end_s: float
    peak_s: float
    mean_posterior: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class RepresentativeFrame:
    """A picture that stands for an episode, beside the same under its heat map.

    Args:
        label: Of the episode.
        emotion: Emotion class with the highest posterior in this frame.
        pts_s: When.
        posterior: Posterior of each valence class in this frame (unsmoothed), and of the
            emotions that have none.
        image_file: JPEG file of the face region, relative to the result.
        overlay_file: The same under the heat map; empty where there is none, as for neutral.
        energy: Share of the map on `eyes`, `mouth` and `other`; sums to 1, empty without a map.
        region: The part of the face without which the model would have said otherwise, `eyes`,
            `mouth` or `both`; empty where deletion confirms none.
    """

    label: str
    emotion: str
    pts_s: float
    posterior: dict[str, float]
    image_file: str
    overlay_file: str
    energy: dict[str, float]
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Figures over one recording, or over all recordings of a candidate.

    Args:
        duration_s: Time covered by the sampled frames.
        sampled_frames: Frames looked at.
        usable_frames: Of them, frames with a usable face of the candidate.
        coverage: Their ratio, 0..1.
        shares: Share of the usable frames for `positive`, `neutral`, `negative` and each emotion
            without valence; sums to 1, or empty without usable frames.
        emotion_shares: Mean posterior of each emotion over the usable frames; sums to 1, or empty.
        changes_per_minute: Changes from one episode to another per minute with a usable face;
            None without usable frames.
        longest: Longest episode of each label that has one.
        flag_shares: Share of the frames that show the candidate, for each quality flag.
        other_people: Most people seen at once beside the candidate.
        start_s: Time of the first sampled frame, from a player's 0:00; 0 over several
            recordings.
        end_s: Where the last one ends, likewise. Less `start_s` it is `duration_s` and the holes in
            which the recording shows no picture.
    """

    duration_s: float
    sampled_frames: int
    usable_frames: int
    coverage: float
    shares: dict[str, float]
    emotion_shares: dict[str, float]
    changes_per_minute: float | None
    longest: dict[str, Episode]
    flag_shares: dict[str, float]
    other_people: int
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Series:
    """Posteriors at every usable frame of a recording, smoothed in time.

    Args:
        pts_s: Ascending, float64 [K].
        labels: `positive`, `neutral`, `negative` and the emotions without valence, L in all.
        smoothed: float32 [K, L], rows sum to 1.
        label_column: Column of each frame's label, before smoothing: what shares count, int64 [K].
        emotions: Names of the emotions, C in all.
        emotion: float32 [K, C], rows sum to 1.
        breaks: Rows before which a gap lies, ascending, int64; None: where times lie far apart.
    """

    pts_s: TimeArray
    labels: tuple[str, ...]
    smoothed: FloatArray
    label_column: IntArray
    emotions: tuple[str, ...]
    emotion: FloatArray
    breaks: IntArray | None = None

    def __post_init__(self) -> None:
        _expect("smoothed", self.smoothed, (len(self.pts_s), len(self.labels)))
        _expect("label_column", self.label_column, (len(self.pts_s),))
        _expect("emotion", self.emotion, (len(self.pts_s), len(self.emotions)))


@dataclass(frozen=True, kw_only=True)
class SampledFrames:
    """What was seen in each sampled frame of a recording, and said of the usable ones.

    F frames were sampled, J of them show the candidate, K of these are usable.

    Args:
        frame_index: Position among all frames of the recording, int64 [F].
        pts_s: Presentation time stamps, ascending, float64 [F].
        other_faces: Faces of other people, int64 [F].
        shown_frame: Rows, among the F, of the frames that show the candidate, int64 [J].
        track_id, confidence: Face track and confidence of the candidate's face there, [J].
        boxes: Its boxes, float32 [J, 4].
        flags: Its quality flags in the order of `poise.labels.QUALITY_FLAGS`, bool [J, Q].
        usable_frame: Rows, among the F, of the usable frames, int64 [K].
        posterior: Emotion posteriors there, float32 [K, C].
        reading: Posteriors of the labels (`poise.labels.display_labels`) against the baseline,
            float32 [K, L].
        landmarks: The face's landmarks, as in `FaceDetections`, float32 [J, 5, 2].
        sharpness: Of the aligned face, see `poise.faces.quality.sharpness_of`, float32 [J].
        brightness: Its mean gray level, 0..255, float32 [J].
        pose_deg: Yaw, pitch, roll, see `poise.faces.pose`, float32 [J, 3]; None if not estimated.
        speaking: Index into `poise.spoken.SPEAKING`, int8 [F]; -1 where no sound was; None without.
    """

    frame_index: IntArray
    pts_s: TimeArray
    other_faces: IntArray
    shown_frame: IntArray
    track_id: IntArray
    confidence: FloatArray
    boxes: FloatArray
    flags: npt.NDArray[np.bool_]
    usable_frame: IntArray
    posterior: FloatArray
    reading: FloatArray
    landmarks: FloatArray
    sharpness: FloatArray
    brightness: FloatArray
    pose_deg: FloatArray | None = None
    speaking: npt.NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        frames, shown, usable = len(self.frame_index), len(self.shown_frame), len(self.usable_frame)
        for name in ("pts_s", "other_faces"):
            _expect(name, getattr(self, name), (frames,))
        for name in ("track_id", "confidence", "sharpness", "brightness"):
            _expect(name, getattr(self, name), (shown,))
        _expect("boxes", self.boxes, (shown, 4))
        _expect("flags", self.flags, (shown, None))
        _expect("posterior", self.posterior, (usable, None))
        _expect("reading", self.reading, (usable, None))
        _expect("landmarks", self.landmarks, (shown, 5, 2))
        if self.pose_deg is not None:
            _expect("pose_deg", self.pose_deg, (shown, 3))
        if self.speaking is not None:
            _expect("speaking", self.speaking, (frames,))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The resting face of a person in one recording, as the model reads it.

    Args:
        kind: `given` (from a named span), `auto` (from the recording itself) or `none`.
        level: Log-odds of negative against neutral of the resting face; 0 where there is none.
        spread: Their robust standard deviation within it; 0 where there is none.
        frames: From how many frames it was found.
        certainty: How much of the threshold is the person's own, from 0 to 1.
        threshold: Log-odds from which a face reads as negative.
    """

    kind: str = "none"
    level: float = 0.0
    spread: float = 0.0
    frames: int = 0
    certainty: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RecordingAnalysis:
    """All that the analysis of one recording found.

    Args:
        labels, info: Of the model; what the container says.
        loss, remarks: What could not be read, in plain words; what was unusual about reading.
        frames: Every sampled frame.
        baseline: The candidate's resting face.
        sound: What was heard.
        statistics: Figures over the recording.
        episodes: In order of time.
        pictures, files: Representative frames in order of time; JPEG files by name.
        stages: Seconds of each stage.
        identity: Who was seen.
    """

    labels: LabelScheme
    info: VideoInfo
    loss: str
    remarks: tuple[ReadingRemark, ...] = ()
    frames: SampledFrames
    baseline: Baseline
    sound: Sound = field(default_factory=Sound)
    statistics: Statistics
    episodes: list[Episode]
    pictures: list[RepresentativeFrame]
    files: dict[str, bytes]
    stages: dict[str, float]
    identity: IdentityFindings | None = None
