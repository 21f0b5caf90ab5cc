"""Made-up reports with pictures, alike enough to real ones to be read and looked at."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw

from poise.expression.model_spec import ModelSpec
from poise.labels import QUALITY_FLAGS, LabelScheme, display_labels, display_posterior
from poise.reports.answers import answers_of, in_state
from poise.reports.drawing.geometry import unseen
from poise.reports.report_types import UNSURE, CandidateReport, RecordingReport
from poise.settings import Settings
from poise.spoken import Segment
from poise.storage.results.format import StoredResult, write_result
from poise.storage.results.outcome import Outcome
from poise.storage.results.owners import Owner, write_owners
from poise.timeline.episodes import find_episodes
from poise.timeline.segment_figures import SeenFrames, segment_figures, segment_of
from poise.timeline.smoothing import runs_of, smooth
from poise.timeline.statistics import ScoredFrames, summarise
from poise.types import (
    Baseline,
    Episode,
    Recording,
    RecordingAnalysis,
    RepresentativeFrame,
    SampledFrames,
    Series,
    Statistics,
    VideoInfo,
)

LABELS = ("positive", "neutral", "negative", "surprise")
QUESTIONS = (
    "Please introduce yourself.",
    "Why did you choose this field?",
    "Tell us about a time when a plan of yours failed, and what you did about it.",
    "어려웠던 일을 해결한 경험을 말씀해 주세요.",
    "How do you work with people who disagree with you?",
    "Is there anything you would like to ask us?",
)
PROVENANCE = {
    "poise": "0.1.0",
    "model": "ferplus (VGG16DenseNet, 48 px)",
    "model sha256": "9f2c" * 16,
    "parameters": "sample_rate=5.0, smoothing=1.0",
    "input kim/mock_1.mp4": "07ab" * 16,
    "written": "2026-11-21T02:14+09:00",
}


def drawn_face(mood: float, *, warm: bool = False, size: int = 192) -> bytes:
    """A drawn face as JPEG; `mood` bends the mouth from -1 to 1, `warm` lays a map over it."""
    image = Image.new("RGB", (size, size), "#cfd8dc")
    draw = ImageDraw.Draw(image)
    unit = size / 100
    draw.ellipse([20 * unit, 12 * unit, 80 * unit, 92 * unit], fill="#e8c4a4")
    for x in (38, 62):
        draw.ellipse([(x - 4) * unit, 40 * unit, (x + 4) * unit, 47 * unit], fill="#333333")
    mouth = [(x * unit, (70 - mood * (abs(x - 50) / 14) ** 2 * 7) * unit) for x in range(36, 65)]
    draw.line(mouth, fill="#8c3b3b", width=round(3 * unit))
    if warm:
        veil = Image.new("RGB", image.size, "#24106b")
        glow = Image.radial_gradient("L").resize((round(64 * unit), round(40 * unit)))
        mask = Image.new("L", image.size, 130)
        mask.paste(glow.point(lambda v: v // 2), (round(18 * unit), round(50 * unit)))
        image = Image.composite(veil, image, mask)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def make_timeline(
    duration_s: float, *, seed: int = 1, gap: bool = True
) -> tuple[list[float], dict[str, list[float | None]]]:
    """Smoothed posteriors that wander, sum to one and have a gap or two; five a second."""
    chance = np.random.default_rng(seed)
    base = {"positive": 0.2, "neutral": 1.9, "negative": 0.0, "surprise": -1.6}
    times = np.arange(0.1, duration_s, 0.2)
    knots = np.arange(0, duration_s + 2, 2.0)
    steps = chance.normal(0, 0.55, (len(knots), len(LABELS)))
    drift = np.zeros_like(steps)
    for k in range(1, len(knots)):
        drift[k] = 0.95 * drift[k - 1] + steps[k]
    weights = np.exp(
        [base[label] + np.interp(times, knots, drift[:, c]) for c, label in enumerate(LABELS)]
    )
    share = times / duration_s
    unseen = gap & ((share > 0.42) & (share < 0.47) | (share > 0.81) & (share < 0.82))
    values: dict[str, list[float | None]] = {
        label: [None if hidden else float(value) for value, hidden in zip(row, unseen, strict=True)]
        for label, row in zip(LABELS, weights / weights.sum(axis=0), strict=True)
    }
    return times.tolist(), values


def make_series(times: list[float], values: dict[str, list[float | None]]) -> Series | None:
    """The same posteriors at every point that has one, and emotions that fit them."""
    seen = [k for k in range(len(times)) if values["neutral"][k] is not None]
    if not seen:
        return None
    smoothed = np.array([[values[label][k] for label in LABELS] for k in seen], np.float32)
    members = {"positive": ["happiness"], "neutral": ["neutral"], "surprise": ["surprise"]}
    members["negative"] = ["sadness", "anger", "disgust", "fear", "contempt"]
    emotions = [name for label in LABELS for name in members[label]]
    emotion = np.concatenate(
        [
            np.repeat(smoothed[:, [k]], len(members[label]), axis=1) / len(members[label])
            for k, label in enumerate(LABELS)
        ],
        axis=1,
    )
    return Series(
        pts_s=np.array([times[k] for k in seen]),
        labels=LABELS,
        smoothed=smoothed,
        label_column=smoothed.argmax(axis=1),
        emotions=tuple(emotions),
        emotion=emotion,
    )


def make_episodes(times: list[float], values: dict[str, list[float | None]]) -> list[Episode]:
    """Stretches in which the same posterior is the highest."""
    step = times[1] - times[0] if len(times) > 1 else 1.0
    labels = list(values)
    table = np.array([values[label] for label in labels], np.float64)  # None is not a number
    hidden = np.isnan(table).any(axis=0)
    best = np.where(hidden, -1, np.where(hidden, 0, table).argmax(axis=0))
    starts = np.flatnonzero(np.diff(best, prepend=-2)).tolist()
    return [
        Episode(
            label=labels[best[k]],
            start_s=times[k] - step / 2,
            end_s=times[end - 1] + step / 2,
            peak_s=times[k + int(table[best[k], k:end].argmax())],
            mean_posterior=float(table[best[k], k:end].mean()),
        )
        for k, end in pairwise([*starts, len(times)])
        if best[k] >= 0
    ]


def make_statistics(
    duration_s: float,
    episodes: list[Episode],
    *,
    coverage: float = 0.94,
    flags: dict[str, float] | None = None,
    other_people: int = 0,
) -> Statistics:
    """Figures that fit the episodes."""
    sampled = max(1, round(duration_s * 5))
    usable = round(sampled * coverage)
    spent = dict.fromkeys(LABELS, 0.0)
    longest: dict[str, Episode] = {}
    for episode in episodes:
        spent[episode.label] += episode.duration_s
        if episode.label not in longest or episode.duration_s > longest[episode.label].duration_s:
            longest[episode.label] = episode
    total = sum(spent.values())
    shares = {label: spent[label] / total for label in LABELS} if usable and total else {}
    emotions = {"neutral": 0.58, "happiness": 0.2, "sadness": 0.08, "anger": 0.06, "fear": 0.03,
                "disgust": 0.015, "contempt": 0.003, "surprise": 0.032}  # fmt: skip
    return Statistics(
        duration_s=duration_s,
        sampled_frames=sampled,
        usable_frames=usable,
        coverage=usable / sampled,
        shares=shares,
        emotion_shares=emotions if usable else {},
        changes_per_minute=len(episodes) / max(duration_s * coverage / 60, 0.1) if usable else None,
        longest=longest,
        flag_shares=flags
        if flags is not None
        else {"dark": 0.12, "turned_away": 0.07, "cut_off": 0.0},
        other_people=other_people,
    )


def make_frames(
    episodes: list[Episode], directory: Path, *, stem: str = "frame", most: int = 4
) -> list[RepresentativeFrame]:
    """Pictures of the longest episode of each label, written to `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    moods = {"positive": 0.9, "neutral": 0.1, "negative": -0.8, "surprise": 0.0}
    picked: dict[str, Episode] = {}
    for episode in sorted(episodes, key=lambda e: -e.duration_s):
        picked.setdefault(episode.label, episode)
    frames = []
    for number, episode in enumerate(sorted(picked.values(), key=lambda e: e.start_s)[:most]):
        image, overlay = f"{stem}-{number}.jpg", f"{stem}-{number}-map.jpg"
        (directory / image).write_bytes(drawn_face(moods[episode.label]))
        if episode.label == "neutral":
            overlay = ""
        else:
            (directory / overlay).write_bytes(drawn_face(moods[episode.label], warm=True))
        rest = (1 - episode.mean_posterior) / 3
        frames.append(
            RepresentativeFrame(
                label=episode.label,
                emotion={"positive": "happiness", "negative": "anger"}.get(
                    episode.label, episode.label
                ),
                pts_s=episode.peak_s,
                posterior={
                    label: episode.mean_posterior if label == episode.label else rest
                    for label in LABELS
                },
                image_file=image,
                overlay_file=overlay,
                energy={"eyes": 0.18, "mouth": 0.55, "other": 0.27} if overlay else {},
                region={"positive": "mouth", "negative": "eyes"}.get(episode.label, ""),
            )
        )
    return frames


def make_recording(
    directory: Path,
    *,
    recording_id: str = "kim/mock-1.mp4",
    session_date: str = "2026-11-20",
    note: str = "",
    duration_s: float = 754.0,
    seed: int = 1,
    status: str = "done",
    code: str = "",
    other_people: int = 0,
    flags: dict[str, float] | None = None,
    moments: int = 4,
    video: str = "",
    video_s: float | None = None,
    size_px: tuple[int, int] | None = None,
) -> RecordingReport:
    """A recording that was read, in full or in part."""
    times, values = make_timeline(duration_s, seed=seed)
    episodes = make_episodes(times, values)
    series = make_series(times, values)
    return RecordingReport(
        recording_id=recording_id,
        session_date=session_date,
        note=note,
        status=status,
        code=code,
        statistics=make_statistics(duration_s, episodes, other_people=other_people, flags=flags),
        episodes=episodes,
        frames=make_frames(episodes, directory, stem=f"r{seed}", most=moments),
        directory=directory,
        series=series,
        video=video,
        video_s=video_s,
        size_px=size_px,
        unseen=unseen(series.pts_s, runs_of(series), duration_s) if series is not None else [],
    )


def make_answers(
    recording: RecordingReport, count: int = 6, *, question_s: float = 8.0, labelled: bool = True
) -> RecordingReport:
    """The same recording as an interview of so many questions and answers of equal length."""
    series = recording.series
    assert series is not None and recording.statistics is not None
    each_s = recording.statistics.duration_s / count
    segments = []
    for k in range(count):
        at_s, end_s = k * each_s, (k + 1) * each_s
        label = QUESTIONS[k % len(QUESTIONS)] if labelled else ""
        segments += [
            Segment(kind="question", label=label, start_s=at_s, end_s=at_s + question_s,
                    source="turns"),
            Segment(kind="answer", label="", start_s=at_s + question_s, end_s=end_s,
                    source="turns"),
        ]  # fmt: skip
    pts_s = np.arange(0.1, recording.statistics.duration_s, 0.2)
    asked = segment_of(pts_s, segments) % 2 == 1
    seen = SeenFrames(
        pts_s=pts_s,
        shown_s=np.full(len(pts_s), 0.2),
        speaking=np.where(asked, 2, 1).astype(np.int8),
        usable_frame=np.clip(np.searchsorted(pts_s, series.pts_s - 0.05), 0, len(pts_s) - 1),
        reading=series.smoothed,
        labels=series.labels,
        episodes=recording.episodes,
    )
    figures = list(segment_figures(seen, segments))
    return replace(
        recording,
        answers=answers_of(segments, figures),
        speaking=in_state(figures, "speaking"),
        listening=in_state(figures, "listening"),
        sound="heard",
    )


def make_failed(recording_id: str = "kim/broken.mp4") -> RecordingReport:
    """A recording that could not be read at all."""
    return RecordingReport(
        recording_id=recording_id,
        session_date="",
        note="",
        status="failed",
        code="unreadable",
        statistics=None,
        episodes=[],
        frames=[],
        directory=None,
    )


def make_unsure(recording_id: str = "kim/other.mp4") -> RecordingReport:
    """A recording that may show somebody else."""
    return replace(make_failed(recording_id), status=UNSURE, code="")


def make_faceless(
    recording_id: str = "kim/dark.mp4", *, duration_s: float = 120.0
) -> RecordingReport:
    """A recording that was read but never shows a usable face."""
    return RecordingReport(
        recording_id=recording_id,
        session_date="2026-11-19",
        note="",
        status="done",
        statistics=make_statistics(duration_s, [], coverage=0.0, flags={}),
        episodes=[],
        frames=[],
        directory=None,
        unseen=[(0.0, duration_s)],
    )


def make_candidate(
    recordings: list[RecordingReport],
    *,
    candidate_id: str = "kim",
    display_name: str = "Kim Minji",
) -> CandidateReport:
    """A candidate's report over the recordings; figures over all follow the first one read."""
    read = [r for r in recordings if r.statistics is not None]
    overall: Statistics | None = None
    if read:
        episodes = [episode for r in read for episode in r.episodes]
        statistics = [r.statistics for r in read if r.statistics is not None]
        usable = sum(s.usable_frames for s in statistics)
        sampled = sum(s.sampled_frames for s in statistics)
        overall = replace(
            make_statistics(
                sum(s.duration_s for s in statistics), episodes, coverage=usable / sampled
            ),
            other_people=max(s.other_people for s in statistics),
        )
    return CandidateReport(
        candidate_id=candidate_id,
        display_name=display_name,
        recordings=recordings,
        overall=overall,
        provenance=PROVENANCE,
    )


SCHEME = LabelScheme(
    name="five",
    emotions=("happiness", "neutral", "anger", "sadness", "surprise"),
    valence={
        "happiness": "positive", "neutral": "neutral", "anger": "negative", "sadness": "negative",
    },
)  # fmt: skip


def make_analysis(
    duration_s: float = 40.0, *, seed: int = 1, scheme: LabelScheme = SCHEME, loss: str = ""
) -> RecordingAnalysis:
    """What an analysis might have found: two gaps, all labels, frames without a usable face."""
    chance = np.random.default_rng(seed)
    settings = Settings()
    interval_s = 1 / settings.sample_rate_hz
    frames = np.arange(0, duration_s * 30, 6) + chance.integers(0, 2, round(duration_s * 5))
    pts_s = 0.04 + frames * 1001 / 30_000
    share = pts_s / duration_s
    shown = np.flatnonzero(~((share > 0.3) & (share < 0.4)))
    flags = np.zeros((len(shown), len(QUALITY_FLAGS)), bool)
    flags[(share[shown] > 0.7) & (share[shown] < 0.76), 1] = True
    usable = shown[~flags.any(axis=1)]
    drift = chance.normal(0, 1.2, (len(usable), len(scheme.emotions)))
    for k in range(1, len(drift)):
        drift[k] += 0.85 * drift[k - 1]
    weights = np.exp(drift)
    posterior = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    display = display_posterior(scheme, posterior)
    whole_ms = np.round(pts_s[usable], 3)
    episodes = find_episodes(
        whole_ms,
        smooth(whole_ms, display, settings.smoothing_s),
        display_labels(scheme),
        interval_s=interval_s,
        min_duration_s=settings.min_episode_s,
    )
    boxes = np.tile(np.array([200, 100, 300, 230], np.float32), (len(shown), 1))
    points = np.array([[230, 140], [270, 140], [250, 165], [235, 200], [265, 200]], np.float32)
    others = (share > 0.5).astype(np.int64)
    return RecordingAnalysis(
        labels=scheme,
        info=VideoInfo(
            width_px=640,
            height_px=480,
            duration_s=duration_s,
            frame_rate_hz=30.0,
            rotation_deg=0,
            codec="h264",
        ),
        loss=loss,
        frames=SampledFrames(
            frame_index=frames,
            pts_s=pts_s,
            other_faces=others,
            shown_frame=shown,
            track_id=np.zeros(len(shown), np.int64),
            confidence=np.full(len(shown), 0.99, np.float32),
            boxes=boxes,
            flags=flags,
            usable_frame=usable,
            posterior=posterior,
            reading=display,
            landmarks=np.tile(points, (len(shown), 1, 1)),
            sharpness=np.full(len(shown), 0.2, np.float32),
            brightness=np.full(len(shown), 120.5, np.float32),
        ),
        baseline=Baseline(),
        statistics=summarise(
            scheme=scheme,
            scored=ScoredFrames(pts_s=pts_s[usable], emotion=posterior, reading=display),
            sampled_frames=len(pts_s),
            interval_s=interval_s,
            episodes=episodes,
            flags=flags,
            other_people=1,
        ),
        episodes=episodes,
        pictures=[],
        files={},
        stages={},
    )


def make_outcome(
    directory: Path, recording_id: str = "kim/mock-1.mp4", *, scheme: LabelScheme = SCHEME,
    seed: int = 1, **of_recording: str,
) -> Outcome:  # fmt: skip
    """An outcome whose result lies in a directory, as an analysis leaves it."""
    directory.mkdir(parents=True)
    write_result(make_analysis(seed=seed, scheme=scheme), directory)
    recording = Recording(
        path=Path("/recordings") / recording_id,
        recording_id=recording_id,
        sha256="07ab" * 16,
        **{"candidate_id": "kim", "display_name": "Kim Minji", **of_recording},
    )
    return Outcome(recording=recording, status="done", result=StoredResult.read(directory))


def make_spec(scheme: LabelScheme = SCHEME) -> ModelSpec:
    """The description of a model that knows a label scheme."""
    return ModelSpec(
        name="made up",
        architecture="VGG16DenseNet",
        labels=scheme,
        input_px=48,
        template_px=np.zeros((5, 2), np.float32),
        sha256="9f2c" * 16,
    )


IDLE_CONTEXT = SimpleNamespace(  # of a worker whose analysis only pretends
    timing=SimpleNamespace(seconds={}),
    decoding=SimpleNamespace(warnings=[]),
    notes=(),
    progress=SimpleNamespace(tell=None),
    classifier=SimpleNamespace(device_name="cpu", precision="float32"),
    settings=Settings(),
)


def write_owner_only(
    analysis: object, directory: Path, *, recording: Recording, origin: dict[str, str]
) -> None:
    """In the place of `write_result`, for an analysis that has put its result there itself."""
    write_owners([Owner(recording=recording)], directory)
