"""The engine of live practice: what it says of pictures, and that `analyze` says the same."""

from __future__ import annotations

import io
import pickle
from collections import deque
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pictures

from poise.analysis.context import AnalysisContext
from poise.analysis.recording import analyse_recording
from poise.desk.live.engine import LiveEngine, PictureRefused
from poise.expression.classifier import ExpressionClassifier
from poise.faces.detection.detector import FaceDetector
from poise.labels import VALENCES, display_labels
from poise.media.reader import DecodingProcess
from poise.settings import Settings
from poise.timeline.articulation import NEGATIVE_MARGIN
from poise.timeline.baseline import against
from poise.types import Image
from tests.clips import beginning
from tests.conftest import SAMPLES, SampleFaces

SAMPLE = SAMPLES / "Sample A" / "interview 1.mp4"


def as_jpeg(image: Image, quality: int = 85) -> bytes:
    held = io.BytesIO()
    Pictures.fromarray(image).save(held, "JPEG", quality=quality)
    return held.getvalue()


@pytest.fixture
def engine(detector: FaceDetector, classifier: ExpressionClassifier) -> LiveEngine:
    return LiveEngine(detector, classifier, short_side_px=360, smoothing_s=0.4)


def test_a_face_is_found_and_read(engine: LiveEngine, sample_faces: SampleFaces) -> None:
    said = []
    for k, image in enumerate(sample_faces.images):
        answer = engine.see(as_jpeg(image), 10.0 * k)
        assert answer.state == "read" and answer.flags == () and answer.others == 0
        assert sum(answer.posterior) == pytest.approx(1, abs=1e-3)
        box = sample_faces.faces.boxes_xyxy_px[k] / np.array([640, 480, 640, 480])
        assert np.abs(np.array(answer.box) - box).max() < 0.03
        said.append(answer.label)
    assert said[:2] == ["neutral", "positive"] and said[3] != "positive"


def test_no_face_and_a_face_that_cannot_be_read(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    assert engine.look(np.full((480, 640, 3), 90, np.uint8), 0.0).state == "no_face"
    dark = (sample_faces.images[0] * 0.12).astype(np.uint8)
    answer = engine.look(dark, 1.0)
    assert answer.state == "unreadable" and "dark" in answer.flags
    assert answer.posterior == () and answer.cue == ""


def test_what_is_no_picture_is_refused(engine: LiveEngine) -> None:
    png = io.BytesIO()
    Pictures.new("RGB", (64, 64)).save(png, "PNG")
    whole = as_jpeg(np.zeros((480, 640, 3), np.uint8))
    for wrong in (b"", b"\xff\xd8\xff", png.getvalue(), whole[: len(whole) // 2]):
        with pytest.raises(PictureRefused):
            engine.see(wrong, 0.0)
    with pytest.raises(PictureRefused, match="1296 x 960"):
        engine.see(as_jpeg(np.zeros((960, 1296, 3), np.uint8)), 0.0)


def test_while_the_mouth_moves_negative_has_to_be_clearer(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    def asked_for(time_s: float, moves: bool) -> float:
        """How much clearer negative has to be than against the resting face alone, log-odds."""
        shown = sample_faces.images[round(time_s / 0.2) % 2 if moves else 0]
        answer = engine.look(shown, time_s)
        read = against(engine.baseline, np.array([answer.posterior], np.float32))[0]
        negative, neutral = VALENCES.index("negative"), VALENCES.index("neutral")
        odds = read[negative] / read[neutral], answer.reading[negative] / answer.reading[neutral]
        return float(np.log(odds[0] / odds[1]))

    resting = [asked_for(0.2 * k, False) for k in range(12)]
    assert resting == pytest.approx([0.0] * 12, abs=0.05)
    moving = [asked_for(0.2 * k, True) for k in range(12, 24)]
    assert moving[-1] == pytest.approx(NEGATIVE_MARGIN, abs=0.1)


def test_expressions_are_read_against_the_resting_face(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    engine.rest()
    for k in range(12):
        engine.look(sample_faces.images[0], 0.1 * k)
    found = engine.rested()
    assert found.kind == "given" and found.frames == 12
    answer = engine.look(sample_faces.images[0], 1.3)
    assert answer.reading != answer.posterior
    negative = VALENCES.index("negative")
    odds = np.log(np.array(answer.reading) / np.array(answer.posterior))
    assert odds[negative] - odds[1] == pytest.approx(-found.threshold, abs=0.2)
    engine.begin()
    assert engine.baseline.kind == "none"


def test_a_resting_face_of_too_few_pictures_is_none(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    engine.rest()
    engine.look(sample_faces.images[0], 0.0)
    assert engine.rested().kind == "none"
    assert engine.rested().kind == "none"  # without a beginning


def test_the_cue_follows_and_begins_anew_after_a_gap(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    neutral, smile = sample_faces.images[:2]
    cues = [engine.look(neutral, 0.1 * k).cue for k in range(6)]
    assert cues == ["neutral"] * 6
    first = engine.look(smile, 0.6)
    assert first.cue == "neutral" and first.label == "positive"  # one picture turns nothing
    cues = [engine.look(smile, 0.7 + 0.1 * k).cue for k in range(12)]
    assert cues[-1] == "positive"
    assert engine.look(neutral, 5.0).cue == "neutral"


def test_more_pictures_in_between_change_nothing(
    engine: LiveEngine, sample_faces: SampleFaces
) -> None:
    """A camera gives more than `analyze` samples; the other look is that of a turn ago."""
    neutral, smile = sample_faces.images[:2]
    shown = {0.0: neutral, 0.1: smile, 0.2: smile, 0.3: neutral, 0.4: neutral}
    sampled = [engine.look(shown[time_s], time_s).posterior for time_s in (0.0, 0.2, 0.4)]
    engine.begin()
    all_of_them = {time_s: engine.look(image, time_s).posterior for time_s, image in shown.items()}
    for said, time_s in zip(sampled, (0.0, 0.2, 0.4), strict=True):
        assert all_of_them[time_s] == pytest.approx(said, abs=0.03)


def test_what_it_keeps_does_not_grow(engine: LiveEngine, sample_faces: SampleFaces) -> None:
    def held() -> int:
        kept = {k: v for k, v in vars(engine).items() if isinstance(v, (deque, list))}
        return len(pickle.dumps(kept))

    for k in range(30):  # three seconds
        engine.look(sample_faces.images[0], 0.1 * k)
    before = held()
    for k in range(30, 50):
        engine.look(sample_faces.images[0], 0.1 * k)
    assert held() < before + 20 * 20  # distances of eyes, of which the last 300 are kept


def followed(clip: Path, use: Callable[[Image, float], None]) -> None:
    """All frames of a clip with their times."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            use(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), float(frame.time))


def test_the_same_as_analyze_says_of_the_same_frames(
    engine: LiveEngine, detector: FaceDetector, classifier: ExpressionClassifier,
    decoding: DecodingProcess, tmp_path: Path,
) -> None:  # fmt: skip
    settings = Settings(device="cpu", sound=False, identity=False, frames_per_class=0)
    clip = beginning(SAMPLE, tmp_path / "clip.mp4", 12)
    context = AnalysisContext(settings, classifier, detector, decoding)
    span_s = (0.2, 3.0)
    found = analyse_recording(clip, context, tmp_path, neutral_span_s=span_s)
    frames, labels = found.frames, display_labels(found.labels)
    row_at = {round(float(frames.pts_s[f]), 3): k for k, f in enumerate(frames.usable_frame)}
    sampled = {round(float(t), 3) for t in frames.pts_s}
    valence = found.labels.valence_posterior(frames.posterior)
    alike: list[tuple[bool, bool]] = []
    resting = True

    def see(image: Image, time_s: float) -> None:
        nonlocal resting
        if round(time_s, 3) not in sampled:
            return
        if resting and time_s >= span_s[1]:
            resting = False
            assert engine.rested().threshold == pytest.approx(found.baseline.threshold, abs=0.3)
        answer = engine.see(as_jpeg(image), time_s)
        row = row_at.get(round(time_s, 3))
        if row is None or answer.state != "read":
            return
        model = int(np.argmax(answer.posterior[:3])) == int(valence[row].argmax())
        relative = (
            labels[int(np.argmax(answer.reading))] == labels[int(frames.reading[row].argmax())]
        )
        alike.append((model, relative or resting))

    engine.rest()
    followed(clip, see)
    assert len(alike) >= 0.95 * len(row_at) > 50
    assert np.mean(alike, axis=0).min() >= 0.98
