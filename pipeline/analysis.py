"""The analysis of one recording: the stages from decoding to explanation, joined."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import explain, quality, timeline, track
from pipeline.align import align_face, similarity
from pipeline.classify import ExpressionClassifier
from pipeline.decode import DecodingProcess
from pipeline.detect import FaceDetector
from pipeline.errors import VideoError
from pipeline.labels import VALENCES
from pipeline.network import ModelSpec
from pipeline.settings import Settings
from pipeline.spool import CropSpool
from pipeline.tables import as_table, frames_schema, timecode
from pipeline.types import (
    Episode,
    FloatArray,
    Image,
    IntArray,
    RepresentativeFrame,
    Statistics,
    TimeArray,
    VideoInfo,
)

FRAMES_FILE, RESULT_FILE = "frames.parquet", "result.json"
_CLEAR_FACE_PX = 64.0  # a smaller face in the reduced frames is worth a second, closer look
_MAX_DETECTION_PX = 2160


@dataclass(frozen=True)
class Engine:
    """What a worker keeps from one recording to the next."""

    settings: Settings
    classifier: ExpressionClassifier
    detector: FaceDetector
    decoding: DecodingProcess

    @classmethod
    def start(cls, settings: Settings) -> Engine:
        """Load the networks.

        Raises:
            ModelError, SettingsError: If the model or the device cannot be used.
        """
        classifier = ExpressionClassifier(
            Path(settings.model) if settings.model else None,
            device=settings.device,
            batch_size=settings.batch_size,
        )
        return cls(
            settings=settings,
            classifier=classifier,
            detector=FaceDetector(device=str(classifier.device)),
            decoding=DecodingProcess(stall_timeout_s=settings.stall_timeout_s),
        )


@dataclass(frozen=True, kw_only=True)
class _Faces:
    """All faces of one recording, in order of time.

    Args:
        pts_s, frame_index: Of the sampled frames, [F].
        frame, track_id: Of each face: row among the sampled frames, and track; int64 [M].
        boxes, landmarks, confidence: In full-resolution pixels; float32 [M, 4], [M, 5, 2], [M].
        appearance: Thumbnails of the aligned crops, float16 [M, P].
        sharpness: float32 [M].
        flags: bool [M, 5].
        loss: What could not be read.
    """

    pts_s: TimeArray
    frame_index: IntArray
    frame: IntArray
    track_id: IntArray
    boxes: FloatArray
    landmarks: FloatArray
    confidence: FloatArray
    appearance: npt.NDArray[np.float16]
    sharpness: FloatArray
    flags: npt.NDArray[np.bool_]
    loss: str


def analyse_recording(
    path: Path,
    engine: Engine,
    directory: Path,
    progress: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Analyse one recording and leave `frames.parquet`, `result.json` and pictures.

    Args:
        path: The recording.
        engine: Networks, decoding process and settings.
        directory: Exists and is empty.
        progress: Called with the time stamp reached.

    Raises:
        VideoError: If the recording cannot be read at all.
    """
    settings, spec = engine.settings, engine.classifier.spec
    with CropSpool(directory, spec.input_px) as crops:
        info, faces, chosen = _look(path, engine, crops, progress)
        is_candidate = np.isin(faces.track_id, [t.track_id for t in chosen])
        shown = _one_per_frame(faces, is_candidate)
        usable = shown[~faces.flags[shown].any(axis=1)]
        posterior = _classify(engine.classifier, crops, usable)
        sure = is_candidate | track.of_people(faces.track_id, faces.confidence)
        others = track.frames_with_others(faces.frame[sure], is_candidate[sure], len(faces.pts_s))
        frames = _frames_table(faces, shown, usable, posterior, others, spec)

        scored = timeline.ScoredFrames(pts_s=faces.pts_s[faces.frame[usable]], emotion=posterior)
        labels = timeline.display_labels(spec.labels)
        raw = timeline.display_posterior(spec.labels, posterior)
        smoothed = timeline.smooth(scored.pts_s, raw, settings.smoothing_s)
        interval_s = 1 / settings.sample_rate_hz
        episodes = timeline.find_episodes(
            scored.pts_s,
            smoothed,
            labels,
            interval_s=interval_s,
            min_duration_s=settings.min_episode_s,
        )
        statistics = timeline.summarise(
            scheme=spec.labels,
            scored=scored,
            sampled_frames=len(faces.pts_s),
            interval_s=_interval(faces.pts_s, interval_s),
            episodes=episodes,
            flags=faces.flags[shown],
            other_people=int(others.max(initial=0)),
        )
        picked = explain.choose_frames(
            episodes,
            labels,
            scored.pts_s,
            smoothed,
            raw,
            faces.sharpness[usable],
            settings.frames_per_class,
        )
        pictures, loss = _explain(path, engine, faces, usable, posterior, picked, directory)
    times, points = timeline.reduce_timeline(scored.pts_s, smoothed, labels)
    frames.to_parquet(directory / FRAMES_FILE, index=False)
    result = {
        "info": asdict(info),
        "loss": "; ".join(filter(None, [faces.loss, loss])),
        "statistics": asdict(statistics),
        "frames_shown": len(shown),
        "episodes": [asdict(episode) for episode in episodes],
        "timeline_s": [round(t, 3) for t in times],
        "timeline": {k: [None if v is None else round(v, 4) for v in vs]
                     for k, vs in points.items()},
        "pictures": [asdict(picture) for picture in pictures],
    }  # fmt: skip
    text = json.dumps(result, ensure_ascii=False)
    (directory / RESULT_FILE).write_text(text, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """What `analyse_recording` left, read back."""

    loss: str
    statistics: Statistics
    frames_shown: int
    episodes: list[Episode]
    timeline_s: list[float]
    timeline: dict[str, list[float | None]]
    pictures: list[RepresentativeFrame]
    directory: Path

    @classmethod
    def read(cls, directory: Path) -> StoredResult:
        """Read a result directory, the table of frames apart (`read_frames`)."""
        plain: dict[str, Any] = json.loads((directory / RESULT_FILE).read_text(encoding="utf-8"))
        statistics = plain["statistics"]
        longest = {label: Episode(**e) for label, e in statistics.pop("longest").items()}
        return cls(
            loss=plain["loss"],
            statistics=Statistics(**statistics, longest=longest),
            frames_shown=plain["frames_shown"],
            episodes=[Episode(**e) for e in plain["episodes"]],
            timeline_s=plain["timeline_s"],
            timeline=plain["timeline"],
            pictures=[RepresentativeFrame(**p) for p in plain["pictures"]],
            directory=directory,
        )

    def read_frames(self) -> pd.DataFrame:
        """The table of frames, without `recording_id`."""
        return pd.read_parquet(self.directory / FRAMES_FILE)


def _look(
    path: Path, engine: Engine, spool: CropSpool, progress: Callable[[float], None]
) -> tuple[VideoInfo, _Faces, list[track.FaceTrack]]:
    """Decode, detect, align and track; closer where the candidate's face is small."""
    short_side_px = engine.settings.detection_px
    while True:
        info, faces = _pass(path, engine, short_side_px, spool, progress)
        size = (info.width_px, info.height_px)
        tracks = track.gather_tracks(
            faces.track_id, faces.frame, faces.boxes, faces.appearance, size
        )
        chosen = track.choose_candidate(tracks, info.height_px)
        limit = min(*size, _MAX_DETECTION_PX)
        if not chosen or short_side_px >= limit:
            return info, faces, chosen
        seen_px = chosen[0].side_px * short_side_px / min(size)
        if seen_px >= _CLEAR_FACE_PX:
            return info, faces, chosen
        short_side_px = min(limit, int(short_side_px * 1.25 * _CLEAR_FACE_PX / seen_px))


def _pass(
    path: Path,
    engine: Engine,
    short_side_px: int,
    spool: CropSpool,
    progress: Callable[[float], None],
) -> tuple[VideoInfo, _Faces]:
    """One pass over the recording with frames of the given size."""
    settings, spec = engine.settings, engine.classifier.spec
    info, batches = engine.decoding.sample(
        path,
        backend=settings.decoder,
        rate_hz=settings.sample_rate_hz,
        short_side_px=short_side_px,
    )
    tracker = track.Tracker()
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _Faces.__annotations__}
    loss, seen = "", 0
    spool.clear()
    try:
        for batch in batches:
            if isinstance(batch, str):
                loss = batch
                break
            found = engine.detector.detect(batch.images)
            crops = _align(batch.images, found.landmarks_px, found.row, spec)
            spool.append(crops)
            faces = found.scaled(1 / batch.scale)
            ids = [
                tracker.update(pts_s, faces.boxes_xyxy_px[faces.row == row])
                for row, pts_s in enumerate(batch.pts_s)
            ]
            size = (info.width_px, info.height_px)
            found_here: dict[str, npt.NDArray[Any]] = {
                "pts_s": batch.pts_s,
                "frame_index": batch.frame_index,
                "frame": faces.row + seen,
                "track_id": np.concatenate(ids),
                "boxes": faces.boxes_xyxy_px,
                "landmarks": faces.landmarks_px,
                "confidence": faces.detection_confidence,
                "appearance": track.thumbnails(crops).astype(np.float16),
                "sharpness": quality.sharpness_of(crops),
                "flags": quality.quality_flags(
                    faces.boxes_xyxy_px, faces.landmarks_px, crops, size
                ),
            }
            for name, values in found_here.items():
                columns[name].append(values)
            seen += len(batch)
            progress(float(batch.pts_s[-1]))
    except VideoError as error:
        if seen == 0:
            raise
        loss = f"{error.cause} after {columns['pts_s'][-1][-1]:.1f} s"
    joined = {name: np.concatenate(parts) for name, parts in columns.items() if parts}
    return info, _Faces(**joined, loss=loss)


def _align(images: Image, landmarks: FloatArray, row: IntArray, spec: ModelSpec) -> Image:
    crops = np.empty((len(row), spec.input_px, spec.input_px, 3), np.uint8)
    for k, frame in enumerate(row):
        crops[k] = align_face(images[frame], landmarks[k], spec.template_px, spec.input_px)
    return crops


def _one_per_frame(faces: _Faces, is_candidate: npt.NDArray[np.bool_]) -> IntArray:
    """The candidate's face in each frame that shows it, int64 [J], in order of time."""
    rows = np.flatnonzero(is_candidate)
    _, first = np.unique(faces.frame[rows], return_index=True)
    return rows[first]


def _classify(classifier: ExpressionClassifier, crops: CropSpool, rows: IntArray) -> FloatArray:
    """Emotion posteriors of the given crops, read from disk part by part."""
    classes = len(classifier.spec.labels.emotions)
    posterior = np.empty((len(rows), classes), np.float32)
    step = max(classifier.batch_size, 256)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        posterior[part] = classifier.predict(crops.read(rows[part].tolist())).posterior
    return posterior


def _interval(pts_s: TimeArray, nominal_s: float) -> float:
    """Time that one sampled frame stands for on average: longer where frames are sparser."""
    if len(pts_s) < 2:
        return nominal_s
    return max(nominal_s, float(pts_s[-1] - pts_s[0]) / (len(pts_s) - 1))


def _frames_table(
    faces: _Faces,
    shown: IntArray,
    usable: IntArray,
    posterior: FloatArray,
    others: IntArray,
    spec: ModelSpec,
) -> pd.DataFrame:
    pts_ms = np.round(faces.pts_s * 1000).astype(np.int64)
    rows = pd.DataFrame(
        {
            "frame_index": faces.frame_index,
            "pts_ms": pts_ms,
            "timecode": [timecode(int(ms)) for ms in pts_ms],
            "face_found": False,
            "usable": False,
            "other_faces": others,
        }
    )
    face = pd.DataFrame(
        {
            "track_id": faces.track_id[shown],
            "detection_confidence": faces.confidence[shown],
            **{
                f"box_{corner}_px": faces.boxes[shown, k]
                for k, corner in enumerate(("x1", "y1", "x2", "y2"))
            },
            **{flag: faces.flags[shown, k] for k, flag in enumerate(quality.FLAGS)},
        },
        index=faces.frame[shown],
    )
    valence = spec.labels.valence_posterior(posterior)
    emotions = spec.labels.emotions
    said = pd.DataFrame(
        {
            **{f"p_{name}": posterior[:, k] for k, name in enumerate(emotions)},
            **{f"p_{name}": valence[:, k] for k, name in enumerate(VALENCES)},
            "valence": np.array(VALENCES)[valence.argmax(axis=1)],
            "emotion": np.array(emotions)[posterior.argmax(axis=1)],
        },
        index=faces.frame[usable],
    )
    rows.loc[faces.frame[shown], "face_found"] = True
    rows.loc[faces.frame[usable], "usable"] = True
    return as_table(rows.join(face).join(said), frames_schema(spec.labels)[1:])


def _explain(
    path: Path,
    engine: Engine,
    faces: _Faces,
    usable: IntArray,
    posterior: FloatArray,
    picked: list[tuple[str, int]],
    directory: Path,
) -> tuple[list[RepresentativeFrame], str]:
    """Representative frames with their overlays; without them, why, if the frames are lost."""
    if not picked:
        return [], ""
    times = [float(faces.pts_s[faces.frame[usable[k]]]) for _, k in picked]
    try:
        images = engine.decoding.fetch(path, backend=engine.settings.decoder, pts_s=times)
    except VideoError as error:
        return [], f"no representative frames: {error.cause}"
    labels = timeline.display_labels(engine.classifier.spec.labels)
    said = timeline.display_posterior(engine.classifier.spec.labels, posterior)
    pictures = []
    for number, ((label, k), image) in enumerate(zip(picked, images, strict=True)):
        face = int(usable[k])
        image_file, overlay_file = f"frame-{number}.jpg", f"gradcam-{number}.jpg"
        region, laid, energy = _overlay(
            engine.classifier, image, faces.landmarks[face], faces.boxes[face], label
        )
        _write_jpeg(region, directory / image_file)
        _write_jpeg(laid, directory / overlay_file)
        emotions = engine.classifier.spec.labels.emotions
        pictures.append(
            RepresentativeFrame(
                label=label,
                emotion=emotions[int(posterior[k].argmax())],
                pts_s=times[number],
                posterior={n: float(said[k, column]) for column, n in enumerate(labels)},
                image_file=image_file,
                overlay_file=overlay_file,
                energy=energy,
            )
        )
    return pictures, ""


def _overlay(
    classifier: ExpressionClassifier,
    image: Image,
    landmarks: FloatArray,
    box: FloatArray,
    label: str,
) -> tuple[Image, Image, dict[str, float]]:
    """Face region, the same under Grad-CAM, and where the map's energy lies."""
    spec = classifier.spec
    crop = align_face(image, landmarks, spec.template_px, spec.input_px)[None]
    weight = classifier.network.classifier.weight.detach().float().cpu().numpy()
    members = [
        k for k, e in enumerate(spec.labels.emotions) if spec.labels.valence.get(e, e) == label
    ]
    logits = classifier.predict(crop).logits
    posterior = np.exp(logits - logits.max(axis=1, keepdims=True))
    cam = explain.grad_cam(classifier.maps(crop), weight, posterior, members)[0]
    region, to_frame = explain.face_region(image, box)
    to_crop = similarity(landmarks, spec.template_px)
    chained = to_crop @ np.vstack([to_frame, [0, 0, 1]])
    laid = explain.overlay(region, cam, chained, spec.input_px)
    return region, laid, explain.energy_shares(cam, spec.template_px, spec.input_px)


def _write_jpeg(image: Image, path: Path) -> None:
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    path.write_bytes(data.tobytes())
