"""The analysis of one recording: what was seen of it, brought to posteriors, episodes, pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from poise.analysis.context import AnalysisContext
from poise.analysis.crop_file import CropFile
from poise.analysis.listen import listen
from poise.analysis.looks import classify_in_turn
from poise.analysis.moments import illustrate
from poise.analysis.observe import next_look, observe
from poise.analysis.people.findings import findings
from poise.analysis.people.portraits import portrait_embedding
from poise.analysis.people.who import Decision, decide, rough_choice
from poise.analysis.picking import Readings, choose_frames
from poise.analysis.sightings import Sightings
from poise.analysis.views import Look, wider_canvas
from poise.errors import VideoError
from poise.expression.calibration import posteriors
from poise.faces.candidate import frames_with_others, of_people
from poise.faces.pose import head_pose
from poise.faces.quality import covered_throughout
from poise.labels import QUALITY_FLAGS, display_labels, display_posterior
from poise.media.decoders.sampling import SampleSpan
from poise.remarks import ReadingRemark
from poise.settings import Settings
from poise.spoken import Segment, Sound
from poise.timeline.baseline import GIVEN, NONE
from poise.timeline.reading import Reading, read_through_time
from poise.timeline.segments import in_force
from poise.timeline.smoothing import holes, local_intervals, shown_for
from poise.timeline.statistics import ScoredFrames, summarise
from poise.types import (
    Baseline,
    FloatArray,
    IntArray,
    RecordingAnalysis,
    SampledFrames,
    Statistics,
    TimeArray,
    VideoInfo,
)

SIGHTINGS_FILE, CROPS_FILE = "sightings.npz", "crops.u8"
_SPARSE_S = 0.5  # from picture to picture; what is sparser misses short expressions
_LEFT_OUT_TOLD_S = 1.0  # of a face that may be the candidate's or not
_UNHEARD_TOLD_S = 10.0  # of a mouth that moves as in speaking
_HOLES_TOLD = 3  # the longest; the others are told in one line


def analyse_recording(
    path: Path,
    context: AnalysisContext,
    scratch: Path,
    *,
    neutral_span_s: tuple[float, float] | None = None,
    portrait: Path | None = None,
    segments: Sequence[Segment] = (),
) -> RecordingAnalysis:
    """Analyse one recording.

    Args:
        path: The recording.
        context: Networks, decoding process and settings.
        scratch: A directory in which aligned crops wait; nothing stays there.
        neutral_span_s: From when to when the candidate's face rests, if that is known.
        portrait: A picture of the candidate.
        segments: Answers and questions that a centre gave: each answer shall have a picture. If
            they change later, the pictures stay as they are.

    Raises:
        VideoError: If the recording cannot be read at all.
    """
    context.timing.seconds.clear()
    with CropFile(scratch, context.spec.input_px) as crops:
        look = Look(short_side_px=context.settings.detection_px)
        info, seen = observe(path, context, crops, look=look, glancing=True)
        return _conclude(path, context, info, seen, crops, neutral_span_s, portrait, segments)


def observe_part(
    path: Path, context: AnalysisContext, span: SampleSpan, look: Look, directory: Path
) -> None:
    """Observe a part of a recording and leave what was seen in a directory.

    Raises:
        VideoError: If it cannot be read at all.
    """
    context.timing.seconds.clear()
    with CropFile(directory, context.spec.input_px, name=CROPS_FILE) as crops:
        _, seen = observe(path, context, crops, look=look, span=span)
        seen = replace(seen, stages=dict(context.timing.seconds))
        seen.save(directory / SIGHTINGS_FILE)


def analyse_parts(
    path: Path,
    context: AnalysisContext,
    parts: Sequence[Path],
    scratch: Path,
    *,
    neutral_span_s: tuple[float, float] | None = None,
    portrait: Path | None = None,
    segments: Sequence[Segment] = (),
) -> RecordingAnalysis:
    """As `analyse_recording`, from what `observe_part` left of all parts in order.

    Raises:
        VideoError: If a part is damaged: what is missing of it cannot be counted from the others.
    """
    context.timing.seconds.clear()
    observed = [Sightings.load(part / SIGHTINGS_FILE) for part in parts]
    for sightings in observed:
        if sightings.loss:
            raise VideoError(sightings.loss, remedy="Analyse the recording whole.", path=path)
    seen = Sightings.joined(observed)
    if wider_canvas(seen.look, seen.wanted_px, seen.size_px) is not None:
        raise VideoError(
            "its picture grows in one of its parts",
            remedy="Analyse the recording whole.",
            path=path,
        )
    with CropFile(scratch, context.spec.input_px) as crops:
        for part in parts:
            crops.append_file(part / CROPS_FILE)
        view = seen.look.view
        info = context.decoding.describe(path, backend=context.settings.decoder, view=view)
        return _conclude(path, context, info, seen, crops, neutral_span_s, portrait, segments)


def _conclude(
    path: Path,
    context: AnalysisContext,
    info: VideoInfo,
    seen: Sightings,
    crops: CropFile,
    neutral_span_s: tuple[float, float] | None,
    portrait: Path | None,
    segments: Sequence[Segment],
) -> RecordingAnalysis:
    """From faces to results; closer looks come first where the candidate's face is too small."""
    settings, spec, timing = context.settings, context.spec, context.timing
    while look := next_look(path, context, info, seen, rough_choice(seen)):
        info, seen = observe(path, context, crops, look=look)
    with timing("identify"):
        likeness = portrait_embedding(portrait, context) if portrait else None
        decision = decide(seen, crops, context.embedder, likeness)
        identity, files = findings(decision, seen, crops, by_portrait=likeness is not None)
    shown, others = _candidate_and_others(decision, seen)
    _flag_through_time(decision, seen, shown)
    usable = shown[~seen.flags[shown].any(axis=1)]
    sampled_s = np.round(seen.pts_s, 3)  # whole milliseconds, as tables have them
    with timing("classify"):
        posterior = _classified(context, seen, crops, usable, sampled_s)
    with timing("listen"):
        heard = listen(
            path, context, crops, seen.pts_s, seen.frame[shown], shown, decision.track_id[shown]
        )
    read = read_through_time(
        display_posterior(spec.labels, posterior),
        display_labels(spec.labels),
        sampled_s,
        seen.frame[usable],
        settings=settings,
        turns=heard.sound.spoken,
        neutral_span_s=neutral_span_s,
    )
    readings = Readings(
        labels=display_labels(spec.labels),
        pts_s=sampled_s[seen.frame[usable]],
        smoothed=read.smoothed,
        raw=read.posterior,
        sharpness=seen.sharpness[usable],
    )
    answers = in_force(segments, heard.sound)
    picked = choose_frames(read.episodes, readings, settings.frames_per_class, answers)
    with timing("explain"):
        pictures, drawn, loss = illustrate(
            path, context, seen, usable, posterior, read.posterior, picked
        )
    return RecordingAnalysis(
        labels=spec.labels,
        info=info,
        loss="; ".join(filter(None, [seen.loss, loss])),
        remarks=(
            *_remarks(decision, seen, shown, settings, heard.sound),
            *_of_resting_face(read.baseline, settings, neutral_span_s),
        ),
        frames=SampledFrames(
            frame_index=seen.frame_index,
            pts_s=seen.pts_s,
            other_faces=others,
            shown_frame=seen.frame[shown],
            track_id=decision.track_id[shown],
            confidence=seen.confidence[shown],
            boxes=seen.boxes[shown],
            flags=seen.flags[shown],
            pose_deg=head_pose(seen.landmarks[shown]),
            usable_frame=seen.frame[usable],
            posterior=posterior,
            reading=read.posterior,
            landmarks=seen.landmarks[shown],
            sharpness=seen.sharpness[shown],
            brightness=seen.brightness[shown],
            speaking=heard.speaking,
        ),
        baseline=read.baseline,
        sound=heard.sound,
        statistics=_statistics(context, seen, shown, usable, others, sampled_s, posterior, read),
        episodes=read.episodes,
        pictures=pictures,
        files=files | drawn,
        identity=identity,
        stages=dict(Counter(seen.stages) + Counter(timing.seconds)),
    )


def _candidate_and_others(decision: Decision, seen: Sightings) -> tuple[IntArray, IntArray]:
    """Faces that show the candidate, int64 [J], and how many other people each frame shows, [F].

    Faces of which it is unsure whose they are count as neither.
    """
    choice, track_id = decision.choice, decision.track_id
    is_candidate = np.isin(track_id, [t.track_id for t in choice.tracks]) & ~decision.undecided
    uncertain = [t.track_id for person in choice.uncertain for t in person.tracks]
    unsure = np.isin(track_id, uncertain) | decision.undecided
    is_other = of_people(track_id, seen.confidence) & ~unsure
    sure = is_candidate | is_other
    others = frames_with_others(seen.frame[sure], is_candidate[sure], len(seen.pts_s))
    return _one_per_frame(seen, is_candidate), others


def _flag_through_time(decision: Decision, seen: Sightings, shown: IntArray) -> None:
    """Set the flags of the candidate's faces that no single picture tells."""
    seen.flags[decision.motionless, QUALITY_FLAGS.index("still")] = True
    covered = QUALITY_FLAGS.index("covered")
    pts_s = seen.pts_s[seen.frame[shown]]
    seen.flags[shown, covered] = covered_throughout(seen.flags[shown, covered], pts_s)


def _left_out_s(decision: Decision, seen: Sightings, shown: IntArray, interval_s: float) -> float:
    """How long a face is shown that may be the candidate's or not, in place of the candidate's."""
    tracks = [t.track_id for person in decision.choice.uncertain for t in person.tracks]
    uncertain = np.isin(decision.track_id, tracks) | decision.undecided
    uncertain &= of_people(decision.track_id, seen.confidence)
    frames = np.setdiff1d(seen.frame[uncertain], seen.frame[shown])
    return float(shown_for(np.round(seen.pts_s, 3), interval_s)[frames].sum())


def _classified(
    context: AnalysisContext,
    seen: Sightings,
    crops: CropFile,
    usable: IntArray,
    sampled_s: TimeArray,
) -> FloatArray:
    """Posteriors of the emotions for the usable faces, float32 [K, C]."""
    spec = context.spec
    logits = classify_in_turn(context.classifier, crops, usable, sampled_s[seen.frame[usable]])
    eye_px = _eye_distance(seen.landmarks[usable])
    return posteriors(logits, spec.labels, spec.temperature, spec.valence_calibrations, eye_px)


def _statistics(
    context: AnalysisContext,
    seen: Sightings,
    shown: IntArray,
    usable: IntArray,
    others: IntArray,
    sampled_s: TimeArray,
    posterior: FloatArray,
    read: Reading,
) -> Statistics:
    """Figures of the recording as it was read."""
    interval_s = 1 / context.settings.sample_rate_hz
    shown_s = shown_for(sampled_s, interval_s)
    pts_s = sampled_s[seen.frame[usable]]
    return summarise(
        scheme=context.spec.labels,
        scored=ScoredFrames(pts_s=pts_s, emotion=posterior, reading=read.posterior),
        sampled_frames=len(seen.pts_s),
        interval_s=float(shown_s.mean()) if len(shown_s) else interval_s,
        episodes=read.episodes,
        flags=seen.flags[shown],
        other_people=int(others.max(initial=0)),
        span_s=_span(seen.pts_s, shown_s),
    )


def _one_per_frame(seen: Sightings, is_candidate: npt.NDArray[np.bool_]) -> IntArray:
    """The candidate's face in each frame that shows it, int64 [J], in order of time."""
    rows = np.flatnonzero(is_candidate)
    side = seen.boxes[rows, 3] - seen.boxes[rows, 1]
    rows = rows[np.lexsort((-side, seen.frame[rows]))]  # of two in one frame, the larger
    _, first = np.unique(seen.frame[rows], return_index=True)
    return rows[first]


def _eye_distance(landmarks_px: FloatArray) -> FloatArray:
    """The median distance of the eyes in pixels, for each of the faces: float32 [K].

    One for the whole recording, so that a face that comes nearer is read as before.
    """
    across = np.linalg.norm(landmarks_px[:, 1] - landmarks_px[:, 0], axis=1)
    return np.full(len(across), np.median(across) if len(across) else 0.0, np.float32)


def _span(pts_s: TimeArray, shown_s: TimeArray) -> tuple[float, float]:
    """Where the first sampled frame begins and the last one ends."""
    return (float(pts_s[0]), float(pts_s[-1] + shown_s[-1])) if len(pts_s) else (0.0, 0.0)


def _of_resting_face(
    baseline: Baseline, settings: Settings, span_s: tuple[float, float] | None
) -> list[ReadingRemark]:
    """That a span was named for the resting face and could not be used."""
    if span_s is None or baseline.kind == GIVEN or settings.baseline == NONE:
        return []
    return [ReadingRemark(code="rest_unused", values={"start_s": span_s[0], "end_s": span_s[1]})]


def _remarks(
    decision: Decision, seen: Sightings, shown: IntArray, settings: Settings, sound: Sound
) -> tuple[ReadingRemark, ...]:
    """What was unusual about a recording: how it was read, when it shows no picture, how long a
    face that may be the candidate's or not, and how long a mouth that may speak unheard."""
    interval_s = 1 / settings.sample_rate_hz
    found = [one for one in seen.remarks if settings.sound or one.code != "sound_chosen"]
    if turn_deg := seen.look.view.turn_deg:
        found.append(ReadingRemark(code="turned", values={"degrees": turn_deg}))
    left_out_s = _left_out_s(decision, seen, shown, interval_s)
    if left_out_s >= _LEFT_OUT_TOLD_S:
        found.append(ReadingRemark(code="uncertain_face", values={"total_s": left_out_s}))
    unheard_s = sum(turn.end_s - turn.start_s for turn in sound.unheard)
    if unheard_s >= _UNHEARD_TOLD_S and sound.status in ("heard", "silent"):
        found.append(ReadingRemark(code="unheard", values={"total_s": unheard_s}))
    usual_s = float(np.median(local_intervals(seen.pts_s))) if len(seen.pts_s) > 1 else 0.0
    if usual_s > max(_SPARSE_S, 1.5 * interval_s):
        found.append(ReadingRemark(code="sparse", values={"interval_s": usual_s}))
    missing = holes(seen.pts_s)
    longest = sorted(np.argsort(missing[:, 0] - missing[:, 1])[:_HOLES_TOLD].tolist())
    for start_s, end_s in missing[longest].tolist():
        found.append(ReadingRemark(code="no_picture", values={"start_s": start_s, "end_s": end_s}))
    if len(missing) > len(longest):
        rest = np.delete(missing, longest, axis=0)
        total_s = float((rest[:, 1] - rest[:, 0]).sum())
        found.append(
            ReadingRemark(
                code="more_without_picture", values={"count": len(rest), "total_s": total_s}
            )
        )
    return tuple(found)
