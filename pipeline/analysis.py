"""The analysis of one recording: what was seen of it, brought to posteriors, episodes, pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline import explain, timeline, track
from pipeline.align import align_face, similarity
from pipeline.classify import Classifier
from pipeline.decoders import SampleSpan
from pipeline.engine import Engine
from pipeline.errors import VideoError
from pipeline.look import Sightings, closer, look, track_faces
from pipeline.spool import CropSpool
from pipeline.types import FloatArray, Image, IntArray, RepresentativeFrame, TimeArray, VideoInfo

FRAMES_FILE, RESULT_FILE = "frames.npz", "result.json"
SIGHTINGS_FILE, CROPS_FILE = "sightings.npz", "crops.u8"
_SAME_CROP = 2.0  # mean difference of gray levels, of 255
_CLASSIFIED_AT_ONCE = 256


def analyse_recording(
    path: Path,
    engine: Engine,
    directory: Path,
) -> None:
    """Analyse one recording and leave `frames.npz`, `result.json` and pictures.

    Args:
        path: The recording.
        engine: Networks, decoding process and settings.
        directory: Exists and is empty.

    Raises:
        VideoError: If the recording cannot be read at all.
    """
    engine.stopwatch.seconds.clear()
    with CropSpool(directory, engine.spec.input_px) as crops:
        short_side_px = engine.settings.detection_px
        info, seen = look(path, engine, crops, short_side_px=short_side_px, glancing=True)
        _conclude(path, engine, info, seen, crops, directory)


def look_at_part(
    path: Path, engine: Engine, span: SampleSpan, short_side_px: int, directory: Path
) -> None:
    """Look at a part of a recording and leave what was seen in a directory.

    Raises:
        VideoError: If it cannot be read at all.
    """
    with CropSpool(directory, engine.spec.input_px, name=CROPS_FILE) as crops:
        _, seen = look(path, engine, crops, short_side_px=short_side_px, span=span)
        seen.save(directory / SIGHTINGS_FILE)


def analyse_parts(path: Path, engine: Engine, parts: Sequence[Path], directory: Path) -> None:
    """As `analyse_recording`, from what `look_at_part` left of all parts in order.

    Raises:
        VideoError: If a part is damaged: what is missing of it cannot be counted from the others.
    """
    engine.stopwatch.seconds.clear()
    looked_at = [Sightings.load(part / SIGHTINGS_FILE) for part in parts]
    for sightings in looked_at:
        if sightings.loss:
            raise VideoError(sightings.loss, remedy="Analyse the recording whole.", path=path)
    seen = Sightings.joined(looked_at)
    with CropSpool(directory, engine.spec.input_px) as crops:
        for part in parts:
            crops.append_file(part / CROPS_FILE)
        info = engine.decoding.describe(path, backend=engine.settings.decoder)
        _conclude(path, engine, info, seen, crops, directory)


def _conclude(
    path: Path,
    engine: Engine,
    info: VideoInfo,
    seen: Sightings,
    crops: CropSpool,
    directory: Path,
) -> None:
    """From faces to results; closer looks come first where the candidate's face is too small."""
    settings, spec, watch = engine.settings, engine.spec, engine.stopwatch
    track_id, chosen = track_faces(seen)
    while short_side_px := closer(seen, chosen):
        info, seen = look(path, engine, crops, short_side_px=short_side_px)
        track_id, chosen = track_faces(seen)
    is_candidate = np.isin(track_id, [t.track_id for t in chosen])
    shown = _one_per_frame(seen, is_candidate)
    usable = shown[~seen.flags[shown].any(axis=1)]
    with watch("classify"):
        posterior = _classify(engine.classifier, crops, usable)
    sure = is_candidate | track.of_people(track_id, seen.confidence)
    others = track.frames_with_others(seen.frame[sure], is_candidate[sure], len(seen.pts_s))
    scored = timeline.ScoredFrames(pts_s=seen.pts_s[seen.frame[usable]], emotion=posterior)
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
        sampled_frames=len(seen.pts_s),
        interval_s=_interval(seen.pts_s, interval_s),
        episodes=episodes,
        flags=seen.flags[shown],
        other_people=int(others.max(initial=0)),
    )
    picked = explain.choose_frames(
        episodes,
        labels,
        scored.pts_s,
        smoothed,
        raw,
        seen.sharpness[usable],
        settings.frames_per_class,
    )
    with watch("explain"):
        pictures, loss = _explain(path, engine, seen, usable, posterior, picked, directory)
    np.savez(
        directory / FRAMES_FILE,
        frame_index=seen.frame_index,
        pts_s=seen.pts_s,
        other_faces=others,
        shown_frame=seen.frame[shown],
        track_id=track_id[shown],
        confidence=seen.confidence[shown],
        boxes=seen.boxes[shown],
        flags=seen.flags[shown],
        usable_frame=seen.frame[usable],
        posterior=posterior,
    )
    result = {
        "labels": spec.labels.to_json(),
        "info": asdict(info),
        "loss": "; ".join(filter(None, [seen.loss, loss])),
        "statistics": asdict(statistics),
        "frames_shown": len(shown),
        "episodes": [asdict(episode) for episode in episodes],
        "pictures": [asdict(picture) for picture in pictures],
        "stages": {stage: round(seconds, 3) for stage, seconds in watch.seconds.items()},
    }
    text = json.dumps(result, ensure_ascii=False)
    (directory / RESULT_FILE).write_text(text, encoding="utf-8")


def _one_per_frame(seen: Sightings, is_candidate: npt.NDArray[np.bool_]) -> IntArray:
    """The candidate's face in each frame that shows it, int64 [J], in order of time."""
    rows = np.flatnonzero(is_candidate)
    _, first = np.unique(seen.frame[rows], return_index=True)
    return rows[first]


def _classify(classifier: Classifier, crops: CropSpool, rows: IntArray) -> FloatArray:
    """Emotion posteriors of the given crops, read from disk part by part.

    A crop that hardly differs from the last one that was classified is not classified again: on a
    still picture or a frozen call every frame would be.
    """
    classes = len(classifier.spec.labels.emotions)
    posterior = np.empty((len(rows), classes), np.float32)
    last, last_said = None, None
    for start in range(0, len(rows), _CLASSIFIED_AT_ONCE):
        part = slice(start, start + _CLASSIFIED_AT_ONCE)
        images = crops.read(rows[part].tolist())
        new: list[int] = []
        stands_for = np.empty(len(images), np.int64)  # position in `new`; -1: the last of before
        for k, image in enumerate(images):
            if last is None or cv2.norm(image, last, cv2.NORM_L1) > _SAME_CROP * image.size:
                last = image
                new.append(k)
            stands_for[k] = len(new) - 1
        said = np.empty((0, classes), np.float32)
        if new:
            said = classifier.predict(images[new], mirrored=False).posterior
        known = said if last_said is None else np.concatenate([said, last_said[None]])
        posterior[part] = known[stands_for]
        last_said = posterior[part][-1]
    return posterior


def _interval(pts_s: TimeArray, nominal_s: float) -> float:
    """Time that one sampled frame stands for on average: longer where frames are sparser."""
    if len(pts_s) < 2:
        return nominal_s
    return max(nominal_s, float(pts_s[-1] - pts_s[0]) / (len(pts_s) - 1))


def _explain(
    path: Path,
    engine: Engine,
    seen: Sightings,
    usable: IntArray,
    posterior: FloatArray,
    picked: list[tuple[str, int]],
    directory: Path,
) -> tuple[list[RepresentativeFrame], str]:
    """Representative frames with their overlays, and what is said where frames are lost."""
    if not picked:
        return [], ""
    times = [float(seen.pts_s[seen.frame[usable[k]]]) for _, k in picked]
    images = engine.decoding.fetch(path, backend=engine.settings.decoder, pts_s=times)
    scheme = engine.spec.labels
    said = timeline.display_posterior(scheme, posterior)
    pictures: list[RepresentativeFrame] = []
    try:
        for number, ((label, k), image) in enumerate(zip(picked, images, strict=True)):
            face = int(usable[k])
            image_file, overlay_file = f"frame-{number}.jpg", f"gradcam-{number}.jpg"
            region, laid, energy = _overlay(
                engine.classifier,
                image,
                seen.landmarks[face],
                seen.boxes[face],
                posterior[k],
                label,
            )
            _write_jpeg(region, directory / image_file)
            _write_jpeg(laid, directory / overlay_file)
            columns = zip(timeline.display_labels(scheme), said[k], strict=True)
            pictures.append(
                RepresentativeFrame(
                    label=label,
                    emotion=scheme.emotions[int(posterior[k].argmax())],
                    pts_s=times[number],
                    posterior={name: float(p) for name, p in columns},
                    image_file=image_file,
                    overlay_file=overlay_file,
                    energy=energy,
                )
            )
    except VideoError as error:
        return pictures, f"representative frames are missing: {error.cause}"
    return pictures, ""


def _overlay(
    classifier: Classifier,
    image: Image,
    landmarks: FloatArray,
    box: FloatArray,
    posterior: FloatArray,
    label: str,
) -> tuple[Image, Image, dict[str, float]]:
    """Face region, the same under Grad-CAM, and where the map's energy lies.

    The posterior is that of the face as it was classified: to look again would take twice as long.
    """
    spec = classifier.spec
    crop = align_face(image, landmarks, spec.template_px, spec.input_px)[None]
    members = [
        k for k, e in enumerate(spec.labels.emotions) if spec.labels.valence.get(e, e) == label
    ]
    warm = posterior**spec.temperature  # at temperature 1
    cam = explain.grad_cam(classifier.maps(crop), classifier.class_weights, warm[None], members)[0]
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
