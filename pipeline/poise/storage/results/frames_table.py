"""The table of frames, from the arrays that an analysis left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from poise.labels import QUALITY_FLAGS, VALENCES, LabelScheme, display_labels
from poise.spoken import SPEAKING, Segment, Turn
from poise.storage.table_schema import LANDMARK_COLUMNS, POSE_COLUMNS, as_table, frames_schema
from poise.timeline.articulation import bandwidths
from poise.timeline.segment_figures import segment_of
from poise.timeline.smoothing import continuous_runs, gap_limits, own_intervals, smooth
from poise.timeline.timecodes import timecode
from poise.types import TimeArray

Spans = Sequence[tuple[float, float]]  # from and to, in seconds

if TYPE_CHECKING:
    import pandas as pd

Arrays = Mapping[str, npt.NDArray[Any]]


def frames_table(
    seen: Arrays,
    labels: LabelScheme,
    smoothing_s: float,
    nominal_s: float,
    segments: Sequence[Segment] = (),
    turns: Sequence[Turn] = (),
) -> pd.DataFrame:
    """One row per sampled frame, with the columns of `frames_schema` but `recording_id`.

    Args:
        seen: The arrays of `poise.types.SampledFrames` by name; those that an earlier analysis
            did not leave are missing in the table.
        labels: Of the model.
        smoothing_s: Bandwidth of the smoothing, see `poise.timeline.smoothing.smooth`.
        nominal_s: Sampling interval that was asked for.
        segments: Of the recording. In what is excluded nothing is smoothed, and there is no run.
        turns: Who speaks when.
    """
    import pandas as pd

    pts_ms = np.round(seen["pts_s"] * 1000).astype(np.int64)
    count = len(pts_ms)
    left = counted(seen, excluded := excluded_spans(segments))
    bandwidth_s = bandwidths(usable_times(left), turns, smoothing_s)
    columns = {
        "frame_index": seen["frame_index"],
        "pts_ms": pts_ms,
        "timecode": [timecode(int(ms)) for ms in pts_ms],
        "face_found": _marked(seen["shown_frame"], count),
        "usable": _marked(seen["usable_frame"], count),
        "other_faces": seen["other_faces"],
    }
    for frames, some in (
        (seen["shown_frame"], _face(seen)),
        (seen["usable_frame"], _said(seen, labels)),
        (left["usable_frame"], _over_time(left, labels, bandwidth_s, nominal_s, excluded)),
    ):
        columns |= {name: _spread(values, frames, count) for name, values in some.items()}
    if "speaking" in seen:
        names = np.array([*SPEAKING, None], object)  # -1 is the last of them: unknown
        columns["speaking"] = pd.array(names[seen["speaking"]], dtype="string")
    numbers = segment_of(seen["pts_s"].round(3), segments)
    columns["segment"] = _spread(numbers[numbers != 0], np.flatnonzero(numbers), count)
    return as_table(pd.DataFrame(columns), frames_schema(labels)[1:])


def _marked(frames: npt.NDArray[Any], count: int) -> npt.NDArray[np.bool_]:
    """Which of all frames these are, bool [count]."""
    marked = np.zeros(count, np.bool_)
    marked[frames] = True
    return marked


def _spread(values: npt.NDArray[Any], frames: npt.NDArray[Any], count: int) -> Any:
    """Values of some frames as a column of all, missing where there is none; an array of pandas."""
    import pandas as pd

    if values.dtype == object:
        texts = np.full(count, None, object)
        texts[frames] = values
        return pd.array(texts, dtype="string")
    whole = np.zeros(count, values.dtype)
    whole[frames] = values
    known = _marked(frames, count)
    if values.dtype == np.bool_:
        return pd.arrays.BooleanArray(whole, ~known)
    if values.dtype.kind in "iu":
        return pd.arrays.IntegerArray(whole.astype(np.int64), ~known)
    return pd.arrays.FloatingArray(whole.astype(np.float64), ~known | np.isnan(whole))


def usable_times(seen: Arrays) -> TimeArray:
    """Times of the usable frames in seconds, to the millisecond, as episodes are made of them."""
    times: TimeArray = seen["pts_s"][seen["usable_frame"]].astype(np.float64)
    return times.round(3)


def usable_gaps(seen: Arrays, excluded_s: Spans = ()) -> TimeArray:
    """Longest time to the next usable frame that is no gap; see `smoothing.gap_limits`.

    Args:
        seen: See `frames_table`.
        excluded_s: Stretches across which there is a gap, however short they are.
    """
    limits = gap_limits(seen["pts_s"].astype(np.float64).round(3), seen["usable_frame"])
    pts_s = usable_times(seen)
    for start_s, end_s in excluded_s:
        limits[(pts_s[:-1] < start_s) & (pts_s[1:] >= end_s)] = 0.0
    return limits


def excluded_spans(segments: Sequence[Segment]) -> tuple[tuple[float, float], ...]:
    """From when to when a recording is left out, in seconds."""
    return tuple((s.start_s, s.end_s) for s in segments if s.kind == "excluded")


def outside(pts_s: TimeArray, stretches: Spans) -> npt.NDArray[np.bool_]:
    """Whether each moment lies in none of the stretches, bool [F]."""
    kept = np.ones(len(pts_s), np.bool_)
    for start_s, end_s in stretches:
        kept &= (pts_s < start_s) | (pts_s >= end_s)
    return kept


def counted(seen: Arrays, excluded_s: Spans) -> Arrays:
    """The arrays with those faces alone that lie in no excluded stretch; all sampled frames."""
    if not excluded_s:
        return seen
    kept = outside(seen["pts_s"].astype(np.float64).round(3), excluded_s)
    shown, usable = kept[seen["shown_frame"]], kept[seen["usable_frame"]]
    of_usable = ("usable_frame", "posterior", "reading")
    return {
        name: array[usable] if name in of_usable
        else array if name in ("frame_index", "pts_s", "other_faces", "speaking")
        else array[shown]
        for name, array in seen.items()
    }  # fmt: skip


def _face(seen: Arrays) -> dict[str, Any]:
    """Columns of the frames that show the candidate."""
    columns: dict[str, Any] = {
        "track_id": seen["track_id"],
        "detection_confidence": seen["confidence"],
        **dict(zip(("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"), seen["boxes"].T,
                   strict=True)),
        **dict(zip(QUALITY_FLAGS, seen["flags"].T, strict=False)),
    }  # fmt: skip
    if "landmarks" in seen:
        points = seen["landmarks"].reshape(len(seen["shown_frame"]), len(LANDMARK_COLUMNS))
        columns |= dict(zip(LANDMARK_COLUMNS, points.T, strict=True))
    if "pose_deg" in seen:
        columns |= dict(zip(POSE_COLUMNS, seen["pose_deg"].T, strict=True))
    columns |= {name: seen[name] for name in ("sharpness", "brightness") if name in seen}
    return columns


def _said(seen: Arrays, labels: LabelScheme) -> dict[str, Any]:
    """Columns of the usable frames, each by itself."""
    emotion = seen["posterior"]
    valence = labels.valence_posterior(emotion)
    reading = seen["reading"]
    relative = reading[:, : len(VALENCES)]
    relative = relative / np.maximum(relative.sum(axis=1, keepdims=True), 1e-12)
    names = np.array(display_labels(labels), object)
    return {
        **{f"p_{name}": valence[:, k] for k, name in enumerate(VALENCES)},
        **{f"rel_p_{name}": relative[:, k] for k, name in enumerate(VALENCES)},
        **{f"emotion_p_{name}": emotion[:, k] for k, name in enumerate(labels.emotions)},
        "label": names[reading.argmax(axis=1)],
        "emotion": np.array(labels.emotions, object)[emotion.argmax(axis=1)],
    }


def _over_time(
    seen: Arrays, labels: LabelScheme, bandwidth_s: TimeArray, nominal_s: float, excluded_s: Spans
) -> dict[str, Any]:
    """Columns of the usable frames that count, as they stand in time."""
    pts_s, gap_s = usable_times(seen), usable_gaps(seen, excluded_s)
    smoothed = smooth(pts_s, seen["reading"], bandwidth_s, gap_s)
    runs = continuous_runs(pts_s, gap_s)
    lengths = [end - start for start, end in runs]
    intervals_s = own_intervals(seen["pts_s"].astype(np.float64).round(3), nominal_s)
    return {
        **{f"smooth_p_{name}": smoothed[:, k] for k, name in enumerate(display_labels(labels))},
        "run": np.repeat(np.arange(1, len(runs) + 1), lengths),
        "interval_ms": 1000 * intervals_s[seen["usable_frame"]],
    }
